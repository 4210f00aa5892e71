// SPDX-License-Identifier: MIT OR Apache-2.0
#include "nats/nats_link.hpp"

#include "nats/nats_connection.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

namespace pulse::cluster {

namespace {

using Time = std::chrono::steady_clock::time_point;
Time now() noexcept { return std::chrono::steady_clock::now(); }

[[nodiscard]] std::string hex(std::uint64_t number) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, number, 16).ptr;
    return {digits, end};
}

}  // namespace

class NatsLink::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(asio::io_context& io, NatsLinkOptions options, core::Rng& rng, NatsLinkEvents events)
        : io_(io),
          options_(std::move(options)),
          rng_(rng),
          events_(std::move(events)),
          retry_timer_(io),
          watch_timer_(io),
          retry_(options_.first_retry) {}

    void start() {
        connect();
        watch();
    }
    void close();
    void finish();
    void broke(std::string_view why);
    void confirm() noexcept { retry_ = options_.first_retry; }
    std::uint64_t request(const std::string& subject, const std::vector<Header>& headers,
                          std::string_view bytes, Answer answer);
    void withdraw(std::uint64_t request) { requests_.erase(request); }

    [[nodiscard]] bool is_up() const noexcept { return is_up_; }
    [[nodiscard]] NatsConnection* connection() noexcept {
        return is_up_ ? connection_.get() : nullptr;
    }
    [[nodiscard]] std::size_t unsent_bytes() const noexcept {
        return connection_ ? connection_->unsent_bytes() : 0;
    }
    [[nodiscard]] std::size_t max_payload() const noexcept { return max_payload_; }

  private:
    struct Request {
        Answer answer;
        Time due;
        bool is_late = false;
    };

    void connect();
    void on_connected();
    void on_message(const NatsMessage& message);
    void answer(const NatsMessage& message);
    void fail_requests();
    void watch();
    void check_answers();

    asio::io_context& io_;
    const NatsLinkOptions options_;
    core::Rng& rng_;
    NatsLinkEvents events_;
    asio::steady_timer retry_timer_;
    asio::steady_timer watch_timer_;
    std::chrono::milliseconds retry_;
    std::shared_ptr<NatsConnection> connection_;
    std::string inbox_;  ///< of this connection, with its dot at the end
    std::map<std::uint64_t, Request> requests_;
    std::uint64_t last_request_ = 0;
    std::size_t max_payload_ = 0;
    bool is_up_ = false;
    bool is_closed_ = false;
};

// ------------------------------------------------------------------ connection

void NatsLink::Impl::connect() {
    // Its events come only while it is the current one: it is retired before it is let go.
    connection_ = std::make_shared<NatsConnection>(
        io_, NatsConnection::Events{[this] { on_connected(); },
                                    [this](const std::string& why) { broke(why); },
                                    [this](const NatsMessage& message) { on_message(message); }});
    connection_->connect(options_.address, options_.answer_timeout);
}

void NatsLink::Impl::on_connected() {
    inbox_ = "_INBOX." + hex(rng_.next_u64()) + hex(rng_.next_u64()) + ".";
    if (!connection_->subscribe(inbox_ + "*")) return broke("cannot subscribe");
    max_payload_ = connection_->max_payload();
    is_up_ = true;
    events_.on_up();
}

void NatsLink::Impl::broke(std::string_view why) {
    if (is_closed_) return;
    is_up_ = false;
    const std::string reason(why);
    // Whoever calls may be one of its events.
    const auto gone = std::exchange(connection_, nullptr);
    if (gone == nullptr) return;  // it waits for the next attempt
    gone->retire();
    fail_requests();
    if (is_closed_) return;
    const auto pause = std::chrono::milliseconds(
        1 +
        rng_.next_u64() % static_cast<std::uint64_t>(std::max<std::int64_t>(retry_.count(), 1)));
    retry_ = std::min(retry_ * 2, options_.last_retry);
    retry_timer_.expires_after(pause);
    retry_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (!error && !self->is_closed_) self->connect();
    });
    events_.on_down(reason);
}

void NatsLink::Impl::close() {
    if (std::exchange(is_closed_, true)) return;
    is_up_ = false;
    retry_timer_.cancel();
    watch_timer_.cancel();
    if (const auto gone = std::exchange(connection_, nullptr)) gone->retire();
    // Destroyed at the end: what they hold may call back.
    const auto requests = std::exchange(requests_, {});
}

