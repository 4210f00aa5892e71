// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the outlets of one lane have for one other node in one turn: bytes that several of them have
// in common are in it once, and outlets that have the same are named together.
//
// What is common is known by its place in memory: the lane's chunks, which stay where they are
// until the turn is over. So a batch is written before the next turn's outlets add to it.
#pragma once

#include "relay/records.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

#include <pulse/core/memory.hpp>

namespace pulse::cluster {

/// **Loop-bound.**
class FrameBatch {
  public:
    /// The last group that a session stands in; the session keeps it. Valid until the batch is
    /// written.
    struct Mark {
        std::uint64_t turn = 0;  ///< of the batch; 0: none yet
        std::uint32_t group = 0;
    };
    /// What the session is to get next.
    void add(SessionNumber session, Mark& mark, std::span<const iovec> pieces);
    [[nodiscard]] bool is_empty() const noexcept { return groups_.empty(); }
    /// About what write() will write.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    /// As a record; is empty then.
    void write(std::string& out);

  private:
    struct Slice {
        std::uint32_t blob;
        std::uint32_t begin;
        std::uint32_t size;
        friend auto operator<=>(const Slice&, const Slice&) = default;
    };
    using Slices = std::vector<Slice>;
    struct Place {
        std::size_t size;
        std::uint32_t blob;
    };

    using Group = std::pair<const Slices*, std::vector<SessionNumber>>;

    void add_piece(const char* begin, std::size_t size);
    [[nodiscard]] bool is_as_last(std::span<const iovec> pieces) const noexcept;
    /// The group of `scratch_`, or a later one than `from` when that is before it.
    [[nodiscard]] std::uint32_t group_from(std::uint32_t from);

    std::vector<std::string> blobs_;
    std::map<const char*, Place> places_;  ///< blobs by where they were copied from; none overlap
    std::map<Slices, std::uint32_t> known_;
    std::vector<Group> groups_;
    std::vector<iovec> last_pieces_;  ///< what was added last
    std::uint32_t last_group_ = 0;    ///< and where
    std::uint64_t turn_ = 1;          ///< grows when it is written
    std::vector<SessionNumber> spare_;
    Slices scratch_;
    std::size_t bytes_ = 0;
};

/// A record of frames, as it came. **Immutable**, shared by the lanes that it is for.
class Frames {
  public:
    /// Nothing unless all of it makes sense.
    [[nodiscard]] static std::shared_ptr<const Frames> read(std::string_view body);

    struct Slice {
        std::uint32_t begin;  ///< in the blobs, one behind the other
        std::uint32_t size;
    };
    struct Group {
        std::vector<Slice> slices;
        std::vector<SessionNumber> sessions;
    };
    [[nodiscard]] const std::vector<Group>& groups() const noexcept { return groups_; }
    /// All blobs, in a chunk that counts against `budget` (may be null); null when there is no
    /// memory for it.
    [[nodiscard]] core::ChunkRef chunk(core::MemoryBudget* budget) const;
    [[nodiscard]] std::size_t size() const noexcept { return blobs_.size(); }

  private:
    std::string blobs_;
    std::vector<Group> groups_;
};

}  // namespace pulse::cluster
