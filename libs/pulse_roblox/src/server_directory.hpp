// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/bridge_stats.hpp>
#include <pulse/roblox/uplink_body.hpp>

namespace pulse::roblox {

/// A game server that has said hello, or polls.
struct LiveServer {
    ServerHello hello;
    ServerTransport transport = ServerTransport::messaging;
    core::MonotonicTime seen{};
    bool has_said_hello = false;
    std::uint64_t poll = 0;  ///< the one that is held; 0 = none

    // Of those that are woken; see WakeBook.
    enum class Sleep : unsigned char { awake, asleep, unread };
    Sleep sleep = Sleep::awake;
    unsigned wakes = 0;
    /// When its last poll ended.
    core::MonotonicTime polled = core::MonotonicTime::min();
    core::MonotonicTime wake_at{};

    [[nodiscard]] const std::string& id() const noexcept { return hello.server; }
    /// Whether it comes for its messages.
    [[nodiscard]] bool polls() const noexcept { return transport != ServerTransport::messaging; }
    /// Whether it listens to MessagingService.
    [[nodiscard]] bool hears_frames() const noexcept {
        return transport == ServerTransport::messaging || transport == ServerTransport::hybrid;
    }
};

[[nodiscard]] ServerTransport transport_of(const ServerHello& hello) noexcept;

/// The live game servers of a universe, least recently seen first. Sums over all of them are kept,
/// not counted anew. **Loop-bound**; pointers are good until the server is removed.
class ServerDirectory {
  public:
    [[nodiscard]] LiveServer* find(std::string_view id) noexcept;
    /// The same, seen now.
    [[nodiscard]] LiveServer* touch(std::string_view id, core::MonotonicTime now) noexcept;
    /// Adds or updates.
    LiveServer& put(const ServerHello& hello, ServerTransport transport, bool is_hello,
                    core::MonotonicTime now);
    void set_transport(LiveServer& server, ServerTransport transport);
    void remove(LiveServer& server);

    /// Null when nobody has been silent for `gone_after`.
    [[nodiscard]] LiveServer* silent(core::MonotonicTime now,
                                     std::chrono::seconds gone_after) noexcept;
    [[nodiscard]] std::optional<core::MonotonicTime> next_silent(
        std::chrono::seconds gone_after) const noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return servers_.size(); }
    [[nodiscard]] std::size_t count(ServerTransport transport) const noexcept {
        return by_transport_[static_cast<std::size_t>(transport)];
    }
    [[nodiscard]] std::uint64_t players() const noexcept { return players_; }
    /// Whether all that listen to frames can, and there is one.
    [[nodiscard]] bool all_have_zstd() const noexcept {
        return listeners_ != 0 && zstd_ == listeners_;
    }
    [[nodiscard]] bool all_have_http() const noexcept {
        return listeners_ != 0 && http_ == listeners_;
    }
    /// How many shards may be published to: the fewest anybody listens to.
    [[nodiscard]] unsigned shards(unsigned wanted) const noexcept;

    [[nodiscard]] const std::list<LiveServer>& all() const noexcept { return servers_; }

  private:
    using Servers = std::list<LiveServer>;

    void count(const LiveServer& server, int sign) noexcept;

    Servers servers_;
    std::unordered_map<std::string_view, Servers::iterator> by_id_;  // views into the servers
    std::array<std::size_t, 4> by_transport_{};
    std::array<std::size_t, kMaxShards + 1> by_shards_{};
    std::uint64_t players_ = 0;
    std::size_t listeners_ = 0;
    std::size_t zstd_ = 0;
    std::size_t http_ = 0;
};

}  // namespace pulse::roblox
