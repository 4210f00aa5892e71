// SPDX-License-Identifier: MIT OR Apache-2.0
#include "resp.hpp"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include <asio/buffer.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <hiredis/hiredis.h>

#include <pulse/redis/link.hpp>

namespace pulse::redis {

namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
/// A buffer that was larger once is given back.
constexpr std::size_t kKeptBytes = 1024 * 1024;

struct ReaderDeleter {
    void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
};
struct ReplyDeleter {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
};

using Time = std::chrono::steady_clock::time_point;
Time now() noexcept { return std::chrono::steady_clock::now(); }

}  // namespace

class Link::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(asio::io_context& io, LinkOptions options, core::Rng& rng, LinkEvents events)
        : io_(io),
          options_(std::move(options)),
          rng_(rng),
          events_(std::move(events)),
          resolver_(io),
          socket_(io),
          retry_timer_(io),
          watch_timer_(io),
          input_(kReadBytes),
          retry_(options_.first_retry) {}

    void start() {
        connect();
        watch();
    }
    void close();
    void finish();
    void send(std::span<const std::string_view> arguments, Answer answer);
    void push(std::span<const std::string_view> arguments);
    void broke(std::string_view why);

    [[nodiscard]] bool is_up() const noexcept { return is_up_; }
    [[nodiscard]] std::size_t unanswered() const noexcept { return sent_.size(); }
    [[nodiscard]] std::size_t unsent_bytes() const noexcept {
        return outgoing_.size() + writing_.size();
    }

  private:
    using Endpoint = asio::generic::stream_protocol::endpoint;

    void connect();
    void resolve();
    void try_next(std::uint64_t attempt);
    void greet();
    void came_up();
    void read();
    [[nodiscard]] bool take_replies(std::size_t bytes);
    void handle(const Reply& reply);
    void put(std::span<const std::string_view> arguments, Answer answer);
    void write_soon();
    void write();
    void watch();
    void check_silence();
    /// Of every handler: false when it comes from a connection that is given up.
    [[nodiscard]] bool is_current(std::uint64_t attempt) const noexcept {
        return !is_closed_ && attempt_ == attempt;
    }

    asio::io_context& io_;
    const LinkOptions options_;
    core::Rng& rng_;
    LinkEvents events_;
    asio::ip::tcp::resolver resolver_;
    asio::generic::stream_protocol::socket socket_;
    asio::steady_timer retry_timer_;
    asio::steady_timer watch_timer_;
    std::unique_ptr<redisReader, ReaderDeleter> reader_;
    std::vector<char> input_;
    std::vector<Endpoint> endpoints_;  ///< not tried yet, the next one last
    std::string outgoing_;
    std::string writing_;
    std::deque<Answer> sent_;
    std::chrono::milliseconds retry_;
    Time heard_{};  ///< when there last was a sign of life, or the first wait for one began
    std::uint64_t attempt_ = 0;
    bool is_writing_ = false;
    bool is_write_due_ = false;
    bool is_connected_ = false;
    bool is_up_ = false;
    bool is_waiting_to_retry_ = false;
    bool is_closed_ = false;
};

void Link::Impl::close() {
    is_closed_ = true;
    is_up_ = false;
    asio::error_code ignored;
    socket_.close(ignored);
    resolver_.cancel();
    retry_timer_.cancel();
    watch_timer_.cancel();
    // Destroyed at the end: what they hold may call back.
    const auto events = std::exchange(events_, {});
    const auto sent = std::exchange(sent_, {});
}

void Link::Impl::finish() {
    if (is_closed_) return;
    // At once what fits into the socket: nobody waits for a Redis that does not read.
    if (is_connected_ && !is_writing_ && !outgoing_.empty()) {
        asio::error_code ignored;
        socket_.non_blocking(true, ignored);
        socket_.send(asio::buffer(outgoing_), 0, ignored);
    }
    close();
}

void Link::Impl::connect() {
    ++attempt_;
    is_waiting_to_retry_ = false;
    reader_.reset(redisReaderCreate());
    outgoing_.clear();
    heard_ = now();
    if (options_.address.path.empty()) return resolve();
    endpoints_ = {asio::local::stream_protocol::endpoint(options_.address.path)};
    try_next(attempt_);
}

