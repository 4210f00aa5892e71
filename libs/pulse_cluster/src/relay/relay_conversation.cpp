// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relay/relay_conversation.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <pulse/protocol/bytes.hpp>

namespace pulse::cluster {

RelayConversation::RelayConversation(std::shared_ptr<Desk> desk, core::Connection& connection,
                                     SpacePtr space, OpenRecord open,
                                     std::shared_ptr<const void> admission)
    : connection_(connection),
      desk_(std::move(desk)),
      space_(std::move(space)),
      open_(std::make_unique<OpenRecord>(std::move(open))),
      admission_(std::move(admission)) {}

RelayConversation::~RelayConversation() { leave({1006, "", false}); }

void RelayConversation::on_open() {
    is_paused_ = true;
    connection_.pause_reading(true);
    const std::unique_ptr<OpenRecord> open = std::move(open_);
    client_ = desk_->enter(*this, std::move(*open));
}

void RelayConversation::on_message(core::ByteView message, core::MessageKind kind) {
    if (is_over_) return;
    if (inner_ != nullptr) return inner_->on_message(message, kind);
    if (peer_ == nullptr) return hold(message, kind);
    forward(kind, message);
    pause_if_full();
}

void RelayConversation::hold(core::ByteView message, core::MessageKind kind) {
    if (held_bytes_ + message.size() > desk_->options().max_held_bytes) {
        return end(kPolicyViolation, "Too much at once");
    }
    held_bytes_ += message.size() + sizeof(Held);
    held_.push_back({kind, std::string(protocol::as_text(message))});
}

void RelayConversation::forward(core::MessageKind kind, core::ByteView message) {
    unanswered_ += message.size();
    desk_->send_message(peer_, carried_as_, kind, message);
}

void RelayConversation::pause_if_full() {
    if (!is_awaiting_room_) is_awaiting_room_ = desk_->is_full(peer_, client_);
    const bool is_full = is_awaiting_room_ || unanswered_ >= desk_->options().session_window_bytes;
    if (std::exchange(is_paused_, is_full) != is_full) connection_.pause_reading(is_full);
}

void RelayConversation::on_here(const OpenRecord& open) {
    if (is_over_) return;
    try {
        begin(open);
    } catch (const std::exception& error) {
        connection_.fail(error.what());
    }
}

void RelayConversation::begin(const OpenRecord& open) {
    core::OpenRequest request = open.view();
    request.admission = std::exchange(admission_, nullptr);
    inner_ = space_->inner->open(connection_, request);
    if (inner_ == nullptr) return end(kInternalError, "Internal error");
    if (!space_->keys.resumes_itself) {
        is_paused_ = false;
        connection_.pause_reading(false);
        // A close may have waited for that.
        if (is_over_) return;
    }
    inner_->on_open();
    while (!held_.empty() && !is_over_) {
        const Held next = std::move(held_.front());
        held_.pop_front();
        inner_->on_message(protocol::as_bytes(next.message), next.kind);
    }
    held_bytes_ = 0;
}

void RelayConversation::on_opened(const PeerPtr& peer, SessionNumber session,
                                  std::uint64_t max_message) {
    if (is_over_) return;
    admission_.reset();
    peer_ = peer;
    carried_as_ = session;
    max_message_ = max_message;
    for (const Held& each : held_) forward(each.kind, protocol::as_bytes(each.message));
    held_.clear();
    held_bytes_ = 0;
    pause_if_full();
}

void RelayConversation::on_credit(std::size_t bytes) {
    if (is_over_ || peer_ == nullptr) return;
    unanswered_ -= std::min(unanswered_, bytes);
    pause_if_full();
}

void RelayConversation::on_room() {
    is_awaiting_room_ = false;
    if (!is_over_ && peer_ != nullptr) pause_if_full();
}

void RelayConversation::end(std::uint16_t code, std::string_view text) {
    if (is_over_) return;
    if (inner_ != nullptr) {
        try {
            inner_->on_closing(core::CloseReason::shutdown);
        } catch (const std::exception& error) {
            // It ends all the same: whose it is has changed.
            connection_.fail(error.what());
        }
    }
    leave({code, text, true});
    connection_.close(code, text);
}

std::size_t RelayConversation::max_message_bytes() const noexcept {
    return inner_ != nullptr ? inner_->max_message_bytes() : static_cast<std::size_t>(max_message_);
}

void RelayConversation::on_tick(core::MonotonicTime now) {
    if (inner_ != nullptr) inner_->on_tick(now);
}

void RelayConversation::on_closing(core::CloseReason reason) {
    if (inner_ != nullptr && !is_over_) inner_->on_closing(reason);
}

void RelayConversation::on_close(const core::CloseEvent& event) {
    if (inner_ != nullptr) inner_->on_close(event);
    leave(event);
}

void RelayConversation::leave(const core::CloseEvent& event) {
    if (std::exchange(is_over_, true)) return;
    held_.clear();
    peer_.reset();
    if (client_ != 0) desk_->leave(client_, event);
}

}  // namespace pulse::cluster
