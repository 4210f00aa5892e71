// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the bus adds to a link to Redis: commands wait while it is down, and a bound holds for all
// that is under way.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <pulse/core/log.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/mesa/redis.hpp>
#include <pulse/redis/link.hpp>

namespace pulse::mesa {

/// Errors: queue_full, bus_unavailable, bus_refused. The reply is borrowed for the call.
using RedisAnswer = std::function<void(const core::Result<redis::Reply>& answer)>;
using RedisWords = std::span<const std::string_view>;

/// Says once that a link is down, and once that it is up again. A value type.
class LinkReport {
  public:
    explicit LinkReport(core::Log& log) noexcept : log_(log) {}
    void down(std::string_view why);
    void up();

  private:
    core::Log& log_;
    bool is_down_ = false;
};

/// **Loop-bound.**
class RedisCommands : public std::enable_shared_from_this<RedisCommands> {
  public:
    struct Events {
        std::function<void()> on_up;    ///< before what waited is sent
        std::function<void()> on_down;  ///< before what was under way is answered
    };

    RedisCommands(asio::io_context& io, redis::LinkOptions link, const RedisOptions& options,
                  core::Rng& rng, core::Log& log);
    void start(Events events);
    /// What waits, and what is under way, is destroyed unanswered.
    void close();
    void restart(std::string_view why);
    [[nodiscard]] bool is_up() const noexcept { return link_ != nullptr && link_->is_up(); }

    /// Sent now, or as soon as the link is up. What was under way when it broke is answered
    /// bus_unavailable: nobody knows whether Redis has done it.
    void send(RedisWords words, RedisAnswer answer);
    /// As send(), but not while the link is down.
    void send_now(RedisWords words, RedisAnswer answer);
    /// As send_now(), but says at once that it was not sent; `answer` is not called then.
    [[nodiscard]] std::error_code try_send(RedisWords words, RedisAnswer answer);

  private:
    struct Waiting {
        std::vector<std::string> words;
        std::size_t bytes;
        RedisAnswer answer;
    };
    /// Why it cannot be sent now.
    [[nodiscard]] std::error_code obstacle(RedisWords words) const;
    void put(RedisWords words, RedisAnswer answer);
    void came_up();
    void went_down(bool was_up, std::string_view why);

    const std::size_t max_commands_;
    const std::size_t max_bytes_;
    core::Log& log_;
    LinkReport report_;
    Events events_;
    std::deque<Waiting> waiting_;
    std::size_t waiting_bytes_ = 0;
    std::vector<RedisAnswer> broken_;  ///< under way when the link broke
    std::unique_ptr<redis::Link> link_;
};

}  // namespace pulse::mesa
