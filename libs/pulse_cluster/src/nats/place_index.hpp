// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where in a stream the offsets of one channel are: a few entries that are spread over all that was
// added, whatever that was. When there are too many, every other one goes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace pulse::cluster {

class PlaceIndex {
  public:
    struct Entry {
        std::uint64_t first = 0;     ///< offset of the message's first publication
        std::uint64_t sequence = 0;  ///< of the message in the stream
        std::uint64_t bytes = 0;     ///< of all messages added before
        std::uint64_t messages = 0;  ///< likewise
    };

    void add(std::uint64_t first, std::uint64_t sequence, std::size_t bytes) {
        const bool is_due = messages_ % stride_ == 0;
        if (is_due) entries_.push_back({first, sequence, bytes_, messages_});
        bytes_ += bytes;
        ++messages_;
        if (entries_.size() < kMaxEntries) return;
        for (std::size_t i = 0; 2 * i < entries_.size(); ++i) entries_[i] = entries_[2 * i];
        entries_.resize((entries_.size() + 1) / 2);
        stride_ *= 2;
    }
    /// The newest message that begins with this offset or before it.
    [[nodiscard]] std::optional<Entry> find(std::uint64_t offset) const {
        const auto after = std::upper_bound(
            entries_.begin(), entries_.end(), offset,
            [](std::uint64_t wanted, const Entry& entry) { return wanted < entry.first; });
        if (after == entries_.begin()) return std::nullopt;
        return *std::prev(after);
    }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }
    void clear() { *this = {}; }

  private:
    static constexpr std::size_t kMaxEntries = 128;
    std::vector<Entry> entries_;
    std::uint64_t stride_ = 1;
    std::uint64_t bytes_ = 0;
    std::uint64_t messages_ = 0;
};

}  // namespace pulse::cluster
