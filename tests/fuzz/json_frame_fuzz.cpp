// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text from a peer, taken as a JSON frame.
//
// Whatever it is: what is read as a frame is JSON for another parser too, what that parser refuses
// is refused, and a frame that was read survives both codecs.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/json.hpp>
#include <pulse/protocol/utf8.hpp>

namespace {

using namespace pulse::protocol;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_json_round_trip(const Frame& frame) {
    std::string json;
    encode_json(frame, json);
    require(is_valid_utf8(json));
    require(nlohmann::json::accept(json));
    const JsonDecodeResult again = decode_json(json);
    require(static_cast<bool>(again));
    require(again.frame == frame);
}

void check_binary_round_trip(const Frame& frame) {
    const EncodeResult encoded = encode(frame);
    require(static_cast<bool>(encoded));
    const OwnedDecodeResult decoded = decode_owned(encoded.bytes);
    require(static_cast<bool>(decoded));
    require(decoded.frame == frame);
}

/// A second opinion on a field or two, from a tree.
void check_against_tree(const Frame& frame, std::string_view text) {
    const nlohmann::json tree = nlohmann::json::parse(text);
    require(tree.is_object());
    const nlohmann::json& type = tree.at("type");
    require(type.is_string() ? type.get<std::string>() == to_string(frame.type)
                             : type.get<unsigned>() == static_cast<unsigned>(frame.type));
    if (frame.id) require(tree.at("id").get<std::uint64_t>() == *frame.id);
    if (!frame.channel.empty()) require(tree.at("channel").get<std::string>() == frame.channel);
    if (frame.type == FrameType::publish && tree.contains("payload") &&
        !tree.at("payload").is_string()) {
        require(nlohmann::json::parse(as_text(frame.payload)) == tree.at("payload"));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const JsonDecodeResult result = decode_json(text);
    if (!result) {
        require(!to_string(result.error).empty());
        return 0;
    }
    require(nlohmann::json::accept(text));
    check_against_tree(result.frame, text);
    check_json_round_trip(result.frame);
    check_binary_round_trip(result.frame);
    return 0;
}
