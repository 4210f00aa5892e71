// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Presence requests of a native client.
#include "conversation_extras.hpp"
#include "encoders.hpp"

#include <pulse/core/error.hpp>
#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/value.hpp>

namespace pulse::core::native {

using protocol::ErrorCode;
using protocol::FrameView;

namespace {

/// A member's data stands inside two containers in an event and inside four in a list, and the
/// whole must still be a frame that can be decoded.
constexpr std::size_t kMaxPresenceDepth = protocol::kMaxDepth - 4;

}  // namespace

void NativeConversation::handle_presence(const FrameView& frame) {
    const std::uint64_t id = frame.id.value_or(0);
    if (!may(Action::presence, frame)) return;
    std::optional<PresenceData> data;
    if (frame.data) {
        const std::size_t limit = options().max_payload_bytes;
        if (limit != 0 && frame.data->size() > limit) {
            send_error(id, ErrorCode::payload_too_large,
                       protocol::default_text(ErrorCode::payload_too_large));
            return;
        }
        data.emplace();
        if (protocol::canonicalise(*frame.data, *data, kMaxPresenceDepth) !=
            protocol::Error::none) {
            send_error(id, ErrorCode::invalid_frame,
                       protocol::default_text(ErrorCode::invalid_frame));
            return;
        }
    }
    std::error_code error;
    bool wants_members = false;
    switch (frame.action) {
        case PresenceAction::join: {
            const auto joined = session_.presence_join(frame.channel, std::move(data));
            if (!joined) error = joined.error();
            wants_members = true;
            break;
        }
        case PresenceAction::leave: {
            const auto left = session_.presence_leave(frame.channel);
            if (!left) error = left.error();
            break;
        }
        case PresenceAction::update: {
            const auto updated = session_.presence_update(frame.channel, std::move(data));
            if (!updated) error = updated.error();
            break;
        }
        case PresenceAction::sync:
            wants_members = true;
            break;
    }
    if (!error && wants_members && !may_sync()) {
        if (frame.action == PresenceAction::join) send_ack(id);
        stats().rate_limited.add(1);
        send_error(id, ErrorCode::rate_limited, protocol::default_text(ErrorCode::rate_limited));
        return;
    }
    if (!error && wants_members) {
        const auto members = session_.presence_members(frame.channel);
        if (members) {
            send_ack(id);
            send_sync(id, frame.channel, *members);
            return;
        }
        error = members.error();
    }
    if (!error) {
        send_ack(id);
        return;
    }
    // "Not subscribed" is said of channels that are there.
    if (error == Error::not_subscribed && !dialect_.hub_.channel_exists(frame.channel)) {
        error = Error::channel_not_found;
    }
    refuse(id, error, frame.channel);
}

void NativeConversation::send_sync(std::uint64_t id, std::string_view channel,
                                   const std::vector<PresenceState>& members) {
    std::vector<std::byte> data;
    append_presence_members(members, data);
    const FrameView frame =
        FrameView::presence(id, channel, PresenceAction::sync, protocol::ByteView{data});
    // A list that cannot be sent has cost as much as one that can.
    extras().sync_bytes += data.size();
    if (protocol::encoded_size(frame) > protocol::kLengthPrefixBytes + protocol::kMaxFrameBytes) {
        send_error(id, ErrorCode::server_error, "Member list too large");
        return;
    }
    send(frame);
}

bool NativeConversation::may_sync() {
    Extras& extra = extras();
    if (extra.sync_turn != connection_.lane().now()) {
        extra.sync_turn = connection_.lane().now();
        extra.sync_bytes = 0;
    }
    const std::size_t limit = connection_.lane().limits().max_bytes;
    return limit == 0 || extra.sync_bytes <= limit;
}

}  // namespace pulse::core::native
