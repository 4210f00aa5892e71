// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/link.hpp"

#include <algorithm>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/write.hpp>
#include <hiredis/hiredis.h>

#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

namespace {

constexpr std::size_t kReadBytes = std::size_t{64} * 1024;

std::string encode(const std::vector<std::string_view>& arguments) {
    std::size_t bytes = 16;
    for (const std::string_view argument : arguments) bytes += argument.size() + 24;
    std::string out;
    out.reserve(bytes);
    out.append("*").append(std::to_string(arguments.size())).append("\r\n");
    for (const std::string_view argument : arguments) {
        out.append("$").append(std::to_string(argument.size())).append("\r\n");
        out.append(argument).append("\r\n");
    }
    return out;
}

/// hiredis bounds the depth of what it has read to 7.
RedisValue copy(const redisReply& reply) {
    RedisValue value;
    switch (reply.type) {
        case REDIS_REPLY_STRING:
        case REDIS_REPLY_STATUS:
            value.type = RedisValue::Type::text;
            value.text.assign(reply.str, reply.len);
            break;
        case REDIS_REPLY_ERROR:
            value.type = RedisValue::Type::error;
            value.text.assign(reply.str, reply.len);
            break;
        case REDIS_REPLY_INTEGER:
            value.type = RedisValue::Type::integer;
            value.integer = reply.integer;
            break;
        case REDIS_REPLY_ARRAY:
            value.type = RedisValue::Type::array;
            value.elements.reserve(reply.elements);
            for (std::size_t i = 0; i < reply.elements; ++i) {
                value.elements.push_back(copy(*reply.element[i]));
            }
            break;
        default:
            break;
    }
    return value;
}

}  // namespace

void RedisLink::ReaderDeleter::operator()(redisReader* reader) const noexcept {
    redisReaderFree(reader);
}

RedisLink::RedisLink(asio::io_context& io, const RedisOptions& options, core::Rng& rng,
                     core::Log& log, RedisLinkEvents events)
    : options_(options),
      rng_(rng),
      log_(log),
      events_(std::move(events)),
      resolver_(io),
      socket_(io),
      retry_timer_(io),
      watch_timer_(io),
      input_(kReadBytes),
      retry_(options.first_retry) {}

RedisLink::~RedisLink() = default;

void RedisLink::start() {
    connect();
    watch();
}

void RedisLink::close() {
    is_closed_ = true;
    is_up_ = false;
    ++attempt_;
    asio::error_code ignored;
    socket_.close(ignored);
    resolver_.cancel();
    retry_timer_.cancel();
    watch_timer_.cancel();
    // Destroyed last: what they hold may call back.
    const auto queued = std::move(queued_);
    const auto sent = std::move(sent_);
    queued_.clear();
    sent_.clear();
    events_ = {};
}

void RedisLink::connect() {
    const std::uint32_t attempt = ++attempt_;
    reader_.reset(redisReaderCreate());
    outgoing_.clear();
    is_connected_ = false;
    heard_ = std::chrono::steady_clock::now();
    resolver_.async_resolve(
        options_.host, std::to_string(options_.port),
        [self = shared_from_this(), attempt](const asio::error_code& error, const auto& found) {
            if (self->attempt_ != attempt) return;
            if (error) return self->broke(error.message());
            asio::async_connect(self->socket_, found,
                                [self, attempt](const asio::error_code& failure, const auto&) {
                                    if (self->attempt_ != attempt) return;
                                    if (failure) return self->broke(failure.message());
                                    self->greet();
                                });
        });
}

void RedisLink::greet() {
    is_connected_ = true;
    asio::error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    read();
    const std::uint32_t attempt = attempt_;
    const auto check = [self = shared_from_this(),
                        attempt](const core::Result<RedisValue>& answer) {
        if (self->attempt_ != attempt || !answer) return;
        if (answer->type == RedisValue::Type::error) self->broke(answer->text);
    };
    if (!options_.password.empty()) {
        std::vector<std::string_view> login{"AUTH"};
        if (!options_.username.empty()) login.push_back(options_.username);
        login.push_back(options_.password);
        put(encode(login), check);
    }
    if (options_.database != 0) {
        put(encode({"SELECT", std::to_string(options_.database)}), check);
    }
    // Refused by a server that wants a password, or that still loads its data.
    put(encode({"PING"}),
        [self = shared_from_this(), attempt](const core::Result<RedisValue>& answer) {
            if (self->attempt_ != attempt || !answer) return;
            if (answer->type == RedisValue::Type::error) return self->broke(answer->text);
            self->came_up();
        });
}

void RedisLink::came_up() {
    is_up_ = true;
    retry_ = options_.first_retry;
    if (std::exchange(has_complained_, false)) log_.write(core::LogLevel::info, "mesa_redis_up");
    if (events_.on_up) events_.on_up();
    // In the order in which they came, behind what on_up() had to say.
    while (is_up_ && !queued_.empty()) {
        Queued queued = std::move(queued_.front());
        queued_.pop_front();
        queued_bytes_ -= queued.bytes.size();
        put(std::move(queued.bytes), std::move(queued.answer));
    }
}

void RedisLink::read() {
    socket_.async_read_some(
        asio::buffer(input_), [self = shared_from_this(), attempt = attempt_](
                                  const asio::error_code& error, std::size_t bytes) {
            if (self->attempt_ != attempt) return;
            if (error) return self->broke(error.message());
            self->heard_ = std::chrono::steady_clock::now();
            const bool is_sane = self->take_answers({self->input_.data(), bytes});
            if (self->attempt_ != attempt) return;
            if (!is_sane) return self->broke("not an answer of Redis");
            self->read();
        });
}

