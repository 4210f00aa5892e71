// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The conformance vectors, and the small notations they use.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <pulse/protocol/bytes.hpp>
#include <pulse/protocol/frame.hpp>
#include <pulse/protocol/value.hpp>

namespace pulse::protocol::test {

using Json = nlohmann::json;
using Bytes = std::vector<std::byte>;

/// tests/conformance/vectors/native/frames.json
[[nodiscard]] const Json& vectors();

/// Spaces are ignored, so that a test can group its bytes.
[[nodiscard]] Bytes from_hex(std::string_view hex);
[[nodiscard]] std::string to_hex(ByteView bytes);
/// `body` with its length in front.
[[nodiscard]] Bytes framed(ByteView body);
[[nodiscard]] inline Bytes framed_hex(std::string_view body_hex) {
    return framed(from_hex(body_hex));
}
[[nodiscard]] inline Bytes to_bytes(std::string_view text) {
    const ByteView view = as_bytes(text);
    return {view.begin(), view.end()};
}

/// The bytes of a vector, from its "hex" or its "segments".
[[nodiscard]] Bytes bytes_of(const Json& vector);
/// The frame that a vector's "decoded" describes.
[[nodiscard]] Frame frame_of(const Json& decoded);
[[nodiscard]] Value value_of(const Json& json);

/// Every vector that is a single frame of moderate size: good, odd and bad ones.
[[nodiscard]] std::vector<Bytes> small_inputs();

}  // namespace pulse::protocol::test
