// SPDX-License-Identifier: MIT OR Apache-2.0

#include <array>
#include <cstring>

#include <pulse/protocol/frame.hpp>

namespace pulse::protocol {
namespace {

using namespace std::string_view_literals;

constexpr std::array kTypeNames{"subscribe"sv, "unsubscribe"sv, "publish"sv, "presence"sv,
                                "ack"sv,       "error"sv,       "ping"sv,    "pong"sv,
                                "connect"sv,   "connected"sv};
constexpr std::array kActionNames{"join"sv, "leave"sv, "update"sv, "sync"sv};

[[nodiscard]] std::vector<std::byte> to_vector(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}

[[nodiscard]] bool equal(ByteView a, ByteView b) noexcept { return as_text(a) == as_text(b); }

[[nodiscard]] bool equal(const std::optional<ByteView>& a,
                         const std::optional<ByteView>& b) noexcept {
    return a.has_value() == b.has_value() && (!a || equal(*a, *b));
}

}  // namespace

std::string_view to_string(FrameType type) noexcept {
    const std::size_t index = static_cast<std::size_t>(type) - 1;  // wraps for 0
    return index < kTypeNames.size() ? kTypeNames[index] : "unknown"sv;
}

std::optional<FrameType> frame_type_from(std::uint64_t number) noexcept {
    if (number < 1 || number > kTypeNames.size()) return std::nullopt;
    return static_cast<FrameType>(number);
}

std::optional<FrameType> frame_type_from(std::string_view name) noexcept {
    for (std::size_t i = 0; i < kTypeNames.size(); ++i) {
        if (kTypeNames[i] == name) return static_cast<FrameType>(i + 1);
    }
    return std::nullopt;
}

std::string_view to_string(PresenceAction action) noexcept {
    const auto index = static_cast<std::size_t>(action);
    return index < kActionNames.size() ? kActionNames[index] : "unknown"sv;
}

std::optional<PresenceAction> presence_action_from(std::uint64_t number) noexcept {
    if (number >= kActionNames.size()) return std::nullopt;
    return static_cast<PresenceAction>(number);
}

// ---- FrameView ---------------------------------------------------------------------------------

FrameView FrameView::subscribe(std::uint64_t id, std::string_view channel) noexcept {
    FrameView frame;
    frame.type = FrameType::subscribe;
    frame.id = id;
    frame.channel = channel;
    return frame;
}

FrameView FrameView::unsubscribe(std::uint64_t id, std::string_view channel) noexcept {
    FrameView frame;
    frame.type = FrameType::unsubscribe;
    frame.id = id;
    frame.channel = channel;
    return frame;
}

FrameView FrameView::publish(std::string_view channel, ByteView payload) noexcept {
    FrameView frame;
    frame.type = FrameType::publish;
    frame.channel = channel;
    frame.payload = payload;
    return frame;
}

FrameView FrameView::publish_with_ack(std::uint64_t id, std::string_view channel,
                                      ByteView payload) noexcept {
    FrameView frame = publish(channel, payload);
    frame.id = id;
    return frame;
}

FrameView FrameView::publish_event(std::string_view channel, std::string_view event,
                                   ByteView payload, std::optional<std::uint64_t> id) noexcept {
    FrameView frame = publish(channel, payload);
    frame.event = event;
    frame.id = id;
    return frame;
}

FrameView FrameView::presence(std::uint64_t id, std::string_view channel, PresenceAction action,
                              std::optional<ByteView> data) noexcept {
    FrameView frame;
    frame.type = FrameType::presence;
    frame.id = id;
    frame.channel = channel;
    frame.action = action;
    frame.data = data;
    return frame;
}

FrameView FrameView::ack(std::uint64_t id) noexcept {
    FrameView frame;
    frame.type = FrameType::ack;
    frame.id = id;
    return frame;
}

FrameView FrameView::error(std::uint64_t id, std::uint16_t code,
                           std::string_view message) noexcept {
    FrameView frame;
    frame.type = FrameType::error;
    frame.id = id;
    frame.code = code;
    frame.message = message;
    return frame;
}

FrameView FrameView::ping() noexcept { return {}; }

FrameView FrameView::ping_with_timestamp(std::uint64_t timestamp) noexcept {
    FrameView frame;
    frame.timestamp = timestamp;
    return frame;
}

FrameView FrameView::pong(std::optional<std::uint64_t> timestamp) noexcept {
    FrameView frame;
    frame.type = FrameType::pong;
    frame.timestamp = timestamp;
    return frame;
}

FrameView FrameView::connect(std::uint8_t version, std::optional<std::string_view> token) noexcept {
    FrameView frame;
    frame.type = FrameType::connect;
    frame.version = version;
    frame.token = token;
    return frame;
}

FrameView FrameView::connected(std::string_view connection_id, std::uint8_t version,
                               std::uint32_t heartbeat) noexcept {
    FrameView frame;
    frame.type = FrameType::connected;
    frame.connection_id = connection_id;
    frame.version = version;
    frame.heartbeat = heartbeat;
    return frame;
}

bool operator==(const FrameView& a, const FrameView& b) noexcept {
    if (a.type != b.type) return false;
    switch (a.type) {
        case FrameType::subscribe:
            return a.id == b.id && a.channel == b.channel && equal(a.data, b.data);
        case FrameType::unsubscribe:
            return a.id == b.id && a.channel == b.channel;
        case FrameType::publish:
            return a.id == b.id && a.channel == b.channel && a.event == b.event &&
                   equal(a.payload, b.payload) && equal(a.data, b.data);
        case FrameType::presence:
            return a.id == b.id && a.channel == b.channel && a.action == b.action &&
                   equal(a.data, b.data);
        case FrameType::ack:
            return a.id == b.id && equal(a.data, b.data);
        case FrameType::error:
            return a.id == b.id && a.code == b.code && a.message == b.message;
        case FrameType::ping:
        case FrameType::pong:
            return a.timestamp == b.timestamp;
        case FrameType::connect:
            return a.version == b.version && a.token == b.token;
        case FrameType::connected:
            return a.connection_id == b.connection_id && a.version == b.version &&
                   a.heartbeat == b.heartbeat;
    }
    return false;
}

// ---- Frame -------------------------------------------------------------------------------------

Frame::Frame(const FrameView& view)
    : type(view.type),
      action(view.action),
      version(view.version),
      code(view.code),
      heartbeat(view.heartbeat),
      id(view.id),
      timestamp(view.timestamp),
      channel(view.channel),
      event(view.event),
      payload(to_vector(view.payload)),
      message(view.message),
      token(view.token),
      connection_id(view.connection_id) {
    if (view.data) data = to_vector(*view.data);
}

FrameView Frame::view() const noexcept {
    FrameView view;
    view.type = type;
    view.action = action;
    view.version = version;
    view.code = code;
    view.heartbeat = heartbeat;
    view.id = id;
    view.timestamp = timestamp;
    view.channel = channel;
    view.event = event;
    view.payload = payload;
    if (data) view.data = *data;
    view.message = message;
    view.token = token;
    view.connection_id = connection_id;
    return view;
}

Frame Frame::subscribe(std::uint64_t id, std::string channel) {
    Frame frame;
    frame.type = FrameType::subscribe;
    frame.id = id;
    frame.channel = std::move(channel);
    return frame;
}

Frame Frame::unsubscribe(std::uint64_t id, std::string channel) {
    Frame frame;
    frame.type = FrameType::unsubscribe;
    frame.id = id;
    frame.channel = std::move(channel);
    return frame;
}

Frame Frame::publish(std::string channel, std::vector<std::byte> payload) {
    Frame frame;
    frame.type = FrameType::publish;
    frame.channel = std::move(channel);
    frame.payload = std::move(payload);
    return frame;
}

Frame Frame::publish_with_ack(std::uint64_t id, std::string channel,
                              std::vector<std::byte> payload) {
    Frame frame = publish(std::move(channel), std::move(payload));
    frame.id = id;
    return frame;
}

Frame Frame::publish_event(std::string channel, std::string event, std::vector<std::byte> payload,
                           std::optional<std::uint64_t> id) {
    Frame frame = publish(std::move(channel), std::move(payload));
    frame.event = std::move(event);
    frame.id = id;
    return frame;
}

Frame Frame::presence(std::uint64_t id, std::string channel, PresenceAction action,
                      std::optional<std::vector<std::byte>> data) {
    Frame frame;
    frame.type = FrameType::presence;
    frame.id = id;
    frame.channel = std::move(channel);
    frame.action = action;
    frame.data = std::move(data);
    return frame;
}

Frame Frame::ack(std::uint64_t id) {
    Frame frame;
    frame.type = FrameType::ack;
    frame.id = id;
    return frame;
}

Frame Frame::error(std::uint64_t id, std::uint16_t code, std::string message) {
    Frame frame;
    frame.type = FrameType::error;
    frame.id = id;
    frame.code = code;
    frame.message = std::move(message);
    return frame;
}

Frame Frame::ping() { return {}; }

Frame Frame::ping_with_timestamp(std::uint64_t timestamp) {
    Frame frame;
    frame.timestamp = timestamp;
    return frame;
}

Frame Frame::pong(std::optional<std::uint64_t> timestamp) {
    Frame frame;
    frame.type = FrameType::pong;
    frame.timestamp = timestamp;
    return frame;
}

Frame Frame::connect(std::uint8_t version, std::optional<std::string> token) {
    Frame frame;
    frame.type = FrameType::connect;
    frame.version = version;
    frame.token = std::move(token);
    return frame;
}

Frame Frame::connected(std::string connection_id, std::uint8_t version, std::uint32_t heartbeat) {
    Frame frame;
    frame.type = FrameType::connected;
    frame.connection_id = std::move(connection_id);
    frame.version = version;
    frame.heartbeat = heartbeat;
    return frame;
}

}  // namespace pulse::protocol
