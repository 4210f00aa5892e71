// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Frames that were sent, for receivers that miss some. Keeps the last so many messages and all that
// is younger than a minute, whichever is more, within a bound on bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/bridge_options.hpp>

namespace pulse::roblox {

/// **Loop-bound.**
class FrameRing {
  public:
    explicit FrameRing(FrameRingOptions options = {}) : options_(options) {}

    void add(std::string_view real_topic, std::uint64_t seq, std::string text, std::size_t messages,
             core::MonotonicTime now);
    /// The frame was given up: its senders were told so, and a receiver that asks for it has missed
    /// nothing.
    void make_void(std::string_view real_topic, std::uint64_t seq);

    struct Found {
        std::vector<std::string> frames;       ///< in order
        std::vector<std::uint64_t> void_seqs;  ///< nothing to be had, and nothing lost
        std::vector<std::uint64_t> gone_seqs;  ///< lost: no longer kept
        bool has_more = false;                 ///< ask again for what is missing in all three
    };
    /// What of `first` … `last` is there. A range longer than an answer is answered in part.
    [[nodiscard]] Found find(std::string_view real_topic, std::uint64_t first, std::uint64_t last,
                             core::MonotonicTime now);

    void clear();

    [[nodiscard]] std::size_t message_count() const noexcept { return messages_; }
    [[nodiscard]] std::size_t byte_count() const noexcept { return bytes_; }

  private:
    struct Frame {
        std::string text;  // empty = void
        std::size_t messages = 0;
    };
    using Frames = std::map<std::uint64_t, Frame>;
    struct Age {
        core::MonotonicTime at{};
        std::string real_topic;
        std::uint64_t seq = 0;
    };

    void evict(core::MonotonicTime now);

    FrameRingOptions options_;
    std::map<std::string, Frames, std::less<>> topics_;
    std::deque<Age> by_age_;
    std::size_t messages_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace pulse::roblox
