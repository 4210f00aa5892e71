// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Channels of the hub, as clients of rooms speak of them:
//
//   {"type":"subscribe","data":["channel",<name>]}, or ["channel",<name>,<token>]
//   {"type":"unsubscribe","data":["channel",<name>]}, or ["channel"] for all of them
//   {"type":"channel","data":{"id":<name>,"event":<text>,"payload":<any JSON>}}
//
// To the original a subscription's data is text: these mean nothing there, nor does any room's
// event collide with them.
#pragma once

#include "message.hpp"

#include <optional>
#include <string>

#include <pulse/core/encoding.hpp>

namespace pulse::rooms {

struct ChannelRequest {
    bool is_sound = false;  ///< has a form that it can have at all
    std::optional<std::string> name;
    std::string token;  ///< empty: none
};

/// Of a `subscribe` or `unsubscribe` message's data. Nothing when that speaks of no channel.
[[nodiscard]] std::optional<ChannelRequest> read_channel_request(json::Value data);

/// The payload is what it is when it is JSON, else text, else base64 under another name.
class ChannelEncoder final : public core::Encoder {
  public:
    [[nodiscard]] bool encode(const core::PublicationView& publication,
                              core::MessageWriter& out) const override;
};

}  // namespace pulse::rooms
