// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The binary codec: one frame <-> bytes.
//
//   frame = u32 big-endian length N of the body | N bytes body
//   body  = a MessagePack map with string keys: "type" first, then the fields of that type in the
//           order of the table in frame.hpp, absent ones left out, every header of minimal width
//
// That is what encoding emits. Decoding takes the canonical layout by comparing whole runs of key
// bytes, and everything else by a general reader that accepts
//   - keys in any order, as str or bin; unknown keys with any value, also repeated ones;
//   - nil for an optional field; integers of any width, signed forms when not negative;
//   - headers wider than needed; bin for text if it is UTF-8; payload as bin, str or array of
//   bytes;
//   - bytes after the value but inside the body (ignored);
//   - the array form [type, field, field, ...] with every field of the type, nil for absent ones;
//     it has no recover, position and recovery, which came later;
//   - `type` as a documented number 1..10;
// and, where the specification leaves the choice,
//   - integer keys, of any width: the 0-based position of a field in the table's order stands for
//     that field, other numbers are unknown keys. (The reference decoder does so by accident.)
// It refuses, where it may choose, floats for integer fields and capitalised type names.
// Containers nest at most kMaxDepth deep, the frame's own included.
//
// All functions are pure and thread-safe. Nothing throws but std::bad_alloc, and nothing allocates
// beyond the size of what it is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <pulse/protocol/bytes.hpp>
#include <pulse/protocol/error.hpp>
#include <pulse/protocol/frame.hpp>

namespace pulse::protocol {

/// Bytes before the body that say how long it is.
inline constexpr std::size_t kLengthPrefixBytes = 4;
/// Longest body, length prefix excluded. A body of exactly this size is legal.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{16} * 1024 * 1024;
/// Deepest nesting of containers in a body, the frame's own map or array included.
inline constexpr std::size_t kMaxDepth = 1023;

// ---- Encoding ----------------------------------------------------------------------------------
//
// Text is taken as it is: the caller sees to it that it is UTF-8, and that `data` is one
// MessagePack value. Frames made by decoding, and channel names that passed check_channel_name(),
// are so.

/// Bytes of the whole frame, length prefix included. May exceed what encode() accepts.
[[nodiscard]] std::size_t encoded_size(const FrameView& frame) noexcept;

/// Writes exactly encoded_size(frame) bytes and returns their end. Precondition: there is room, and
/// the body is at most kMaxFrameBytes long.
std::byte* encode_to(const FrameView& frame, std::byte* out) noexcept;

/// Appends the frame to `out`. Error::frame_too_large (and `out` unchanged) when the body would
/// exceed kMaxFrameBytes.
[[nodiscard]] Error encode_into(const FrameView& frame, std::vector<std::byte>& out);

struct EncodeResult {
    Error error = Error::none;
    std::vector<std::byte> bytes;  ///< empty on error

    [[nodiscard]] explicit operator bool() const noexcept { return error == Error::none; }
};

/// The frame in a buffer of its own.
[[nodiscard]] EncodeResult encode(const FrameView& frame);

// The two frames a server sends most, without a FrameView in between. Same bytes as encode_to().
// (`event` goes by reference: copying a fresh optional stalls on its one-byte flag.)

/// Size of a delivery: publish without id.
/// `position` is one MessagePack value, or empty for none.
[[nodiscard]] std::size_t publish_size(std::string_view channel,
                                       const std::optional<std::string_view>& event,
                                       ByteView payload, ByteView position = {}) noexcept;
/// Writes exactly publish_size() bytes and returns their end; preconditions as for encode_to().
std::byte* encode_publish_to(std::string_view channel, const std::optional<std::string_view>& event,
                             ByteView payload, std::byte* out, ByteView position = {}) noexcept;

/// Most bytes an ack takes.
inline constexpr std::size_t kMaxAckBytes = 26;
[[nodiscard]] std::size_t ack_size(std::uint64_t id) noexcept;
/// Writes exactly ack_size() bytes and returns their end.
std::byte* encode_ack_to(std::uint64_t id, std::byte* out) noexcept;

// ---- Decoding ----------------------------------------------------------------------------------

enum class DecodeStatus : std::uint8_t {
    frame,      ///< a frame was decoded
    need_more,  ///< the frame goes on beyond the bytes at hand
    malformed,  ///< the body is not a frame; its bytes are consumed, the stream is still in step
    too_large,  ///< the length prefix exceeds the limit; nothing after it can be trusted
};

/// The field a decode error is about.
enum class Field : std::uint8_t {
    none,
    type,
    id,
    channel,
    event,
    payload,
    action,
    data,
    code,
    message,
    timestamp,
    version,
    token,
    connection_id,
    heartbeat,
    recover,
    position,
    recovery,
};

/// The name on the wire, such as "channel"; "" for `none`.
[[nodiscard]] std::string_view to_string(Field field) noexcept;

struct DecodeResult {
    DecodeStatus status = DecodeStatus::need_more;
    Error error = Error::none;  ///< `none` exactly when status is `frame`
    Field field = Field::none;  ///< which field `error` is about, if about one
    std::size_t consumed = 0;   ///< bytes of the frame, good or bad; 0 for need_more, too_large
    std::size_t needed = 0;     ///< need_more: bytes missing to the prefix or, behind it, the frame
    std::size_t announced = 0;  ///< too_large: the body length in the prefix
    FrameView frame;            ///< meaningful for status `frame`; borrows from the input

    [[nodiscard]] explicit operator bool() const noexcept { return status == DecodeStatus::frame; }
};

/// Decodes the first frame of `bytes`; what follows it is ignored.
///
/// The frame borrows from `bytes`; only a payload sent as an array of integers is put into
/// `scratch` (its former content is lost then) and borrowed from there.
[[nodiscard]] DecodeResult decode(ByteView bytes, std::vector<std::byte>& scratch);

struct OwnedDecodeResult {
    DecodeStatus status = DecodeStatus::need_more;
    Error error = Error::none;
    Field field = Field::none;
    std::size_t consumed = 0;
    std::size_t needed = 0;
    std::size_t announced = 0;
    Frame frame;  ///< `data` is canonical, so that encoding again gives what the reference would

    [[nodiscard]] explicit operator bool() const noexcept { return status == DecodeStatus::frame; }
};

/// As decode(), into a frame of its own.
[[nodiscard]] OwnedDecodeResult decode_owned(ByteView bytes);

}  // namespace pulse::protocol
