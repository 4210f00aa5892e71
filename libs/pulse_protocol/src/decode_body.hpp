// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bodies of frames, without the length prefix. Two readers: decode_canonical() knows the layout our
// encoder and all known clients emit, decode_general() knows everything that is legal and says what
// is wrong with the rest.
#pragma once

#include <cstddef>

#include <pulse/protocol/bytes.hpp>
#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/error.hpp>
#include <pulse/protocol/frame.hpp>

namespace pulse::protocol {

/// A payload that was sent as an array of integers, all checked to be 0..255. Views cannot show it
/// as bytes: whoever owns memory calls unpack() into it.
struct IntegerPayload {
    const std::byte* first = nullptr;  ///< the first element; null when there is no such payload
    const std::byte* end = nullptr;
    std::size_t count = 0;

    /// Writes `count` bytes. `out` may be `first`: an element never takes less than a byte.
    void unpack(std::byte* out) const noexcept;
};

struct BodyStatus {
    Error error = Error::none;
    Field field = Field::none;
};

/// Decodes a frame laid out as the encoder does it. False, and `out` in any state, for every other
/// body, legal or not. Precondition: `out` is default-constructed.
[[nodiscard]] bool decode_canonical(ByteView body, FrameView& out) noexcept;

/// Decodes any legal body. Precondition: `out` is default-constructed.
[[nodiscard]] BodyStatus decode_general(ByteView body, FrameView& out,
                                        IntegerPayload& integers) noexcept;

/// Precondition: `out` is default-constructed.
[[nodiscard]] inline BodyStatus decode_body(ByteView body, FrameView& out,
                                            IntegerPayload& integers) noexcept {
    if (decode_canonical(body, out)) [[likely]]
        return {};
    out = FrameView{};
    return decode_general(body, out, integers);
}

}  // namespace pulse::protocol
