// SPDX-License-Identifier: MIT OR Apache-2.0
#include "envelope.hpp"
#include "ws/address.hpp"
#include "ws/frames.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <pulse/core/json.hpp>
#include <pulse/mesa/error.hpp>
#include <pulse/mesa/ws_client.hpp>

namespace pulse::mesa {

namespace json = core::json;

namespace {

constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
constexpr std::string_view kHeartbeatAnswer = R"({"op":11,"d":{}})";

/// `data`, which is an object, with shouldSync as its last member.
std::string with_should_sync(std::string_view data, bool should_sync) {
    std::string out(data.substr(0, data.rfind('}')));
    const bool is_empty = !json::Members(json::Value{data}).next();
    if (!is_empty) out += ',';
    return out.append(should_sync ? R"("shouldSync":true})" : R"("shouldSync":false})");
}

/// What a server asks of its clients.
struct Greeting {
    std::chrono::milliseconds reconnect_interval{0};
    bool enforces_versions = false;
};

Greeting read_greeting(std::string_view data) {
    Greeting greeting;
    const json::Value object{data};
    if (!object.is(json::Type::object)) return greeting;
    json::Members members(object);
    while (const auto member = members.next()) {
        if (json::is_key(member->key, "c_reconnect_interval")) {
            const auto number = Id::from_json(member->value.raw);
            // A day is as good as for ever, and its milliseconds fit anything.
            constexpr double kMost = 86'400'000;
            if (!number || !number->is_number()) continue;
            double ms = 0;
            const std::string& digits = number->name();
            (void)std::from_chars(digits.data(), digits.data() + digits.size(), ms);
            ms = std::clamp(ms, 0.0, kMost);
            greeting.reconnect_interval = std::chrono::milliseconds(static_cast<std::int64_t>(ms));
        } else if (json::is_key(member->key, "rules") && member->value.is(json::Type::array)) {
            json::Elements rules(member->value);
            while (const auto rule = rules.next()) {
                if (rule->raw == "\"enforce_equal_versions\"") greeting.enforces_versions = true;
            }
        }
    }
    return greeting;
}

/// A message's position in a replay.
std::optional<std::uint32_t> read_sequence(json::Value message) {
    std::optional<std::uint32_t> sequence;
    if (!message.is(json::Type::object)) return sequence;
    json::Members members(message);
    while (const auto member = members.next()) {
        if (!json::is_key(member->key, "s")) continue;
        const std::string_view raw = member->value.raw;
        std::uint32_t number = 0;
        const auto [at, error] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
        const bool is_whole = error == std::errc{} && at == raw.data() + raw.size();
        sequence = is_whole ? std::optional(number) : std::nullopt;
    }
    return sequence;
}

}  // namespace

/// Handlers of one attempt know its number: those that come late find another one.
class WsClient::State : public std::enable_shared_from_this<State> {
  public:
    State(asio::io_context& io, std::string url, core::Rng& rng, WsClientListeners listeners,
          WsClientOptions options)
        : url_(std::move(url)),
          rng_(rng),
          listeners_(std::make_shared<const WsClientListeners>(std::move(listeners))),
          options_(std::move(options)),
          resolver_(io),
          socket_(io),
          deadline_(io),
          reconnect_timer_(io),
          chunk_(kReadBytes),
          assembler_(options_.max_message_bytes) {}

    std::error_code connect();
    std::error_code send(const Message& message);
    std::error_code authenticate(std::string_view data, Authenticated done, bool should_sync);
    void disconnect(std::uint16_t code, std::string_view reason);
    void close();
    [[nodiscard]] bool is_connected() const noexcept { return phase_ == Phase::open; }
    [[nodiscard]] bool is_authenticated() const noexcept { return is_authenticated_; }

  private:
    /// idle: nothing is under way, or a timer waits for the next attempt.
    enum class Phase { idle, connecting, open, closing };

    void attempt(bool is_automatic);
    void greet();
    void opened();
    void read();
    void take(std::size_t bytes);
    /// False: the connection is over.
    bool take_frame(const ws::Frame& frame);
    void take_message(std::string_view text);
    void fail(std::uint16_t code);
    void put(ws::Opcode opcode, std::string_view payload);
    std::error_code put_message(std::string_view text);
    void write();
    void close_by_deadline();
    void over(std::uint16_t code, std::string_view reason);
    void raise(std::error_code code) const {
        const auto held = listeners_;
        if (held->on_error) held->on_error({code, code.message()});
    }

