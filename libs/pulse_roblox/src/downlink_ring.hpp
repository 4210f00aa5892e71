// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The latest messages of a universe with a place each, for readers that come for them: polling game
// servers, and WebSocket clients that resume. A reader's cursor is `<epoch>:<seq>` of the last it
// has.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/bridge_options.hpp>

namespace pulse::roblox {

struct DownlinkMessage {
    std::uint64_t seq = 0;
    std::string topic;
    std::string message;    ///< JSON
    std::string options{};  ///< JSON or empty
    /// Only for this one; empty = for all. Of messages for web clients: who sent it.
    std::string server{};
    std::uint64_t place = 0;        ///< only for servers of this place; 0 = of any
    bool is_for_deaf_only = false;  ///< others hear it through MessagingService
    std::uint64_t sent_at_ms = 0;
    core::MonotonicTime at{};
};

/// **Loop-bound.**
class DownlinkRing {
  public:
    explicit DownlinkRing(std::string epoch, DownlinkRingOptions options = {})
        : epoch_(std::move(epoch)), options_(options) {}

    std::uint64_t add(DownlinkMessage message, core::MonotonicTime now);
    [[nodiscard]] const std::string& epoch() const noexcept { return epoch_; }
    [[nodiscard]] std::uint64_t last_seq() const noexcept { return last_seq_; }
    [[nodiscard]] std::string cursor_at(std::uint64_t seq) const {
        return epoch_ + ":" + std::to_string(seq);
    }
    /// Behind everything so far.
    [[nodiscard]] std::string cursor() const { return cursor_at(last_seq_); }

    struct Page {
        std::vector<const DownlinkMessage*> messages;  ///< good until the next call of add()
        std::string cursor;                            ///< for the next read
        bool has_missed = false;  ///< some that would have been for this reader may be gone
        bool has_more = false;
    };
    /// What came behind `cursor` and passes `wanted`. An empty cursor begins at the end; one that
    /// cannot be read, of another epoch or too old begins with the oldest and says `has_missed`.
    [[nodiscard]] Page read(std::string_view cursor,
                            const std::function<bool(const DownlinkMessage&)>& wanted,
                            std::size_t max_messages, std::size_t max_bytes,
                            core::MonotonicTime now);

    /// The same behind a number of our own.
    [[nodiscard]] Page read_after(std::uint64_t after,
                                  const std::function<bool(const DownlinkMessage&)>& wanted,
                                  std::size_t max_messages, std::size_t max_bytes,
                                  core::MonotonicTime now);

    /// Forgets what is too old, which add() and read() do, too.
    void expire(core::MonotonicTime now) { evict(now); }

    [[nodiscard]] std::size_t size() const noexcept { return messages_.size(); }
    [[nodiscard]] std::size_t byte_count() const noexcept { return bytes_; }

  private:
    void evict(core::MonotonicTime now);

    std::string epoch_;
    DownlinkRingOptions options_;
    std::deque<DownlinkMessage> messages_;
    std::uint64_t last_seq_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace pulse::roblox
