// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The fast reader: the encoder's layout, taken by comparing whole runs of constant bytes. Whatever
// differs from it is left to decode_general(), so this file has no errors to report.

#include "ascii.hpp"
#include "decode_body.hpp"
#include "scan.hpp"
#include "wire.hpp"

#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

namespace pulse::protocol {
namespace {

using wire::Cursor;
using wire::Run;
using wire::u8;

/// Steps over `run` if it stands here. memcmp of a constant size is one or two wide compares.
template <std::size_t N>
[[nodiscard]] inline bool take(Cursor& in, const Run<N>& run) noexcept {
    if (in.left() < N || std::memcmp(in.p, run.bytes, N) != 0) return false;
    in.p += N;
    return true;
}

[[nodiscard]] inline bool take_uint(Cursor& in, std::uint64_t& value) noexcept {
    if (in.p == in.end) return false;
    const std::uint8_t marker = u8(*in.p);
    if (marker < 0x80) {
        value = marker;
        in.p += 1;
        return true;
    }
    if (marker < wire::kUint8 || marker > wire::kUint64) return false;
    const std::size_t width = std::size_t{1} << (marker - wire::kUint8);
    if (in.left() < 1 + width) return false;
    switch (width) {
        case 1:
            value = u8(in.p[1]);
            break;
        case 2:
            value = wire::load_be<std::uint16_t>(in.p + 1);
            break;
        case 4:
            value = wire::load_be<std::uint32_t>(in.p + 1);
            break;
        default:
            value = wire::load_be<std::uint64_t>(in.p + 1);
            break;
    }
    in.p += 1 + width;
    return true;
}

template <typename Number>
[[nodiscard]] inline bool take_number(Cursor& in, Number& number) noexcept {
    std::uint64_t value = 0;
    if (!take_uint(in, value) || value > std::numeric_limits<Number>::max()) return false;
    number = static_cast<Number>(value);
    return true;
}

/// `size` bytes that follow a header of `header` bytes.
[[nodiscard]] inline bool take_slice(Cursor& in, std::size_t header, std::size_t size,
                                     ByteView& slice) noexcept {
    if (in.left() - header < size) return false;
    slice = {in.p + header, size};
    in.p += header + size;
    return true;
}

/// A length of 8, 16 or 32 bits behind the marker `marker8`, `marker8 + 1` or `marker8 + 2`.
template <std::uint8_t kMarker8>
[[nodiscard]] inline bool take_sized(Cursor& in, ByteView& slice) noexcept {
    const std::size_t left = in.left();
    if (left < 2) return false;
    switch (u8(*in.p)) {
        case kMarker8:
            return take_slice(in, 2, u8(in.p[1]), slice);
        case kMarker8 + 1:
            return left >= 3 && take_slice(in, 3, wire::load_be<std::uint16_t>(in.p + 1), slice);
        case kMarker8 + 2:
            return left >= 5 && take_slice(in, 5, wire::load_be<std::uint32_t>(in.p + 1), slice);
        default:
            return false;
    }
}

[[nodiscard]] inline bool take_text(Cursor& in, std::string_view& text) noexcept {
    if (in.p == in.end) return false;
    ByteView slice;
    const std::uint8_t marker = u8(*in.p);
    if ((marker & 0xe0) == wire::kFixstr) {
        if (!take_slice(in, 1, marker & 0x1fU, slice)) return false;
    } else if (!take_sized<wire::kStr8>(in, slice)) {
        return false;
    }
    text = as_text(slice);
    return is_utf8(text);
}

// Each of these stands behind the type name, with `entries` map entries left, and returns whether
// exactly those were there. Where the next key is always the same, it is compared with the name and
// the value stands here.

[[nodiscard]] inline bool take_id_and_channel(Cursor& in, FrameView& out) noexcept {
    return take_uint(in, out.id.emplace()) && take(in, wire::kChannelKey) &&
           take_text(in, out.channel);
}

[[nodiscard]] inline bool take_publish(Cursor& in, unsigned entries, FrameView& out) noexcept {
    if (entries > 2 && take(in, wire::kIdKey)) {
        if (!take_uint(in, out.id.emplace())) return false;
        --entries;
    }
    if (!take(in, wire::kChannelKey) || !take_text(in, out.channel)) return false;
    if (entries > 2) {
        if (!take(in, wire::kEventKey) || !take_text(in, out.event.emplace())) return false;
        --entries;
    }
    return entries == 2 && take(in, wire::kPayloadKey) && take_sized<wire::kBin8>(in, out.payload);
}

[[nodiscard]] inline bool take_presence(Cursor& in, unsigned entries, FrameView& out) noexcept {
    if (entries != 3 && entries != 4) return false;
    if (!take_id_and_channel(in, out) || !take(in, wire::kActionKey)) return false;
    if (in.p == in.end || u8(*in.p) > static_cast<std::uint8_t>(PresenceAction::sync)) return false;
    out.action = static_cast<PresenceAction>(u8(*in.p++));
    if (entries == 3) return true;
    if (!take(in, wire::kDataKey)) return false;
    const std::byte* const start = in.p;
    if (in.p == in.end || *in.p == std::byte{wire::kNil}) return false;  // nil means absent
    if (wire::skip_value<wire::Grammar::json_like>(in, kMaxDepth - 1) != Error::none) return false;
    out.data.emplace(start, in.p);
    return true;
}

[[nodiscard]] inline bool take_error(Cursor& in, FrameView& out) noexcept {
    return take_uint(in, out.id.emplace()) && take(in, wire::kCodeKey) &&
           take_number(in, out.code) && take(in, wire::kMessageKey) && take_text(in, out.message);
}

[[nodiscard]] inline bool take_heartbeat(Cursor& in, unsigned entries, FrameView& out) noexcept {
    if (entries == 0) return true;
    return entries == 1 && take(in, wire::kTimestampKey) && take_uint(in, out.timestamp.emplace());
}

[[nodiscard]] inline bool take_connect(Cursor& in, unsigned entries, FrameView& out) noexcept {
    if (!take_number(in, out.version)) return false;
    if (entries == 1) return true;
    return entries == 2 && take(in, wire::kTokenKey) && take_text(in, out.token.emplace());
}

[[nodiscard]] inline bool take_connected(Cursor& in, FrameView& out) noexcept {
    return take_text(in, out.connection_id) && take(in, wire::kVersionKey) &&
           take_number(in, out.version) && take(in, wire::kHeartbeatKey) &&
           take_number(in, out.heartbeat);
}

constexpr auto kAck = wire::str("ack") + wire::kIdKey;
constexpr auto kError = wire::str("error") + wire::kIdKey;
constexpr auto kPing = wire::str("ping");
constexpr auto kPong = wire::str("pong");
constexpr auto kPublish = wire::str("publish");
constexpr auto kConnect = wire::str("connect") + wire::kVersionKey;
constexpr auto kPresence = wire::str("presence") + wire::kIdKey;
constexpr auto kSubscribe = wire::str("subscribe") + wire::kIdKey;
constexpr auto kUnsubscribe = wire::str("unsubscribe") + wire::kIdKey;
constexpr auto kConnected = wire::str("connected") + wire::kConnectionIdKey;

constexpr std::size_t kShortestBody = 11;  // ping without timestamp

}  // namespace

bool decode_canonical(ByteView body, FrameView& out) noexcept {
    if (body.size() < kShortestBody) return false;
    Cursor in{body.data(), body.data() + body.size()};
    const unsigned entries = u8(*in.p++) - unsigned{wire::kFixmap} - 1;  // after `type`
    if (entries > 4 || !take(in, wire::kTypeKey)) return false;
    switch (u8(*in.p)) {  // the header of the type's name: its length
        case wire::kFixstr + 3:
            out.type = FrameType::ack;
            return entries == 1 && take(in, kAck) && take_uint(in, out.id.emplace());
        case wire::kFixstr + 4:
            out.type = FrameType::ping;
            if (take(in, kPing)) return take_heartbeat(in, entries, out);
            out.type = FrameType::pong;
            return take(in, kPong) && take_heartbeat(in, entries, out);
        case wire::kFixstr + 5:
            out.type = FrameType::error;
            return entries == 3 && take(in, kError) && take_error(in, out);
        case wire::kFixstr + 7:
            if (take(in, kPublish)) [[likely]] {
                out.type = FrameType::publish;
                return take_publish(in, entries, out);
            }
            out.type = FrameType::connect;
            return take(in, kConnect) && take_connect(in, entries, out);
        case wire::kFixstr + 8:
            out.type = FrameType::presence;
            return take(in, kPresence) && take_presence(in, entries, out);
        case wire::kFixstr + 9:
            if (entries == 2 && take(in, kSubscribe)) {
                out.type = FrameType::subscribe;
                return take_id_and_channel(in, out);
            }
            out.type = FrameType::connected;
            return entries == 3 && take(in, kConnected) && take_connected(in, out);
        case wire::kFixstr + 11:
            out.type = FrameType::unsubscribe;
            return entries == 2 && take(in, kUnsubscribe) && take_id_and_channel(in, out);
        default:
            return false;
    }
}

}  // namespace pulse::protocol
