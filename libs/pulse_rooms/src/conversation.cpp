// SPDX-License-Identifier: MIT OR Apache-2.0
#include "conversation.hpp"

#include "message.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <pulse/protocol/bytes.hpp>

namespace pulse::rooms {

namespace {

// RFC 6455 §7.4.1, and the registry it began.
constexpr std::uint16_t kNormal = 1000;
constexpr std::uint16_t kTryAgainLater = 1013;

void send_text(core::Connection& connection, std::string_view text) {
    connection.send(protocol::as_bytes(text), core::MessageKind::text);
}

}  // namespace

RoomConversation::RoomConversation(Engine& engine, core::Connection& connection, Registry::Pin room,
                                   MemberPtr member)
    : engine_(engine),
      connection_(connection),
      room_(std::move(room)),
      member_(std::move(member)),
      messages_(connection.lane().now(), engine.limits().messages) {
    member_->connection = &connection_;
    member_->conversation = this;
}

RoomConversation::~RoomConversation() { leave(); }

void RoomConversation::on_open() {
    LanePart& at = engine_.part(connection_);
    at.set_framing(connection_.framing());
    if (engine_.options.ping_interval.count() > 0) {
        next_ping_ = connection_.lane().now() + engine_.options.ping_interval;
        connection_.request_tick(engine_.options.ping_interval);
    }
    connection_.pause_reading(true);
    // By value: a member that leaves meanwhile is told apart by the room.
    room_->when_loaded(at, [room = std::shared_ptr<Room>((*room_).shared_from_this()),
                            member = member_](LanePart& lane, std::error_code error) {
        if (error) {
            room->refuse_unloaded(member, lane);
        } else {
            room->enter(member, lane);
        }
    });
}

void RoomConversation::on_greeted() {
    is_greeted_ = true;
    connection_.pause_reading(false);
    const std::vector<std::string> held = std::exchange(held_, {});
    for (const std::string& text : held) {
        if (is_over_) return;
        read(text);
    }
}

void RoomConversation::on_refused(std::string_view why) {
    send_text(connection_, error_message(why));
    end(kTryAgainLater);
}

void RoomConversation::on_resumed() { connection_.pause_reading(false); }

void RoomConversation::on_message(core::ByteView message, core::MessageKind kind) {
    if (is_over_ || kind != core::MessageKind::text) return;
    const std::string_view text = protocol::as_text(message);
    if (is_greeted_) return read(text);
    held_.emplace_back(text);
}

void RoomConversation::read(std::string_view text) {
    LanePart& at = engine_.part(connection_);
    if (!messages_.try_take(connection_.lane().now(), engine_.limits().messages)) {
        return room_->refuse(member_, at, "Too many messages; slow down");
    }
    const ParsedMessage parsed = parse_message(text);
    if (parsed.problem == json::Problem::too_deep) {
        return room_->refuse(member_, at, "The message is nested too deeply");
    }
    if (!parsed.message) return;
    room_->handle(member_, at, *parsed.message);
    if (parsed.message->type == MessageType::close) end(kNormal);
}

void RoomConversation::on_tick(core::MonotonicTime now) {
    if (is_over_) return;
    const auto interval = engine_.options.ping_interval;
    if (now >= next_ping_) {
        if (is_greeted_) {
            send_text(connection_,
                      R"({"type":"ping","data":)" + std::to_string(engine_.clock.unix_ms()) + "}");
        }
        // From one to the next, so that they do not drift; those missed are left out.
        while (next_ping_ <= now) next_ping_ += interval;
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_ping_ - now);
    connection_.request_tick(std::max(wait, std::chrono::milliseconds{1}));
}

void RoomConversation::on_closing(core::CloseReason) { leave(); }

void RoomConversation::on_close(const core::CloseEvent&) { leave(); }

std::size_t RoomConversation::max_message_bytes() const noexcept {
    return engine_.limits().max_message_bytes;
}

void RoomConversation::leave() {
    if (std::exchange(is_over_, true)) return;
    room_->leave(member_, engine_.part(connection_));
    room_.reset();
}

void RoomConversation::end(std::uint16_t code) {
    leave();
    connection_.close(code, {});
}

void RefusedConversation::on_open() {
    send_text(connection_, error_message(why_));
    connection_.close(code_, {});
}

}  // namespace pulse::rooms
