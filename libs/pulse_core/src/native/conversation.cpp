// SPDX-License-Identifier: MIT OR Apache-2.0
#include "conversation_extras.hpp"
#include "encoders.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>

#include <pulse/core/error.hpp>
#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/json.hpp>
#include <pulse/protocol/value.hpp>
#include <pulse/protocol/version.hpp>

namespace pulse::core::native {

using protocol::DecodeStatus;
using protocol::ErrorCode;
using protocol::FrameType;
using protocol::FrameView;

namespace {

/// Of one message: as much as other connections can be let wait for.
constexpr std::size_t kFramesPerTurn = 4096;

/// `?format=json` asks for JSON from the first message on.
bool asks_for_json(std::string_view query) noexcept {
    constexpr std::string_view kWanted = "format=json";
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        if (query.substr(0, end) == kWanted) return true;
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return false;
}

}  // namespace

NativeConversation::NativeConversation(NativeDialect& dialect, Connection& connection,
                                       const OpenRequest& request)
    : dialect_(dialect),
      connection_(connection),
      session_(dialect.hub_, connection, *dialect.binary_encoder_,
               SessionId::generate(dialect.hub_.rng())),
      decoder_(options().max_frame_bytes) {
    if (asks_for_json(request.query)) {
        is_json_ = true;
        session_.set_encoder(*dialect_.json_encoder_);
    }
    if (dialect_.authenticator_ != nullptr) {
        standing_ = dialect_.authenticator_->is_required() ? Standing::required : Standing::open;
        // Most clients are no browsers: they need none of it.
        const std::string_view origin =
            request.header ? request.header("origin") : std::string_view{};
        if (!origin.empty()) extras().origin = origin;
        rights_ = dialect_.authenticator_->anonymous().rights;
    }
}

NativeConversation::~NativeConversation() {
    if (charged_bytes_ != 0) connection_.lane().budget()->release_input(charged_bytes_);
}

NativeConversation::Extras& NativeConversation::extras() {
    if (!extras_) extras_ = std::make_unique<Extras>(connection_.lane().now(), options());
    return *extras_;
}

void NativeConversation::on_open() {
    const auto heartbeat = std::clamp<std::int64_t>(options().heartbeat.count(), 0,
                                                    std::numeric_limits<std::uint32_t>::max());
    const LaneStats& sent = connection_.lane().stats();
    const std::uint64_t bytes_before = sent.reply_bytes.get();
    send(FrameView::connected(session_.id().to_string(), protocol::kProtocolVersion.major,
                              static_cast<std::uint32_t>(heartbeat)));
    stats().greetings.add(1);
    stats().greeting_bytes.add(sent.reply_bytes.get() - bytes_before);
    if (standing_ == Standing::required) expect_authentication();
    expect_review();
}

void NativeConversation::request_tick() {
    MonotonicTime due = MonotonicTime::max();
    for (const MonotonicTime time :
         {extras_->authentication_due, extras_->frame_due, extras_->review_due}) {
        if (time != MonotonicTime{}) due = std::min(due, time);
    }
    if (due == MonotonicTime::max()) return;
    const auto after = std::chrono::ceil<std::chrono::milliseconds>(due - connection_.lane().now());
    connection_.request_tick(std::max(after, std::chrono::milliseconds{0}));
}

void NativeConversation::on_tick(MonotonicTime now) {
    if (extras_ == nullptr || is_ending_) return;
    const auto is_over = [now](MonotonicTime due) { return due != MonotonicTime{} && now >= due; };
    if (is_over(extras_->authentication_due)) {
        stats().authentication_failures.add(1);
        end(CloseReason::authentication_failed);
    } else if (is_over(extras_->frame_due)) {
        end(CloseReason::message_timeout);
    } else {
        if (is_over(extras_->review_due)) review();
        if (!is_ending_) request_tick();
    }
}

void NativeConversation::on_closing(CloseReason reason) {
    if (is_ending_) return;
    // First what was published before; then the last word.
    session_.unsubscribe_all();
    const protocol::CloseInfo& info = protocol::close_info(reason);
    if (info.error) send_error(0, *info.error, info.text);
    is_ending_ = true;
}

void NativeConversation::on_close(const CloseEvent&) {
    is_ending_ = true;
    if (extras_ != nullptr) extras_->joining.reset();
    session_.unsubscribe_all();
}

void NativeConversation::on_message(ByteView message, MessageKind kind) {
    // Of a client that overran its answers the decoder still refers to a message that is gone.
    if (is_ending_ || connection_.is_overflowed()) return;
    if (is_waiting()) {
        extras().waiting.emplace_back(kind, std::vector(message.begin(), message.end()));
        return;
    }
    stats().frame_bytes_in.add(message.size());
    if (kind == MessageKind::text) {
        handle_text(message);
    } else {
        handle_binary(message);
    }
}

void NativeConversation::handle_binary(ByteView message) {
    if (is_json_) {
        is_json_ = false;
        session_.set_encoder(*dialect_.binary_encoder_);
    }
    decoder_.feed(message);
    drain_decoder();
}

void NativeConversation::handle_text(ByteView message) {
    // A frame's length prefix starts with 0 or 1, so neither JSON nor any other text can be
    // mistaken for one; in the middle of a frame text is as good as binary.
    const bool is_mid_frame = decoder_.buffered_bytes() != 0;
    if (message.empty()) return;
    if (is_mid_frame || message[0] <= std::byte{1}) {
        decoder_.feed(message);
        drain_decoder();
        return;
    }
    if (message[0] != std::byte{'{'}) {
        stats().invalid_frames.add(1);
        send_error(0, ErrorCode::invalid_frame, protocol::default_text(ErrorCode::invalid_frame));
        return;
    }
    if (!is_json_) {
        is_json_ = true;
        session_.set_encoder(*dialect_.json_encoder_);
    }
    if (message.size() > options().max_frame_bytes) {
        stats().invalid_frames.add(1);
        send_error(0, ErrorCode::payload_too_large,
                   protocol::default_text(ErrorCode::payload_too_large));
        return;
    }
    const protocol::JsonDecodeResult decoded = protocol::decode_json(protocol::as_text(message));
    if (!decoded) {
        stats().invalid_frames.add(1);
        send_error(0, ErrorCode::invalid_frame, protocol::default_text(ErrorCode::invalid_frame));
        return;
    }
    handle(decoded.frame.view());
}

void NativeConversation::drain_decoder() {
    FrameView frame;
    for (std::size_t count = 1;; ++count) {
        switch (decoder_.next(frame)) {
            case DecodeStatus::frame:
                handle(frame);
                break;
            case DecodeStatus::malformed:
                stats().invalid_frames.add(1);
                send_error(0, ErrorCode::invalid_frame,
                           protocol::default_text(ErrorCode::invalid_frame));
                break;
            case DecodeStatus::too_large:
                stats().invalid_frames.add(1);
                end(CloseReason::frame_too_large);
                return;
            case DecodeStatus::need_more:
                await_rest(count > 1);
                charge_input();
                return;
        }
        if (is_ending_ || connection_.is_overflowed()) return;
        const bool is_enough = count >= kFramesPerTurn || connection_.lane().needs_flush();
        if (is_enough && decoder_.has_unread()) yield();
        if (is_waiting()) {
            decoder_.release_input();
            charge_input();
            return;
        }
    }
}

void NativeConversation::await_rest(bool is_another) {
    if (decoder_.buffered_bytes() == 0) {
        if (extras_ != nullptr) extras_->frame_due = {};
        return;
    }
    const auto patience = options().frame_timeout;
    if (patience.count() == 0 || (!is_another && extras().frame_due != MonotonicTime{})) return;
    extras().frame_due = connection_.lane().now() + patience;
    request_tick();
}

void NativeConversation::yield() {
    is_yielding_ = true;
    connection_.pause_reading(true);
    // `this` lives as long as the connection does; post() runs nothing after that.
    connection_.handle().post([this](Connection&) {
        is_yielding_ = false;
        resume();
    });
}

void NativeConversation::resume() {
    if (is_ending_ || is_waiting()) return;
    handle_stashed();
    if (is_ending_ || is_waiting()) return;
    drain_decoder();
    if (extras_ != nullptr) handle_waiting();
    if (!is_waiting() && !is_ending_) connection_.pause_reading(false);
}

void NativeConversation::handle_waiting() {
    Extras& extra = *extras_;
    while (extra.first_waiting < extra.waiting.size() && !is_waiting() && !is_ending_) {
        const auto [kind, message] = std::move(extra.waiting[extra.first_waiting++]);
        on_message(message, kind);
    }
    if (extra.first_waiting == extra.waiting.size()) {
        extra.waiting = {};
        extra.first_waiting = 0;
    }
}

void NativeConversation::charge_input() {
    MemoryBudget* budget = connection_.lane().budget();
    const auto held = static_cast<std::uint32_t>(decoder_.buffered_bytes() + stashed_bytes());
    if (budget == nullptr || held == charged_bytes_) return;
    if (held > charged_bytes_ && !budget->try_reserve_input(held - charged_bytes_)) {
        end(CloseReason::out_of_memory);
        // Nothing more is read, so what came of the frame is given up at once.
        decoder_ = protocol::FrameDecoder(options().max_frame_bytes);
        budget->release_input(std::exchange(charged_bytes_, 0));
        return;
    }
    if (held < charged_bytes_) budget->release_input(charged_bytes_ - held);
    charged_bytes_ = held;
}

void NativeConversation::handle(const FrameView& frame) {
    if (stash(frame)) return;
    stats().frames_in.add(1);
    switch (frame.type) {
        case FrameType::publish:
            handle_publish(frame);
            return;
        case FrameType::subscribe:
            handle_subscribe(frame);
            return;
        case FrameType::unsubscribe:
            handle_unsubscribe(frame);
            return;
        case FrameType::presence:
            handle_presence(frame);
            return;
        case FrameType::ping:
            send(FrameView::pong(frame.timestamp));
            return;
        case FrameType::pong:
            return;
        case FrameType::connect:
            handle_connect(frame);
            return;
        case FrameType::ack:
        case FrameType::error:
        case FrameType::connected:
            break;
    }
    stats().invalid_frames.add(1);
    send_error(frame.id.value_or(0), ErrorCode::invalid_frame,
               protocol::default_text(ErrorCode::invalid_frame));
}

void NativeConversation::handle_unsubscribe(const FrameView& frame) {
    const std::uint64_t id = frame.id.value_or(0);
    if (!options().subscribes.is_unlimited() &&
        !is_within(extras().subscribes, options().subscribes, frame)) {
        return;
    }
    if (const std::error_code error = session_.unsubscribe(frame.channel)) {
        refuse(id, error, frame.channel);
        return;
    }
    send_ack(id);
}

bool NativeConversation::may(Action action, const FrameView& frame) {
    if (standing_ == Standing::required) {
        send_error(frame.id.value_or(0), ErrorCode::unauthorized,
                   protocol::default_text(ErrorCode::unauthorized));
        return false;
    }
    const NativeOptions& now = options();
    const RateLimit& limit = action == Action::publish ? now.publishes : now.subscribes;
    if (!limit.is_unlimited()) {
        TokenBucket& bucket = action == Action::publish ? extras().publishes : extras().subscribes;
        if (!is_within(bucket, limit, frame)) return false;
    }
    if (!is_allowed(action, frame.channel)) {
        send_error(frame.id.value_or(0), ErrorCode::forbidden,
                   protocol::default_text(ErrorCode::forbidden));
        return false;
    }
    return true;
}

bool NativeConversation::is_within(TokenBucket& bucket, const RateLimit& limit,
                                   const FrameView& frame) {
    if (bucket.try_take(connection_.lane().now(), limit)) return true;
    stats().rate_limited.add(1);
    send_error(frame.id.value_or(0), ErrorCode::rate_limited,
               protocol::default_text(ErrorCode::rate_limited));
    return false;
}

void NativeConversation::send(const FrameView& frame) {
    if (is_json_) {
        std::string text;
        protocol::encode_json(frame, text);
        connection_.send(protocol::as_bytes(text), MessageKind::text);
        return;
    }
    std::byte* out = connection_.begin_message(protocol::encoded_size(frame), MessageKind::binary);
    if (out != nullptr) protocol::encode_to(frame, out);
}

void NativeConversation::send_ack(std::uint64_t id) {
    if (is_json_) {
        send(FrameView::ack(id));
        return;
    }
    std::byte* out = connection_.begin_message(protocol::ack_size(id), MessageKind::binary);
    if (out != nullptr) protocol::encode_ack_to(id, out);
}

void NativeConversation::send_error(std::uint64_t id, ErrorCode code, std::string_view text) {
    stats().errors_sent.add(1);
    send(FrameView::error(id, static_cast<std::uint16_t>(code), text));
}

void NativeConversation::refuse(std::uint64_t id, const std::error_code& error,
                                std::string_view channel) {
    namespace text = protocol::text;
    const bool is_documented = options().has_documented_error_codes;
    if (error == Error::invalid_channel) {
        send_error(id, ErrorCode::invalid_channel,
                   text::invalid_channel(protocol::check_channel_name(channel)));
    } else if (error == Error::too_many_subscriptions) {
        send_error(id, ErrorCode::invalid_channel, text::maximum_subscriptions_reached());
    } else if (error == Error::already_subscribed) {
        send_error(id, is_documented ? ErrorCode::already_subscribed : ErrorCode::invalid_channel,
                   text::already_subscribed(channel));
    } else if (error == Error::not_subscribed) {
        send_error(id, ErrorCode::not_subscribed, text::not_subscribed(channel));
    } else if (error == Error::not_a_member) {
        send_error(id, ErrorCode::not_subscribed, "Not a member of the channel's presence");
    } else if (error == Error::channel_not_found) {
        send_error(id, ErrorCode::channel_not_found,
                   protocol::default_text(ErrorCode::channel_not_found));
    } else if (error == Error::presence_full) {
        send_error(id, ErrorCode::server_error, "Presence of the channel is full");
    } else if (error == Error::broker_overloaded) {
        send_error(id, ErrorCode::rate_limited, protocol::default_text(ErrorCode::rate_limited));
    } else if (error == Error::broker_unavailable) {
        send_error(id, ErrorCode::server_error, "Broker unavailable");
    } else if (error == Error::too_many_channels) {
        send_error(id, ErrorCode::server_error, "Maximum channels reached");
    } else {
        send_error(id, ErrorCode::server_error, protocol::default_text(ErrorCode::server_error));
    }
}

void NativeConversation::end(CloseReason reason) {
    on_closing(reason);
    connection_.close(reason);
}

}  // namespace pulse::core::native
