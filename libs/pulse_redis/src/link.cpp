// SPDX-License-Identifier: MIT OR Apache-2.0
#include "resp.hpp"
#include "stream.hpp"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <hiredis/hiredis.h>

#include <pulse/redis/link.hpp>

namespace pulse::redis {

namespace {

constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
/// A buffer that was larger once is given back.
constexpr std::size_t kKeptBytes = std::size_t{1024} * 1024;

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
    void connect();
    void connect_to(const Address& address);
    void resolve();
    void try_next(std::uint64_t attempt);
    void on_connected();
    void log_in();
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
    Address address_;                 ///< of this attempt
    std::shared_ptr<Stream> stream_;  ///< of this attempt, once it is known where to
    asio::steady_timer retry_timer_;
    asio::steady_timer watch_timer_;
    std::unique_ptr<redisReader, ReaderDeleter> reader_;
    std::vector<char> input_;
    std::vector<Stream::Endpoint> endpoints_;  ///< not tried yet, the next one last
    std::string outgoing_;
    std::string writing_;
    std::deque<Answer> sent_;
    std::chrono::milliseconds retry_;
    Time heard_{};  ///< when there last was a sign of life, or the first wait for one began
    std::uint64_t attempt_ = 0;
    bool is_writing_ = false;
    bool is_write_due_ = false;
    bool is_finding_ = false;  ///< where to connect; whoever is asked sees to it that it ends
    bool is_greeting_ = false;
    bool is_connected_ = false;
    bool is_up_ = false;
    bool is_waiting_to_retry_ = false;
    bool is_closed_ = false;
};

void Link::Impl::close() {
    // One that has finished may be destroyed by another thread, while the loop's looks at it.
    if (is_closed_) return;
    is_closed_ = true;
    is_up_ = false;
    if (stream_ != nullptr) stream_->close(false);
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
        stream_->write_now(asio::buffer(outgoing_));
    }
    close();
}

void Link::Impl::connect() {
    ++attempt_;
    is_waiting_to_retry_ = false;
    reader_.reset(redisReaderCreate());
    outgoing_.clear();
    heard_ = now();
    if (options_.locate == nullptr) return connect_to(options_.address);
    is_finding_ = true;
    options_.locate([weak = weak_from_this(), attempt = attempt_](const Address* address,
                                                                  std::string_view why) {
        const auto self = weak.lock();
        if (self == nullptr || !self->is_current(attempt)) return;
        self->is_finding_ = false;
        self->heard_ = now();
        address != nullptr ? self->connect_to(*address) : self->broke(why);
    });
}

void Link::Impl::connect_to(const Address& address) {
    address_ = address;
    std::string problem;
    stream_ = make_stream(io_, address_, problem);
    if (stream_ == nullptr) return broke(problem);
    if (address_.path.empty()) return resolve();
    endpoints_ = {asio::local::stream_protocol::endpoint(address_.path)};
    try_next(attempt_);
}

void Link::Impl::resolve() {
    resolver_.async_resolve(address_.host, std::to_string(address_.port),
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
    const Stream::Endpoint endpoint = std::move(endpoints_.back());
    endpoints_.pop_back();
    stream_->connect(endpoint, [self = shared_from_this(), attempt](const asio::error_code& error) {
        if (!self->is_current(attempt)) return;
        if (!error) return self->on_connected();
        self->endpoints_.empty() ? self->broke(error.message()) : self->try_next(attempt);
    });
}

void Link::Impl::on_connected() {
    heard_ = now();
    is_greeting_ = true;
    if (address_.path.empty()) stream_->set_no_delay();
    stream_->greet([self = shared_from_this(), attempt = attempt_](const asio::error_code& error) {
        if (!self->is_current(attempt)) return;
        error ? self->broke(self->stream_->explain(error)) : self->log_in();
    });
}

void Link::Impl::log_in() {
    is_greeting_ = false;
    is_connected_ = true;
    heard_ = now();
    read();
    const std::uint64_t attempt = attempt_;
    const Answer check = [this, attempt](const Reply* reply) {
        if (is_current(attempt) && reply != nullptr && reply->is_error()) broke(reply->text());
    };
    if (!address_.password.empty()) {
        std::vector<std::string_view> login{"AUTH"};
        if (!address_.username.empty()) login.push_back(address_.username);
        login.push_back(address_.password);
        put(login, check);
    }
    if (address_.database != 0) {
        const std::string database = std::to_string(address_.database);
        put(std::vector<std::string_view>{"SELECT", database}, check);
    }
    if (options_.must_be_master) {
        put(std::vector<std::string_view>{"ROLE"}, [this, attempt](const Reply* reply) {
            if (!is_current(attempt) || reply == nullptr) return;
            if (reply->is_error()) return broke(reply->text());
            if (reply->size() == 0 || (*reply)[0].text() != "master") broke("a replica");
        });
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
    stream_->read(asio::buffer(input_), [self = shared_from_this(), attempt = attempt_](
                                            const asio::error_code& error, std::size_t bytes) {
        if (!self->is_current(attempt)) return;
        if (error) return self->broke(self->stream_->explain(error));
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
    // Before it is up nobody has subscribed to anything.
    if (is_up_ && events_.on_push && reply.is_array()) {
        events_.on_push(reply);
        return;
    }
    if (sent_.empty()) {
        // A subscription that is refused; the answer to a PING without any is nothing.
        if (!reply.is_error()) return;
        return events_.on_refused ? events_.on_refused(reply.text()) : broke(reply.text());
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
    stream_->write(asio::buffer(writing_), [self = shared_from_this(), attempt = attempt_](
                                               const asio::error_code& error, std::size_t) {
        self->is_writing_ = false;
        self->writing_.clear();
        if (self->writing_.capacity() > kKeptBytes) self->writing_ = {};
        if (self->is_closed_) return;
        // What a later connection has to say waited for this buffer.
        if (self->attempt_ == attempt && error) return self->broke(self->stream_->explain(error));
        if (self->is_connected_) self->write();
    });
}

void Link::Impl::broke(std::string_view why_borrowed) {
    if (is_closed_ || is_waiting_to_retry_) return;
    const std::string why(why_borrowed);  // of a reply that goes
    ++attempt_;
    // What the system has not sent yet must not arrive behind what a later connection says.
    if (stream_ != nullptr) stream_->close(address_.path.empty());
    outgoing_.clear();
    is_finding_ = is_greeting_ = is_connected_ = false;
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
    if (is_waiting_to_retry_ || is_finding_) return;
    const auto silence = now() - heard_;
    if (silence > options_.answer_timeout) {
        return broke(is_greeting_ ? "TLS: no answer, as of a port without TLS" : "no answer");
    }
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
