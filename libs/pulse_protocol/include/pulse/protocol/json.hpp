// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Frames as JSON text, for peers that have no MessagePack: one object per frame, no length prefix,
// the field names of the binary form.
//
//   {"type":"subscribe","id":1,"channel":"chat:lobby"}
//   {"type":"publish","channel":"chat:lobby","payload":"Hello"}
//   {"type":"publish","channel":"chat:lobby","payload_base64":"/wA="}
//   {"type":"presence","id":4,"channel":"room","action":0,"data":{"name":"a"}}
//
// - `type` is the lower-case name; the documented numbers 1..10 are accepted too.
// - Integers go up to 2^64-1 and are written as such. (A JavaScript reader rounds above 2^53.)
// - null for an optional field means absent. Unknown fields, and fields of other types, are
// ignored;
//   a field of the frame given twice is an error.
// - `payload`: a string stands for its UTF-8 bytes, any other value, also null, for its JSON text
//   without white space. Bytes that are not UTF-8 go as `payload_base64` (RFC 4648 §4; padding may
//   be left out).
// - `data` is any JSON value. Numbers that fit 64-bit integers stay integers, others are doubles.
// - Containers nest at most kMaxDepth deep, the frame's own object included.
#pragma once

#include <string>
#include <string_view>

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/error.hpp>
#include <pulse/protocol/frame.hpp>

namespace pulse::protocol {

struct JsonDecodeResult {
    Error error = Error::none;
    Field field = Field::none;  ///< which field `error` is about, if about one
    Frame frame;                ///< meaningful without error; `data` is canonical MessagePack

    [[nodiscard]] explicit operator bool() const noexcept { return error == Error::none; }
};

/// Decodes `text`, which is one frame and nothing else but white space.
[[nodiscard]] JsonDecodeResult decode_json(std::string_view text);

/// Appends the frame. The result is valid UTF-8 whatever the frame holds: text that is not gets
/// U+FFFD for each bad byte (in `payload`: base64), `data` that is not JSON-like becomes null.
void encode_json(const FrameView& frame, std::string& out);

}  // namespace pulse::protocol