void NatsLink::Impl::finish() {
    if (is_closed_) return;
    if (const auto gone = std::exchange(connection_, nullptr)) gone->retire_when_sent();
    close();
}

// -------------------------------------------------------------------- requests

std::uint64_t NatsLink::Impl::request(const std::string& subject,
                                      const std::vector<Header>& headers, std::string_view bytes,
                                      Answer answer) {
    const std::uint64_t id = ++last_request_;
    requests_.emplace(id, Request{std::move(answer), now() + options_.answer_timeout});
    const std::string reply = inbox_ + hex(id);
    if (is_up_ && connection_->publish(subject.c_str(), reply.c_str(), headers, bytes)) return id;
    asio::post(io_, [self = shared_from_this(), id] {
        const auto found = self->requests_.find(id);
        if (self->is_closed_ || found == self->requests_.end()) return;
        const Answer unsent = std::move(found->second.answer);
        self->requests_.erase(found);
        unsent(nullptr);
    });
    return id;
}

void NatsLink::Impl::on_message(const NatsMessage& message) {
    const std::string_view subject = message.subject();
    if (subject.starts_with(inbox_)) return answer(message);
    if (message.reply().starts_with("$JS.ACK.")) return events_.on_delivery(message);
    events_.on_message(message);
}

void NatsLink::Impl::answer(const NatsMessage& message) {
    const std::string_view text = message.subject().substr(inbox_.size());
    std::uint64_t id = 0;
    const char* const end = text.data() + text.size();
    if (std::from_chars(text.data(), end, id, 16).ptr != end) return;
    const auto found = requests_.find(id);
    if (found == requests_.end()) return;
    const Answer answer = std::move(found->second.answer);
    requests_.erase(found);
    answer(&message);
}

void NatsLink::Impl::fail_requests() {
    const auto failed = std::exchange(requests_, {});
    for (const auto& [id, request] : failed) {
        if (!is_closed_) request.answer(nullptr);
    }
}

void NatsLink::Impl::watch() {
    const auto interval = std::clamp(options_.answer_timeout / 8, std::chrono::milliseconds(10),
                                     std::chrono::milliseconds(500));
    watch_timer_.expires_after(interval);
    watch_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (error || self->is_closed_) return;
        self->check_answers();
        if (!self->is_closed_) self->watch();
    });
}

/// Who is late has one more turn: perhaps it was this process that slept.
void NatsLink::Impl::check_answers() {
    const Time at = now();
    for (auto& [id, request] : requests_) {
        if (request.due > at) return;  // later ones are due later
        if (std::exchange(request.is_late, true)) return broke("no answer in time");
    }
}

// -------------------------------------------------------------------- the link

NatsLink::NatsLink(asio::io_context& io, NatsLinkOptions options, core::Rng& rng,
                   NatsLinkEvents events)
    : impl_(std::make_shared<Impl>(io, std::move(options), rng, std::move(events))) {}
NatsLink::~NatsLink() { impl_->close(); }

void NatsLink::start() { impl_->start(); }
bool NatsLink::is_up() const noexcept { return impl_->is_up(); }

void NatsLink::subscribe(const std::string& subject) {
    NatsConnection* const connection = impl_->connection();
    if (connection != nullptr) (void)connection->subscribe(subject);
}
void NatsLink::unsubscribe(const std::string& subject) {
    NatsConnection* const connection = impl_->connection();
    if (connection != nullptr) connection->unsubscribe(subject);
}
void NatsLink::publish(const std::string& subject, std::string_view bytes) {
    NatsConnection* const connection = impl_->connection();
    if (connection != nullptr) (void)connection->publish(subject.c_str(), nullptr, {}, bytes);
}
std::uint64_t NatsLink::request(const std::string& subject, const std::vector<Header>& headers,
                                std::string_view bytes, Answer answer) {
    return impl_->request(subject, headers, bytes, std::move(answer));
}
void NatsLink::withdraw(std::uint64_t request) { impl_->withdraw(request); }
void NatsLink::confirm() noexcept { impl_->confirm(); }
void NatsLink::restart(std::string_view why) { impl_->broke(why); }
void NatsLink::finish() { impl_->finish(); }
std::size_t NatsLink::unsent_bytes() const noexcept { return impl_->unsent_bytes(); }
std::size_t NatsLink::max_payload() const noexcept { return impl_->max_payload(); }

}  // namespace pulse::cluster
