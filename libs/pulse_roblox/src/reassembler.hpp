// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Chunks back to items: in any order, repeated, mixed, or never complete, within bounds.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/result.hpp>
#include <pulse/roblox/frame.hpp>

namespace pulse::roblox {

struct ReassemblerOptions {
    std::chrono::milliseconds timeout{15'000};  ///< since the first chunk of an item
    std::size_t max_open = 64;
    std::size_t max_bytes = std::size_t{1} << 20;
};

/// **Loop-bound.**
class Reassembler {
  public:
    explicit Reassembler(ReassemblerOptions options = {}) : options_(options) {}

    /// The item's text when this chunk completes it, nothing when chunks are still missing. Errors:
    /// Error::invalid_frame when the chunk disagrees with those before it, Error::checksum_mismatch
    /// when the pieces do not add up; the item is dropped then.
    [[nodiscard]] core::Result<std::optional<std::string>> add(const FrameView& frame,
                                                               core::MonotonicTime now);
    /// Drops what has waited too long; add() does that too.
    void expire(core::MonotonicTime now);

    [[nodiscard]] std::size_t open_count() const noexcept { return open_.size(); }
    [[nodiscard]] std::size_t byte_count() const noexcept { return bytes_; }
    /// Items given up: too late, crowded out, or damaged.
    [[nodiscard]] std::uint64_t dropped_count() const noexcept { return dropped_; }

  private:
    using Key = std::pair<std::string, std::string>;  // epoch, id
    struct Assembly {
        Key key;
        core::MonotonicTime begun{};
        unsigned count = 0;
        unsigned missing = 0;
        std::uint32_t crc = 0;
        std::size_t bytes = 0;
        std::vector<std::string> pieces;
    };
    using Assemblies = std::list<Assembly>;  // oldest first

    void drop(Assemblies::iterator assembly);

    ReassemblerOptions options_;
    Assemblies open_;
    std::map<Key, Assemblies::iterator> by_key_;
    std::size_t bytes_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace pulse::roblox
