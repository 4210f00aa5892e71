// SPDX-License-Identifier: MIT OR Apache-2.0

#include "decode_body.hpp"
#include "wire.hpp"

#include <utility>

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/value.hpp>

namespace pulse::protocol {

DecodeResult decode(ByteView bytes, std::vector<std::byte>& scratch) {
    DecodeResult result;
    if (bytes.size() < kLengthPrefixBytes) {
        result.error = Error::incomplete;
        result.needed = kLengthPrefixBytes - bytes.size();
        return result;
    }
    const std::size_t body_size = wire::load_be<std::uint32_t>(bytes.data());
    if (body_size > kMaxFrameBytes) {
        result.status = DecodeStatus::too_large;
        result.error = Error::frame_too_large;
        result.announced = body_size;
        return result;
    }
    const std::size_t total = kLengthPrefixBytes + body_size;
    if (bytes.size() < total) {
        result.error = Error::incomplete;
        result.needed = total - bytes.size();
        return result;
    }
    result.consumed = total;
    IntegerPayload integers;
    const BodyStatus body =
        decode_body(bytes.subspan(kLengthPrefixBytes, body_size), result.frame, integers);
    if (body.error != Error::none) {
        result.status = DecodeStatus::malformed;
        result.error = body.error;
        result.field = body.field;
        return result;
    }
    if (integers.first != nullptr) {
        scratch.resize(integers.count);
        integers.unpack(scratch.data());
        result.frame.payload = scratch;
    }
    result.status = DecodeStatus::frame;
    return result;
}

OwnedDecodeResult decode_owned(ByteView bytes) {
    std::vector<std::byte> scratch;
    const DecodeResult borrowed = decode(bytes, scratch);
    OwnedDecodeResult result{.status = borrowed.status,
                             .error = borrowed.error,
                             .field = borrowed.field,
                             .consumed = borrowed.consumed,
                             .needed = borrowed.needed,
                             .announced = borrowed.announced,
                             .frame = borrowed ? Frame(borrowed.frame) : Frame()};
    if (result.frame.data) {
        std::vector<std::byte> canonical;
        // Cannot fail: decode() has let through nothing else.
        if (canonicalise(*result.frame.data, canonical) == Error::none) {
            result.frame.data = std::move(canonical);
        }
    }
    return result;
}

}  // namespace pulse::protocol