    const std::string url_;
    core::Rng& rng_;
    /// Held while one of them runs, which may be the last thing its owner does.
    std::shared_ptr<const WsClientListeners> listeners_;
    const WsClientOptions options_;
    WsAddress address_;
    asio::ip::tcp::resolver resolver_;
    asio::ip::tcp::socket socket_;
    asio::steady_timer deadline_;
    asio::steady_timer reconnect_timer_;

    Phase phase_ = Phase::idle;
    std::uint32_t attempt_ = 0;
    std::string key_;
    std::vector<char> chunk_;
    std::string received_;
    ws::Assembler assembler_;
    bool has_answer_ = false;    ///< the server's, to the request
    bool has_farewell_ = false;  ///< the server's; it sends nothing behind it
    std::string outgoing_;
    std::string writing_;
    std::string waiting_;  ///< frames for when it is open
    bool is_writing_ = false;
    std::uint16_t close_code_ = ws::kAbnormal;
    std::string close_reason_;

    Greeting greeting_;
    Authenticated authenticated_;
    bool is_authenticated_ = false;
    bool has_been_open_ = false;
    bool has_session_ = false;  ///< one was open since the application last ended one
    bool is_automatic_ = false;
    bool is_wanted_ = false;  ///< the application has not ended it
};

std::error_code WsClient::State::connect() {
    if (phase_ == Phase::connecting || phase_ == Phase::open) return {};
    auto address = parse_ws_address(url_);
    if (!address) return address.error();
    if (phase_ == Phase::closing) {
        over(close_code_, close_reason_);
        // Whoever heard of that has connected already.
        if (phase_ != Phase::idle) return {};
    }
    address_ = std::move(*address);
    is_wanted_ = true;
    attempt(false);
    return {};
}

void WsClient::State::attempt(bool is_automatic) {
    const std::uint32_t number = ++attempt_;
    reconnect_timer_.cancel();
    phase_ = Phase::connecting;
    is_automatic_ = is_automatic;
    has_answer_ = false;
    has_farewell_ = false;
    received_.clear();
    outgoing_.clear();
    assembler_ = ws::Assembler(options_.max_message_bytes);
    close_code_ = ws::kAbnormal;
    close_reason_.clear();
    deadline_.expires_after(options_.connect_timeout);
    deadline_.async_wait([self = shared_from_this(), number](const asio::error_code& error) {
        if (!error && self->attempt_ == number) self->over(ws::kAbnormal, {});
    });
    resolver_.async_resolve(
        address_.host, address_.port,
        [self = shared_from_this(), number](const asio::error_code& error, const auto& found) {
            if (self->attempt_ != number) return;
            if (error) return self->over(ws::kAbnormal, {});
            asio::async_connect(self->socket_, found,
                                [self, number](const asio::error_code& failure, const auto&) {
                                    if (self->attempt_ != number) return;
                                    if (failure) return self->over(ws::kAbnormal, {});
                                    self->greet();
                                });
        });
}

void WsClient::State::greet() {
    asio::error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    key_ = ws::make_key(rng_);
    outgoing_ = ws::make_request(address_, options_, key_);
    write();
    read();
}

void WsClient::State::opened() {
    phase_ = Phase::open;
    deadline_.cancel();
    const std::uint32_t number = attempt_;
    const Connected connected{!std::exchange(has_been_open_, true),
                              !std::exchange(has_session_, true), is_automatic_};
    const auto held = listeners_;
    if (held->on_connected) held->on_connected(connected);
    if (attempt_ != number || phase_ != Phase::open) return;
    // Behind what the listener had to say, who the client is above all.
    outgoing_ += std::exchange(waiting_, {});
    write();
}

void WsClient::State::read() {
    socket_.async_read_some(asio::buffer(chunk_),
                            [self = shared_from_this(), number = attempt_](
                                const asio::error_code& error, std::size_t bytes) {
                                if (self->attempt_ != number) return;
                                if (error)
                                    return self->over(self->close_code_, self->close_reason_);
                                self->take(bytes);
                                if (self->attempt_ == number) self->read();
                            });
}

void WsClient::State::take(std::size_t bytes) {
    if (has_farewell_) return;
    received_.append(chunk_.data(), bytes);
    const std::uint32_t number = attempt_;
    if (!has_answer_) {
        const std::size_t head = ws::head_bytes(received_);
        if (head == 0 && received_.size() < ws::kMaxHeadBytes) return;
        if (head == 0 || head > ws::kMaxHeadBytes ||
            !ws::is_accepted(std::string_view(received_).substr(0, head), key_,
                             options_.subprotocol)) {
            return over(ws::kAbnormal, {});
        }
        has_answer_ = true;
        received_.erase(0, head);
        opened();
        if (attempt_ != number) return;
    }
    std::size_t used = 0;
    for (;;) {
        const ws::Frame frame =
            ws::read_frame(std::string_view(received_).substr(used), options_.max_message_bytes);
        if (frame.error != 0) return fail(frame.error);
        if (frame.bytes == 0) break;
        used += frame.bytes;
        if (!take_frame(frame) || attempt_ != number) return;
    }
    received_.erase(0, used);
    // One large message does not keep its memory.
    if (received_.empty() && received_.capacity() > 4 * kReadBytes) received_.shrink_to_fit();
}

bool WsClient::State::take_frame(const ws::Frame& frame) {
    switch (frame.opcode) {
        case ws::Opcode::ping:
            put(ws::Opcode::pong, frame.payload);
            return true;
        case ws::Opcode::pong:
            return true;
        case ws::Opcode::close: {
            close_code_ = ws::kNoCode;
            if (frame.payload.size() >= 2) {
                close_code_ =
                    static_cast<std::uint16_t>(static_cast<std::uint8_t>(frame.payload[0]) << 8 |
                                               static_cast<std::uint8_t>(frame.payload[1]));
                close_reason_ = frame.payload.substr(2);
            }
            if (phase_ == Phase::open) put(ws::Opcode::close, frame.payload);
            // The server ends the connection; if it does not, the deadline will.
            phase_ = Phase::closing;
            has_farewell_ = true;
            close_by_deadline();
            return false;
        }
        default:
            break;
    }
    const ws::Assembler::Result result = assembler_.add(frame);
    if (result.error != 0) return fail(result.error), false;
    // What comes behind our farewell is nobody's.
    if (result.message && phase_ == Phase::open) take_message(*result.message);
    return true;
}

void WsClient::State::take_message(std::string_view text) {
    const json::Parsed parsed = json::parse(text);
    if (!parsed || parsed.value.is(json::Type::null)) {
        return raise(make_error_code(parsed.problem == json::Problem::too_deep
                                         ? Error::nested_too_deeply
                                         : Error::invalid_json));
    }
    Message message = read_message(parsed.value, Form::wire);
    if (message.is(Opcode::heartbeat)) {
        (void)put_message(kHeartbeatAnswer);
    } else if (message.is(Opcode::hello)) {
        greeting_ = read_greeting(message.data);
        if (!greeting_.enforces_versions) return;
        std::string version = R"({"op":0,"d":{"v":)";
        json::append_text(version, options_.version);
        (void)put_message(version.append(R"(},"t":"CLIENT_VERSION"})"));
    } else if (message.is(Opcode::authenticated)) {
        is_authenticated_ = true;
        if (const auto done = std::exchange(authenticated_, nullptr)) done(message.data);
    } else if (const auto held = listeners_; held->on_message) {
        message.sequence = read_sequence(parsed.value);
        held->on_message(message);
    }
}

std::error_code WsClient::State::send(const Message& message) {
    return put_message(to_json(message, Form::wire));
}

std::error_code WsClient::State::authenticate(std::string_view data, Authenticated done,
                                              bool should_sync) {
    if (phase_ != Phase::open) return make_error_code(Error::closed);
    if (authenticated_) return make_error_code(Error::too_many_authentications);
    const json::Parsed parsed = json::parse(data);
    if (!parsed || !parsed.value.is(json::Type::object)) {
        return make_error_code(Error::invalid_json);
    }
    const auto error =
        put_message(R"({"op":2,"d":)" + with_should_sync(parsed.value.raw, should_sync) + "}");
    if (!error) authenticated_ = std::move(done);
    return error;
}

std::error_code WsClient::State::put_message(std::string_view text) {
    if (!is_wanted_ || phase_ == Phase::closing) return make_error_code(Error::closed);
    std::string& queue = phase_ == Phase::open ? outgoing_ : waiting_;
    if (queue.size() + text.size() > options_.max_queued_bytes) {
        return make_error_code(Error::queue_full);
    }
    const auto mask = static_cast<std::uint32_t>(rng_.next_u64());
    ws::append_frame(queue, ws::Opcode::text, text, mask);
    if (phase_ == Phase::open) write();
    return {};
}

void WsClient::State::put(ws::Opcode opcode, std::string_view payload) {
    // Answers to pings nobody reads the answers of are left out rather than kept.
    if (outgoing_.size() > options_.max_queued_bytes) return;
    ws::append_frame(outgoing_, opcode, payload, static_cast<std::uint32_t>(rng_.next_u64()));
    write();
}

void WsClient::State::write() {
    if (is_writing_ || outgoing_.empty()) return;
    is_writing_ = true;
    writing_.clear();
    writing_.swap(outgoing_);
    asio::async_write(
        socket_, asio::buffer(writing_),
        [self = shared_from_this(), number = attempt_](const asio::error_code& error, std::size_t) {
            self->is_writing_ = false;
            // A later attempt's bytes waited for this buffer.
            const bool is_late = self->attempt_ != number;
            if (self->phase_ != Phase::idle && (is_late || !error)) self->write();
            if (is_late || !error) return;
            self->over(self->close_code_, self->close_reason_);
        });
}

void WsClient::State::close_by_deadline() {
    deadline_.expires_after(options_.connect_timeout);
    deadline_.async_wait(
        [self = shared_from_this(), number = attempt_](const asio::error_code& error) {
            if (error || self->attempt_ != number) return;
            self->over(self->close_code_, self->close_reason_);
        });
}

void WsClient::State::fail(std::uint16_t code) {
    put(ws::Opcode::close, ws::close_payload(code, {}));
    const std::uint32_t number = attempt_;
    raise(
        make_error_code(code == ws::kInvalidData ? Error::invalid_json : Error::invalid_envelope));
    // Whoever heard of it may have begun anew.
    if (attempt_ == number) over(code, {});
}

void WsClient::State::disconnect(std::uint16_t code, std::string_view reason) {
    is_wanted_ = false;
    has_session_ = false;
    reconnect_timer_.cancel();
    if (phase_ == Phase::idle) {
        // A timer that has run out cannot be cancelled any more: it finds another number.
        ++attempt_;
        waiting_.clear();
    }
    if (phase_ == Phase::idle || phase_ == Phase::closing) return;
    if (phase_ == Phase::connecting) return over(ws::kAbnormal, {});
    phase_ = Phase::closing;
    put(ws::Opcode::close, ws::close_payload(code, reason));
    close_by_deadline();
}

/// The connection, or the attempt at one, has ended.
void WsClient::State::over(std::uint16_t code, std::string_view why) {
    ++attempt_;
    phase_ = Phase::idle;
    // The arguments may be members that the listener changes.
    const std::string reason(why);
    is_authenticated_ = false;
    resolver_.cancel();
    deadline_.cancel();
    asio::error_code ignored;
    socket_.close(ignored);
    const bool is_reconnecting = is_wanted_ && greeting_.reconnect_interval.count() > 0;
    if (is_reconnecting) {
        reconnect_timer_.expires_after(greeting_.reconnect_interval);
        reconnect_timer_.async_wait(
            [self = shared_from_this(), number = attempt_](const asio::error_code& error) {
                if (!error && self->attempt_ == number) self->attempt(true);
            });
    } else {
        is_wanted_ = false;
        waiting_.clear();
    }
    if (const auto done = std::exchange(authenticated_, nullptr)) {
        done(tl::unexpected(make_error_code(Error::closed)));
    }
    const auto held = listeners_;
    if (held->on_disconnected) held->on_disconnected(code, reason, is_reconnecting);
}

/// For the owner's end: tells nobody.
void WsClient::State::close() {
    listeners_ = std::make_shared<const WsClientListeners>();
    authenticated_ = nullptr;
    is_wanted_ = false;
    over(ws::kAbnormal, {});
}

WsClient::WsClient(asio::io_context& io, std::string url, core::Rng& rng,
                   WsClientListeners listeners, WsClientOptions options)
    : state_(std::make_shared<State>(io, std::move(url), rng, std::move(listeners),
                                     std::move(options))) {}

WsClient::~WsClient() { state_->close(); }

std::error_code WsClient::connect() { return state_->connect(); }

std::error_code WsClient::send(const Message& message) { return state_->send(message); }

std::error_code WsClient::authenticate(std::string_view data, Authenticated done,
                                       bool should_sync) {
    return state_->authenticate(data, std::move(done), should_sync);
}

void WsClient::disconnect(std::uint16_t code, std::string_view reason) {
    state_->disconnect(code, reason);
}

bool WsClient::is_connected() const noexcept { return state_->is_connected(); }

bool WsClient::is_authenticated() const noexcept { return state_->is_authenticated(); }

}  // namespace pulse::mesa