bool RedisLink::take_answers(std::string_view bytes) {
    if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) return false;
    const std::uint32_t attempt = attempt_;
    for (;;) {
        void* raw = nullptr;
        if (redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) return false;
        if (raw == nullptr) return true;
        auto* const reply = static_cast<redisReply*>(raw);
        RedisValue value = copy(*reply);
        freeReplyObject(reply);
        handle(std::move(value));
        if (attempt_ != attempt) return true;
    }
}

void RedisLink::handle(RedisValue value) {
    // On a link with subscriptions arrays are theirs; commands there are answered with other types.
    if (events_.on_push && value.type == RedisValue::Type::array) {
        return events_.on_push(std::move(value));
    }
    if (sent_.empty()) {
        // A subscription that is refused; the answer to a PING without any is nothing.
        if (value.type == RedisValue::Type::error) broke(value.text);
        return;
    }
    const RedisAnswer answer = std::move(sent_.front());
    sent_.pop_front();
    if (answer) answer(std::move(value));
}

void RedisLink::command(const std::vector<std::string_view>& arguments, RedisAnswer answer) {
    if (is_closed_) return;
    std::string bytes = encode(arguments);
    if (is_up_) return put(std::move(bytes), std::move(answer));
    if (queued_.size() >= options_.max_queued_commands ||
        queued_bytes_ + bytes.size() > options_.max_queued_bytes) {
        if (answer) answer(tl::unexpected(make_error_code(Error::queue_full)));
        return;
    }
    queued_bytes_ += bytes.size();
    queued_.push_back({std::move(bytes), std::move(answer)});
}

void RedisLink::command_now(const std::vector<std::string_view>& arguments, RedisAnswer answer) {
    if (is_closed_) return;
    if (is_up_) return put(encode(arguments), std::move(answer));
    if (answer) answer(tl::unexpected(make_error_code(Error::bus_unavailable)));
}

void RedisLink::push(const std::vector<std::string_view>& arguments) {
    if (!is_up_) return;
    outgoing_ += encode(arguments);
    if (!is_writing_) write();
}

void RedisLink::put(std::string bytes, RedisAnswer answer) {
    if (outgoing_.size() + bytes.size() > options_.max_queued_bytes ||
        sent_.size() >= options_.max_queued_commands) {
        if (answer) answer(tl::unexpected(make_error_code(Error::queue_full)));
        return;
    }
    // The clock of answer_timeout starts with the first that waits.
    if (sent_.empty()) heard_ = std::chrono::steady_clock::now();
    outgoing_ += bytes;
    sent_.push_back(std::move(answer));
    if (!is_writing_) write();
}

void RedisLink::write() {
    if (outgoing_.empty()) return;
    is_writing_ = true;
    writing_.clear();
    writing_.swap(outgoing_);
    asio::async_write(socket_, asio::buffer(writing_),
                      [self = shared_from_this(), attempt = attempt_](const asio::error_code& error,
                                                                      std::size_t) {
                          self->is_writing_ = false;
                          if (self->attempt_ != attempt) {
                              // A later connection's bytes waited for this buffer.
                              if (self->is_connected_) self->write();
                              return;
                          }
                          if (error) return self->broke(error.message());
                          self->write();
                      });
}

void RedisLink::broke(std::string_view why) {
    if (is_closed_) return;
    ++attempt_;
    asio::error_code ignored;
    socket_.close(ignored);
    is_connected_ = false;
    if (!std::exchange(has_complained_, true)) {
        log_.write(core::LogLevel::warn, "mesa_redis_down", {{"reason", why}});
    }
    const bool was_up = std::exchange(is_up_, false);
    const auto wait =
        retry_ / 2 + std::chrono::milliseconds(rng_.next_u64() %
                                               static_cast<std::uint64_t>(retry_.count() / 2 + 1));
    retry_ = std::min(retry_ * 2, options_.last_retry);
    retry_timer_.expires_after(wait);
    retry_timer_.async_wait(
        [self = shared_from_this(), attempt = attempt_](const asio::error_code& error) {
            if (!error && !self->is_closed_ && self->attempt_ == attempt) self->connect();
        });
    const auto sent = std::move(sent_);
    sent_.clear();
    if (was_up && events_.on_down) events_.on_down();
    for (const RedisAnswer& answer : sent) {
        if (answer) answer(tl::unexpected(make_error_code(Error::bus_unavailable)));
    }
}

void RedisLink::watch() {
    watch_timer_.expires_after(options_.answer_timeout / 2);
    watch_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (error || self->is_closed_) return;
        const auto silence = std::chrono::steady_clock::now() - self->heard_;
        const bool is_waiting = !self->sent_.empty() || !self->is_connected_;
        if (self->retry_timer_.expiry() > std::chrono::steady_clock::now()) {
            // Between two attempts.
        } else if (is_waiting && silence > self->options_.answer_timeout) {
            self->broke("no answer");
        } else if (self->is_up_ && self->sent_.empty() && !self->events_.on_push) {
            // A peer that is gone without a word is found by asking.
            self->put(encode({"PING"}), {});
        } else if (self->is_up_ && self->events_.on_push) {
            if (silence > 2 * self->options_.answer_timeout) {
                self->broke("no answer");
            } else {
                // Answered with an array, as all that comes to a subscriber.
                self->push({"PING"});
            }
        }
        self->watch();
    });
}

}  // namespace pulse::mesa
