// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bytes from a peer. The first byte of an input says how the rest is cut into pieces; the rest is
// taken as a stream of frames, and once more as the body of one frame.
//
// Whatever it is: the streaming decoder finds the same frames as the one-shot one, however the
// stream is cut; the fast and the general body reader agree; what was decoded is encoded, decodes
// to the same frame, and its JSON form is JSON and says the same.
#include "decode_body.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <pulse/protocol/frame_decoder.hpp>
#include <pulse/protocol/json.hpp>
#include <pulse/protocol/utf8.hpp>
#include <pulse/protocol/value.hpp>

namespace {

using namespace pulse::protocol;
using Bytes = std::vector<std::byte>;

void require(bool holds) {
    if (!holds) std::abort();
}

[[nodiscard]] bool is_nil(const Frame& frame) {
    return frame.data && frame.data->size() == 1 && frame.data->front() == std::byte{0xc0};
}

void check_text(const FrameView& frame) {
    require(is_valid_utf8(frame.channel));
    require(is_valid_utf8(frame.event.value_or("")));
    require(is_valid_utf8(frame.message));
    require(is_valid_utf8(frame.token.value_or("")));
    require(is_valid_utf8(frame.connection_id));
    require(!to_string(frame).empty());
}

void check_data(ByteView data) {
    Bytes direct;
    Bytes by_value;
    require(canonicalise(data, direct) == Error::none);
    const ValueResult value = decode_value(data);
    require(static_cast<bool>(value));
    require(encode_value(value.value, by_value) == Error::none);
    require(direct == by_value);
    Bytes again;
    require(canonicalise(direct, again) == Error::none);
    require(again == direct);
}

void check_round_trips(Frame frame) {
    if (frame.data) {
        check_data(*frame.data);
        Bytes canonical;
        require(canonicalise(*frame.data, canonical) == Error::none);
        frame.data = std::move(canonical);
    }
    if (is_nil(frame)) frame.data.reset();  // NaN: nil now, and nil reads as absent
    const EncodeResult encoded = encode(frame);
    if (!encoded) return;  // longer than it was, as a payload of integers is shorter in bytes
    require(encoded.bytes.size() == encoded_size(frame));
    const OwnedDecodeResult decoded = decode_owned(encoded.bytes);
    require(decoded && decoded.consumed == encoded.bytes.size());
    require(decoded.frame == frame);

    std::string json;
    encode_json(frame, json);
    require(is_valid_utf8(json));
    require(nlohmann::json::accept(json));
    const JsonDecodeResult from_json = decode_json(json);
    require(static_cast<bool>(from_json));
    require(from_json.frame == frame);
}

void check_body(ByteView body) {
    FrameView general;
    IntegerPayload integers;
    const BodyStatus status = decode_general(body, general, integers);
    FrameView fast;
    if (decode_canonical(body, fast)) {
        require(status.error == Error::none);
        require(integers.first == nullptr);
        require(fast == general);
    }
}

/// What a decoder said: the frame, or why there is none.
struct Outcome {
    Error error = Error::none;
    Frame frame;
};

/// One-shot, frame by frame. Returns whether the stream ended in a refusal.
bool decode_one_shot(ByteView stream, std::vector<Outcome>& out) {
    Bytes scratch;
    for (;;) {
        const DecodeResult result = decode(stream, scratch);
        if (result.status == DecodeStatus::need_more) {
            require(result.needed > 0);
            return false;
        }
        if (result.status == DecodeStatus::too_large) return true;
        check_body(stream.subspan(kLengthPrefixBytes, result.consumed - kLengthPrefixBytes));
        if (result) {
            check_text(result.frame);
            out.push_back({Error::none, Frame(result.frame)});
            check_round_trips(out.back().frame);
        } else {
            out.push_back({result.error, {}});
        }
        stream = stream.subspan(result.consumed);
    }
}

/// In pieces, each a copy that is freed before the next.
bool decode_streaming(ByteView stream, std::uint8_t cut, std::vector<Outcome>& out) {
    FrameDecoder decoder;
    FrameView frame;
    std::size_t fed = 0;
    std::uint32_t state = cut;
    while (fed < stream.size()) {
        state = state * 1664525 + 1013904223;
        const std::size_t wanted = cut < 32 ? std::size_t{1} + cut : state >> 26;
        const std::size_t size = std::min(wanted, stream.size() - fed);
        const Bytes piece(stream.begin() + static_cast<std::ptrdiff_t>(fed),
                          stream.begin() + static_cast<std::ptrdiff_t>(fed + size));
        fed += size;
        decoder.feed(piece);
        if (state % 8 == 0) decoder.release_input();
        for (;;) {
            const DecodeStatus status = decoder.next(frame);
            if (status == DecodeStatus::need_more) break;
            if (status == DecodeStatus::too_large) return true;
            if (status == DecodeStatus::frame) {
                out.push_back({Error::none, Frame(frame)});
            } else {
                out.push_back({decoder.error(), {}});
            }
        }
        require(decoder.buffered_bytes() <= fed);
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView stream = std::as_bytes(std::span(data + 1, size - 1));
    std::vector<Outcome> expected;
    std::vector<Outcome> outcomes;
    const bool is_refused = decode_one_shot(stream, expected);
    require(decode_streaming(stream, data[0], outcomes) == is_refused);
    require(outcomes.size() == expected.size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        require(outcomes[i].error == expected[i].error);
        require(outcomes[i].frame == expected[i].frame);
    }

    Bytes framed(kLengthPrefixBytes);
    for (std::size_t i = 0; i < kLengthPrefixBytes; ++i) {
        framed[i] = static_cast<std::byte>(stream.size() >> (24 - 8 * i));
    }
    framed.insert(framed.end(), stream.begin(), stream.end());
    expected.clear();
    decode_one_shot(framed, expected);
    return 0;
}
