// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One connection to a Redis: Asio moves the bytes, hiredis reads them. Comes back by itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/core/log.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/mesa/redis.hpp>

struct redisReader;

namespace pulse::mesa {

/// An answer, owned. A value type.
struct RedisValue {
    enum class Type : std::uint8_t { null, text, integer, array, error };
    Type type = Type::null;
    std::string text;  ///< of text and error
    std::int64_t integer = 0;
    std::vector<RedisValue> elements;
};

using RedisAnswer = std::function<void(core::Result<RedisValue>)>;

struct RedisLinkEvents {
    std::function<void()> on_up;              ///< connected, logged in, database chosen
    std::function<void()> on_down;            ///< after on_up
    std::function<void(RedisValue)> on_push;  ///< a subscription's; null: answers only
};

/// **Loop-bound.**
class RedisLink : public std::enable_shared_from_this<RedisLink> {
  public:
    RedisLink(asio::io_context& io, const RedisOptions& options, core::Rng& rng, core::Log& log,
              RedisLinkEvents events);
    ~RedisLink();

    void start();
    /// Before start().
    void set_events(RedisLinkEvents events) { events_ = std::move(events); }
    /// What waits is destroyed unanswered.
    void close();
    [[nodiscard]] bool is_up() const noexcept { return is_up_; }

    /// Sent now, or as soon as the link is up. What was under way when it broke is answered
    /// bus_unavailable: nobody knows whether Redis has done it. Errors: queue_full at once.
    void command(const std::vector<std::string_view>& arguments, RedisAnswer answer);
    /// As command(), but not while the link is down: then it fails with bus_unavailable at once.
    void command_now(const std::vector<std::string_view>& arguments, RedisAnswer answer);
    /// Sent if the link is up; what it is answered with goes to on_push.
    void push(const std::vector<std::string_view>& arguments);
    [[nodiscard]] std::size_t waiting() const noexcept { return queued_.size() + sent_.size(); }

  private:
    struct ReaderDeleter {
        void operator()(redisReader* reader) const noexcept;
    };
    struct Queued {
        std::string bytes;
        RedisAnswer answer;
    };

    void connect();
    void greet();
    void came_up();
    void read();
    /// False: what Redis said makes no sense.
    bool take_answers(std::string_view bytes);
    void handle(RedisValue value);
    void put(std::string bytes, RedisAnswer answer);
    void write();
    void broke(std::string_view why);
    void watch();

    const RedisOptions options_;
    core::Rng& rng_;
    core::Log& log_;
    RedisLinkEvents events_;
    asio::ip::tcp::resolver resolver_;
    asio::ip::tcp::socket socket_;
    asio::steady_timer retry_timer_;
    asio::steady_timer watch_timer_;
    std::unique_ptr<redisReader, ReaderDeleter> reader_;
    std::vector<char> input_;
    std::string outgoing_;
    std::string writing_;
    std::deque<Queued> queued_;
    std::size_t queued_bytes_ = 0;
    std::deque<RedisAnswer> sent_;
    std::chrono::milliseconds retry_;
    std::chrono::steady_clock::time_point heard_{};
    std::uint32_t attempt_ = 0;  ///< tells handlers of an earlier one that they are late
    bool is_writing_ = false;
    bool is_connected_ = false;
    bool is_up_ = false;
    bool is_closed_ = false;
    bool has_complained_ = false;
};

}  // namespace pulse::mesa