void Link::Impl::resolve() {
    resolver_.async_resolve(options_.address.host, std::to_string(options_.address.port),
                            [self = shared_from_this(), attempt = attempt_](
                                const asio::error_code& error, const auto& found) {
                                if (!self->is_current(attempt)) return;
                                if (error) return self->broke(error.message());
                                self->endpoints_.clear();
                                for (const auto& each : found)
                                    self->endpoints_.emplace_back(each.endpoint());
                                std::reverse(self->endpoints_.begin(), self->endpoints_.end());
                                self->try_next(attempt);
                            });
}

void Link::Impl::try_next(std::uint64_t attempt) {
    if (endpoints_.empty()) return broke("no address");
    const Endpoint endpoint = std::move(endpoints_.back());
    endpoints_.pop_back();
    asio::error_code ignored;
    socket_.close(ignored);
    socket_.async_connect(
        endpoint, [self = shared_from_this(), attempt](const asio::error_code& error) {
            if (!self->is_current(attempt)) return;
            if (!error) return self->greet();
            self->endpoints_.empty() ? self->broke(error.message()) : self->try_next(attempt);
        });
}

void Link::Impl::greet() {
    is_connected_ = true;
    heard_ = now();
    if (options_.address.path.empty()) {
        asio::error_code ignored;
        socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    }
    read();
    const std::uint64_t attempt = attempt_;
    const Answer check = [this, attempt](const Reply* reply) {
        if (is_current(attempt) && reply != nullptr && reply->is_error()) broke(reply->text());
    };
    const Address& address = options_.address;
    if (!address.password.empty()) {
        std::vector<std::string_view> login{"AUTH"};
        if (!address.username.empty()) login.push_back(address.username);
        login.push_back(address.password);
        put(login, check);
    }
    if (address.database != 0) {
        const std::string database = std::to_string(address.database);
        put(std::vector<std::string_view>{"SELECT", database}, check);
    }
    // Refused by a server that wants a password, or that still loads its data.
    put(std::vector<std::string_view>{"PING"}, [this, attempt](const Reply* reply) {
        if (!is_current(attempt) || reply == nullptr) return;
        reply->is_error() ? broke(reply->text()) : came_up();
    });
}

void Link::Impl::came_up() {
    is_up_ = true;
    retry_ = options_.first_retry;
    if (events_.on_up) events_.on_up();
}

void Link::Impl::read() {
    socket_.async_read_some(asio::buffer(input_),
                            [self = shared_from_this(), attempt = attempt_](
                                const asio::error_code& error, std::size_t bytes) {
                                if (!self->is_current(attempt)) return;
                                if (error) return self->broke(error.message());
                                self->heard_ = now();
                                const bool is_sane = self->take_replies(bytes);
                                if (!self->is_current(attempt)) return;
                                if (!is_sane) return self->broke("not an answer of Redis");
                                self->read();
                            });
}

bool Link::Impl::take_replies(std::size_t bytes) {
    // A handler may begin a new connection with a reader of its own.
    const std::uint64_t attempt = attempt_;
    redisReader* const reader = reader_.get();
    if (redisReaderFeed(reader, input_.data(), bytes) != REDIS_OK) return false;
    while (is_current(attempt)) {
        void* raw = nullptr;
        if (redisReaderGetReply(reader, &raw) != REDIS_OK) return false;
        if (raw == nullptr) return true;
        const std::unique_ptr<redisReply, ReplyDeleter> reply(static_cast<redisReply*>(raw));
        handle(Reply(*reply));
    }
    return true;
}

void Link::Impl::handle(const Reply& reply) {
    if (events_.on_push && reply.is_array()) {
        events_.on_push(reply);
        return;
    }
    if (sent_.empty()) {
        // A subscription that is refused; the answer to a PING without any is nothing.
        if (reply.is_error()) broke(reply.text());
        return;
    }
    const Answer answer = std::move(sent_.front());
    sent_.pop_front();
    if (answer) answer(&reply);
}

void Link::Impl::send(std::span<const std::string_view> arguments, Answer answer) {
    if (is_up_) return put(arguments, std::move(answer));
    if (answer) answer(nullptr);
}

void Link::Impl::put(std::span<const std::string_view> arguments, Answer answer) {
    if (sent_.empty()) heard_ = now();
    append_command(arguments, outgoing_);
    sent_.push_back(std::move(answer));
    write_soon();
}

void Link::Impl::push(std::span<const std::string_view> arguments) {
    if (!is_up_) return;
    append_command(arguments, outgoing_);
    write_soon();
}

