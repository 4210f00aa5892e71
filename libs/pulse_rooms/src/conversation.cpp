// SPDX-License-Identifier: MIT OR Apache-2.0
#include "conversation.hpp"

#include "message.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <pulse/protocol/bytes.hpp>

namespace pulse::rooms {

namespace {

// RFC 6455 §7.4.1, and the registry it began.
constexpr std::uint16_t kNormal = 1000;
constexpr std::uint16_t kPolicyViolation = 1008;
constexpr std::uint16_t kTryAgainLater = 1013;

/// Bytes composed in one turn for one connection: the others of its loop want theirs.
constexpr std::uint64_t kMaxWork = std::uint64_t{256} * 1024;
/// Beside one message. Once reading is paused, only what has been received already comes.
constexpr std::size_t kMaxHeldBytes = std::size_t{4} * 1024 * 1024;

void send_text(core::Connection& connection, std::string_view text) {
    connection.send(protocol::as_bytes(text), core::MessageKind::text);
}

}  // namespace

RoomConversation::RoomConversation(Engine& engine, core::Connection& connection, Registry::Pin room,
                                   MemberPtr member, ClientPage page)
    : engine_(engine),
      connection_(connection),
      room_(std::move(room)),
      member_(std::move(member)),
      page_(std::move(page)),
      messages_(connection.lane().now(), engine.limits().messages) {
    member_->connection = &connection_;
    member_->conversation = this;
}

RoomConversation::~RoomConversation() { leave(); }

void RoomConversation::on_open() {
    LanePart& at = engine_.part(connection_);
    at.set_framing(connection_.framing());
    if (const auto interval = engine_.options().ping_interval; interval.count() > 0) {
        next_ping_ = connection_.lane().now() + interval;
        request_tick(connection_.lane().now());
    }
    pause(true);
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
    begin_turn();
    // Only behind what is held is it read from again: a close that waits to be read comes last.
    go_on();
}

void RoomConversation::on_refused(std::string_view why) {
    send_text(connection_, error_message(why));
    end(kTryAgainLater);
}

void RoomConversation::on_paused() {
    is_waiting_ = true;
    pause(true);
}

void RoomConversation::on_resumed() {
    is_waiting_ = false;
    begin_turn();
    go_on();
}

void RoomConversation::on_closed() { end(kNormal); }

bool RoomConversation::is_listening() const noexcept {
    return !is_over_ && !is_ending_ && !connection_.is_overflowed();
}

bool RoomConversation::may_read() const noexcept {
    return is_listening() && !must_wait() && work_ < kMaxWork;
}

void RoomConversation::begin_turn() noexcept {
    const core::MonotonicTime now = connection_.lane().now();
    if (std::exchange(turn_, now) != now) work_ = 0;
}

void RoomConversation::on_message(core::ByteView message, core::MessageKind kind) {
    note_communication();
    if (!is_listening() || kind != core::MessageKind::text) return;
    begin_turn();
    const std::string_view text = protocol::as_text(message);
    const bool is_next = held_.empty() && !is_showing_ && !is_going_on_ && may_read();
    if (!is_next) return hold(text);
    is_going_on_ = true;
    read(text);
    is_going_on_ = false;
    if (is_paused_ || is_showing_ || must_wait()) go_on();
}

void RoomConversation::hold(std::string_view text) {
    held_bytes_ += text.size() + sizeof(std::string);
    if (held_bytes_ > kMaxHeldBytes + engine_.limits().max_message_bytes) {
        return end(kPolicyViolation);
    }
    held_.emplace_back(text);
    go_on();
}

void RoomConversation::go_on() {
    if (is_going_on_) return;
    is_going_on_ = true;
    while (may_read()) {
        if (is_showing_) {
            LanePart& at = engine_.part(connection_);
            const std::uint64_t before = at.composed();
            is_showing_ = room_->show_more(member_, at);
            work_ += at.composed() - before;
        } else if (!held_.empty()) {
            const std::string text = std::move(held_.front());
            held_.pop_front();
            held_bytes_ -= text.size() + sizeof(std::string);
            read(text);
        } else {
            break;
        }
    }
    is_going_on_ = false;
    if (!is_listening()) return held_.clear();
    const bool has_more = is_showing_ || !held_.empty();
    pause(must_wait() || has_more);
    if (!has_more || must_wait() || std::exchange(is_scheduled_, true)) return;
    connection_.handle().post([this](core::Connection&) {
        is_scheduled_ = false;
        begin_turn();
        work_ = 0;
        go_on();
    });
}

void RoomConversation::note_communication() {
    member_->last_ms.store(engine_.clock.unix_ms(), std::memory_order_relaxed);
}

void RoomConversation::pause(bool is_paused) {
    if (std::exchange(is_paused_, is_paused) != is_paused) connection_.pause_reading(is_paused);
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
    // Ends in on_closed(), behind the answers to what came before.
    if (parsed.message->type == MessageType::close) is_ending_ = true;
    const MessageType type = parsed.message->type;
    if (type == MessageType::subscribe || type == MessageType::unsubscribe) {
        // No affair of the room's, nor of admins who listen in on it: there may be a token in it.
        if (const auto request = read_channel_request(parsed.message->data)) {
            EngineCounters::add(engine_.counters.messages);
            return ask_for_channel(type, *request);
        }
    }
    const std::uint64_t before = at.composed();
    is_showing_ = room_->handle(member_, at, *parsed.message);
    work_ += at.composed() - before;
}

void RoomConversation::ask_for_channel(MessageType type, const ChannelRequest& request) {
    if (channels_ == nullptr) {
        channels_ = std::make_unique<Channels>(engine_, connection_, *member_);
    }
    if (type == MessageType::unsubscribe) return refuse(channels_->unsubscribe(request));
    const std::string_view origin = page_.origin ? *page_.origin : std::string_view{};
    const std::string problem =
        channels_->subscribe(request, {origin, page_.is_at_home},
                             [this](const std::string& answer) { on_channel_answer(answer); });
    request_tick(connection_.lane().now());
    refuse(problem);
}

void RoomConversation::on_channel_answer(const std::string& problem) {
    is_going_on_ = true;
    refuse(problem);
    is_going_on_ = false;
    if (is_over_) return;
    request_tick(connection_.lane().now());
    begin_turn();
    go_on();
}

void RoomConversation::refuse(std::string_view problem) {
    if (problem.empty() || is_over_) return;
    LanePart& at = engine_.part(connection_);
    const std::uint64_t before = at.composed();
    room_->refuse(member_, at, problem);
    work_ += at.composed() - before;
}

void RoomConversation::on_tick(core::MonotonicTime now) {
    if (is_over_) return;
    ping_if_due(now);
    if (channels_ != nullptr) {
        const std::vector<std::string> problems = channels_->on_tick(now);
        is_going_on_ = true;
        for (const std::string& each : problems) refuse(each);
        is_going_on_ = false;
        if (is_over_) return;
        begin_turn();
        go_on();
    }
    request_tick(now);
}

void RoomConversation::ping_if_due(core::MonotonicTime now) {
    const auto interval = engine_.options().ping_interval;
    if (interval.count() <= 0) next_ping_ = {};
    if (next_ping_ == core::MonotonicTime{} || now < next_ping_) return;
    if (is_greeted_) {
        send_text(connection_,
                  R"({"type":"ping","data":)" + std::to_string(engine_.clock.unix_ms()) + "}");
        note_communication();
    }
    // From one to the next, so that they do not drift; those missed are left out.
    while (next_ping_ <= now) next_ping_ += interval;
}

void RoomConversation::request_tick(core::MonotonicTime now) {
    core::MonotonicTime due = core::MonotonicTime::max();
    if (next_ping_ != core::MonotonicTime{}) due = next_ping_;
    if (channels_ != nullptr) due = std::min(due, channels_->due());
    if (due == core::MonotonicTime::max()) return;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due - now);
    connection_.request_tick(std::max(wait, std::chrono::milliseconds{1}));
}

void RoomConversation::on_closing(core::CloseReason) { leave(); }

void RoomConversation::on_close(const core::CloseEvent&) { leave(); }

std::size_t RoomConversation::max_message_bytes() const noexcept {
    return engine_.limits().max_message_bytes;
}

void RoomConversation::leave() {
    if (std::exchange(is_over_, true)) return;
    if (channels_ != nullptr) channels_->end();
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
