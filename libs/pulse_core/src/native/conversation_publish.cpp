// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Publishing. On a node on its own a publication is done when it is published. With a broker its
// answer comes later; until then a client may publish more, and their answers keep the order of
// the requests, but whatever else it asks for waits.
#include "conversation_extras.hpp"

#include <pulse/core/error.hpp>

namespace pulse::core::native {

using protocol::ErrorCode;
using protocol::FrameView;

namespace {

/// Of one connection: enough to fill the way to the broker and back.
constexpr std::size_t kMaxUnanswered = 1024;

}  // namespace

void NativeConversation::handle_publish(const FrameView& frame) {
    if (!may(Action::publish, frame)) return;
    const std::size_t limit = options().max_payload_bytes;
    if (limit != 0 && frame.payload.size() > limit) {
        answer_publish(frame.id, Error::message_too_big, frame.channel);
        return;
    }
    stats().publishes.add(1);
    stats().publish_bytes.add(frame.payload.size());
    PublicationView publication;
    publication.channel = frame.channel;
    publication.event = frame.event;
    publication.payload = frame.payload;
    if (dialect_.hub_.broker() != nullptr) {
        publish_through_broker(frame.id, publication);
        return;
    }
    const auto receivers = session_.publish(publication);
    answer_publish(frame.id, receivers ? std::error_code() : receivers.error(), frame.channel);
}

void NativeConversation::publish_through_broker(std::optional<std::uint64_t> id,
                                                PublicationView publication) {
    publication.source = session_.id();
    if (extras().publishing == nullptr) extras().publishing = std::make_unique<Publishing>();
    Publishing& publishing = *extras().publishing;
    const std::uint64_t ticket = publishing.first_ticket + publishing.unanswered.size();
    publishing.unanswered.push_back({id, std::nullopt});
    dialect_.hub_.publish_confirmed(
        publication, &connection_.lane(),
        [this, ticket, handle = connection_.handle()](std::error_code error) {
            // `this` lives as long as the connection does; post() runs nothing after that.
            handle.post([this, ticket, error](Connection&) { finish_publish(ticket, error); });
        });
    if (publishing.unanswered.size() >= kMaxUnanswered) hold();
}

void NativeConversation::finish_publish(std::uint64_t ticket, std::error_code error) {
    if (is_ending_) return;
    Publishing& publishing = *extras_->publishing;
    auto& unanswered = publishing.unanswered;
    unanswered[static_cast<std::size_t>(ticket - publishing.first_ticket)].outcome = error;
    while (!unanswered.empty() && unanswered.front().outcome) {
        const Publishing::Unanswered done = unanswered.front();
        unanswered.pop_front();
        ++publishing.first_ticket;
        answer_publish(done.id, *done.outcome, {});
    }
    if (!is_held_ || extras_->joining != nullptr) return;
    const bool has_room = !publishing.stashed && unanswered.size() < kMaxUnanswered;
    if (unanswered.empty() || has_room) release();
}

void NativeConversation::answer_publish(std::optional<std::uint64_t> id, std::error_code error,
                                        std::string_view channel) {
    if (!error) {
        if (id) send_ack(*id);
    } else if (error == Error::message_too_big) {
        send_error(id.value_or(0), ErrorCode::payload_too_large,
                   protocol::default_text(ErrorCode::payload_too_large));
    } else {
        refuse(id.value_or(0), error, channel);
    }
}

bool NativeConversation::stash(const FrameView& frame) {
    const bool may_pass =
        frame.type == protocol::FrameType::publish || frame.type == protocol::FrameType::pong;
    if (may_pass || extras_ == nullptr || extras_->publishing == nullptr) return false;
    if (extras_->publishing->unanswered.empty()) return false;
    extras_->publishing->stashed.emplace(frame);
    hold();
    if (is_json_) charge_input();  // else drain_decoder() does
    return true;
}

std::size_t NativeConversation::stashed_bytes() const noexcept {
    if (extras_ == nullptr || extras_->publishing == nullptr) return 0;
    const auto& stashed = extras_->publishing->stashed;
    if (!stashed) return 0;
    return stashed->payload.size() + (stashed->data ? stashed->data->size() : 0);
}

void NativeConversation::handle_stashed() {
    if (extras_ == nullptr || extras_->publishing == nullptr) return;
    auto& stashed = extras_->publishing->stashed;
    if (!stashed) return;
    const protocol::Frame frame = std::move(*stashed);
    stashed.reset();
    handle(frame.view());
}

void NativeConversation::hold() {
    if (is_held_) return;
    is_held_ = true;
    connection_.pause_reading(true);
}

void NativeConversation::release() {
    if (!is_held_) return;
    is_held_ = false;
    resume();
}

}  // namespace pulse::core::native