void Link::Impl::write_soon() {
    if (is_writing_ || is_write_due_) return;
    is_write_due_ = true;
    asio::post(io_, [self = shared_from_this()] {
        self->is_write_due_ = false;
        if (!self->is_closed_ && self->is_connected_ && !self->is_writing_) self->write();
    });
}

void Link::Impl::write() {
    if (outgoing_.empty()) return;
    is_writing_ = true;
    writing_.swap(outgoing_);
    asio::async_write(socket_, asio::buffer(writing_),
                      [self = shared_from_this(), attempt = attempt_](const asio::error_code& error,
                                                                      std::size_t) {
                          self->is_writing_ = false;
                          self->writing_.clear();
                          if (self->writing_.capacity() > kKeptBytes) self->writing_ = {};
                          if (self->is_closed_) return;
                          // What a later connection has to say waited for this buffer.
                          if (self->attempt_ == attempt && error)
                              return self->broke(error.message());
                          if (self->is_connected_) self->write();
                      });
}

void Link::Impl::broke(std::string_view why_borrowed) {
    if (is_closed_ || is_waiting_to_retry_) return;
    const std::string why(why_borrowed);  // of a reply that goes
    ++attempt_;
    asio::error_code ignored;
    // What the system has not sent yet must not arrive behind what a later connection says.
    if (options_.address.path.empty()) {
        socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    }
    socket_.close(ignored);
    outgoing_.clear();
    is_connected_ = false;
    is_waiting_to_retry_ = true;
    const bool was_up = std::exchange(is_up_, false);
    const auto longest = static_cast<std::uint64_t>(std::max<std::int64_t>(retry_.count(), 1));
    const std::chrono::milliseconds wait(static_cast<std::int64_t>(rng_.next_u64() % longest) + 1);
    retry_ = std::min(retry_ * 2, options_.last_retry);
    retry_timer_.expires_after(wait);
    retry_timer_.async_wait(
        [self = shared_from_this(), attempt = attempt_](const asio::error_code& error) {
            if (!error && self->is_current(attempt)) self->connect();
        });
    const auto sent = std::exchange(sent_, {});
    for (const Answer& answer : sent) {
        if (answer) answer(nullptr);
    }
    if (!is_closed_ && events_.on_down) events_.on_down(was_up, why);
}

void Link::Impl::watch() {
    watch_timer_.expires_after(options_.answer_timeout / 4);
    const Time due = watch_timer_.expiry();
    watch_timer_.async_wait([self = shared_from_this(), due](const asio::error_code& error) {
        if (error || self->is_closed_) return;
        // Whoever was stopped itself has not listened: what came meanwhile is in the socket.
        if (now() - due > self->options_.answer_timeout / 4) self->heard_ = now();
        self->check_silence();
        if (!self->is_closed_) self->watch();
    });
}

void Link::Impl::check_silence() {
    if (is_waiting_to_retry_) return;
    const auto silence = now() - heard_;
    if (silence > options_.answer_timeout) return broke("no answer");
    if (!is_up_ || silence < options_.answer_timeout / 3) return;
    // A peer that is gone without a word is found by asking. A subscriber's answer is an array.
    const std::string_view ping[] = {"PING"};
    if (events_.on_push) {
        push(ping);
    } else if (sent_.empty()) {
        const Time heard = heard_;
        put(ping, {});
        heard_ = heard;  // asking is no sign of life
    }
}

Link::Link(asio::io_context& io, LinkOptions options, core::Rng& rng, LinkEvents events)
    : impl_(std::make_shared<Impl>(io, std::move(options), rng, std::move(events))) {}
Link::~Link() { impl_->close(); }
void Link::start() { impl_->start(); }
bool Link::is_up() const noexcept { return impl_->is_up(); }
void Link::send(std::span<const std::string_view> arguments, Answer answer) {
    impl_->send(arguments, std::move(answer));
}
void Link::push(std::span<const std::string_view> arguments) { impl_->push(arguments); }
void Link::restart(std::string_view why) { impl_->broke(why); }
void Link::finish() { impl_->finish(); }
std::size_t Link::unanswered() const noexcept { return impl_->unanswered(); }
std::size_t Link::unsent_bytes() const noexcept { return impl_->unsent_bytes(); }

}  // namespace pulse::redis
