// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Frames of the native protocol, borrowed (FrameView) and owned (Frame).
//
// Both are flat: one struct with the fields of all ten types, of which those in this table mean
// something. The others keep their defaults in every frame the library makes and are ignored in
// every frame it is given.
//
//   type         fields (? = optional)
//   subscribe    id, channel, recover?
//   unsubscribe  id, channel
//   publish      id?, channel, event?, payload, position?
//   presence     id, channel, action, data?
//   ack          id, recovery?
//   error        id, code, message
//   ping, pong   timestamp?
//   connect      version, token?
//   connected    connection_id, version, heartbeat
//
// recover, position and recovery are free-form values, of interest to clients that recover what
// they missed; here they are all `data`, of which no frame has two.
//
// A flat struct decodes faster than a variant (no alternative to destroy and build per frame) and
// lets a handler read `frame.id` without asking for the type first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/protocol/bytes.hpp>
#include <pulse/protocol/error.hpp>

namespace pulse::protocol {

/// The documented numbers. On the wire a type is its lower-case name; see to_string().
enum class FrameType : std::uint8_t {
    subscribe = 1,
    unsubscribe,
    publish,
    presence,
    ack,
    error,
    ping,
    pong,
    connect,
    connected,
};

/// The name on the wire, such as "subscribe"; "unknown" for a number outside 1..10.
[[nodiscard]] std::string_view to_string(FrameType type) noexcept;
/// Nothing for numbers outside 1..10.
[[nodiscard]] std::optional<FrameType> frame_type_from(std::uint64_t number) noexcept;
/// By wire name, case-sensitive.
[[nodiscard]] std::optional<FrameType> frame_type_from(std::string_view name) noexcept;

enum class PresenceAction : std::uint8_t {
    join,    ///< enter the channel's member list
    leave,   ///< leave it
    update,  ///< replace the member's data
    sync,    ///< whole member list (to a client), or the wish for it (from a client)
};

/// "join", "leave", "update", "sync"; "unknown" for a number outside 0..3.
[[nodiscard]] std::string_view to_string(PresenceAction action) noexcept;
/// Nothing for numbers outside 0..3.
[[nodiscard]] std::optional<PresenceAction> presence_action_from(std::uint64_t number) noexcept;

/// A frame whose text and bytes are borrowed: from the decoder's input, or from whoever made it.
///
/// Strings of a decoded frame are valid UTF-8. Which fields mean something: head of this file.
struct FrameView {
    FrameType type = FrameType::ping;
    PresenceAction action = PresenceAction::join;
    std::uint8_t version = 0;     ///< major protocol version
    std::uint16_t code = 0;       ///< see ErrorCode; kept as a number, a peer may know more codes
    std::uint32_t heartbeat = 0;  ///< milliseconds between heartbeats
    /// Chosen by the client and echoed in the answer. Frames that require one are encoded with 0
    /// when it is absent; 0 also means "tied to no request" in errors.
    std::optional<std::uint64_t> id;
    std::optional<std::uint64_t> timestamp;  ///< milliseconds, opaque to the receiver
    std::string_view channel;
    std::optional<std::string_view> event;
    ByteView payload;  ///< opaque, never parsed here
    /// `data` of presence, `recover` of subscribe, `position` of publish or `recovery` of ack:
    /// one MessagePack value of JSON's kinds, as raw bytes. Checked when decoded (no bin, no ext,
    /// string keys), not yet canonical: see canonicalise() in value.hpp. A present nil is not the
    /// same as absent.
    std::optional<ByteView> data;
    std::string_view message;
    std::optional<std::string_view> token;
    std::string_view connection_id;

    // Not defaulted: `FrameView{}` would then clear all of the struct before it sets the members,
    // which takes longer than decoding a frame.
    FrameView() noexcept {}  // NOLINT(modernize-use-equals-default)

    [[nodiscard]] static FrameView subscribe(std::uint64_t id, std::string_view channel) noexcept;
    [[nodiscard]] static FrameView unsubscribe(std::uint64_t id, std::string_view channel) noexcept;
    /// Without an id: nobody acknowledges it.
    [[nodiscard]] static FrameView publish(std::string_view channel, ByteView payload) noexcept;
    [[nodiscard]] static FrameView publish_with_ack(std::uint64_t id, std::string_view channel,
                                                    ByteView payload) noexcept;
    [[nodiscard]] static FrameView publish_event(
        std::string_view channel, std::string_view event, ByteView payload,
        std::optional<std::uint64_t> id = std::nullopt) noexcept;
    [[nodiscard]] static FrameView presence(std::uint64_t id, std::string_view channel,
                                            PresenceAction action,
                                            std::optional<ByteView> data = std::nullopt) noexcept;
    [[nodiscard]] static FrameView ack(std::uint64_t id) noexcept;
    [[nodiscard]] static FrameView error(std::uint64_t id, std::uint16_t code,
                                         std::string_view message) noexcept;
    [[nodiscard]] static FrameView error(std::uint64_t id, ErrorCode code,
                                         std::string_view message) noexcept {
        return error(id, static_cast<std::uint16_t>(code), message);
    }
    [[nodiscard]] static FrameView ping() noexcept;
    [[nodiscard]] static FrameView ping_with_timestamp(std::uint64_t timestamp) noexcept;
    [[nodiscard]] static FrameView pong(
        std::optional<std::uint64_t> timestamp = std::nullopt) noexcept;
    [[nodiscard]] static FrameView connect(
        std::uint8_t version, std::optional<std::string_view> token = std::nullopt) noexcept;
    [[nodiscard]] static FrameView connected(std::string_view connection_id, std::uint8_t version,
                                             std::uint32_t heartbeat) noexcept;

    /// Same type and same fields of that type; text and bytes compare by content, `data` by its raw
    /// bytes.
    friend bool operator==(const FrameView& a, const FrameView& b) noexcept;
};

/// A frame that owns its text and bytes. A value: copyable, comparable, safe to keep.
struct Frame {
    FrameType type = FrameType::ping;
    PresenceAction action = PresenceAction::join;
    std::uint8_t version = 0;
    std::uint16_t code = 0;
    std::uint32_t heartbeat = 0;
    std::optional<std::uint64_t> id;
    std::optional<std::uint64_t> timestamp;
    std::string channel;
    std::optional<std::string> event;
    std::vector<std::byte> payload;
    std::optional<std::vector<std::byte>> data;
    std::string message;
    std::optional<std::string> token;
    std::string connection_id;

    Frame() = default;
    /// Copies everything `view` borrows.
    explicit Frame(const FrameView& view);

    /// Borrows from this frame; dies with it and with its next change.
    [[nodiscard]] FrameView view() const noexcept;
    operator FrameView() const noexcept { return view(); }

    [[nodiscard]] static Frame subscribe(std::uint64_t id, std::string channel);
    [[nodiscard]] static Frame unsubscribe(std::uint64_t id, std::string channel);
    [[nodiscard]] static Frame publish(std::string channel, std::vector<std::byte> payload);
    [[nodiscard]] static Frame publish_with_ack(std::uint64_t id, std::string channel,
                                                std::vector<std::byte> payload);
    [[nodiscard]] static Frame publish_event(std::string channel, std::string event,
                                             std::vector<std::byte> payload,
                                             std::optional<std::uint64_t> id = std::nullopt);
    [[nodiscard]] static Frame presence(std::uint64_t id, std::string channel,
                                        PresenceAction action,
                                        std::optional<std::vector<std::byte>> data = std::nullopt);
    [[nodiscard]] static Frame ack(std::uint64_t id);
    [[nodiscard]] static Frame error(std::uint64_t id, std::uint16_t code, std::string message);
    [[nodiscard]] static Frame error(std::uint64_t id, ErrorCode code, std::string message) {
        return error(id, static_cast<std::uint16_t>(code), std::move(message));
    }
    [[nodiscard]] static Frame ping();
    [[nodiscard]] static Frame ping_with_timestamp(std::uint64_t timestamp);
    [[nodiscard]] static Frame pong(std::optional<std::uint64_t> timestamp = std::nullopt);
    [[nodiscard]] static Frame connect(std::uint8_t version,
                                       std::optional<std::string> token = std::nullopt);
    [[nodiscard]] static Frame connected(std::string connection_id, std::uint8_t version,
                                         std::uint32_t heartbeat);

    /// As for FrameView.
    friend bool operator==(const Frame& a, const Frame& b) noexcept { return a.view() == b.view(); }
};

/// For logs and test output, such as `publish{id=9, channel="chat", payload=5 bytes}`. Text is
/// escaped and cut after 64 bytes; payload, data and token are given by their length alone, since
/// they may be large or secret.
[[nodiscard]] std::string to_string(const FrameView& frame);
[[nodiscard]] inline std::string to_string(const Frame& frame) { return to_string(frame.view()); }

}  // namespace pulse::protocol
