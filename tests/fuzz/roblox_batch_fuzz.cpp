// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The body of a game server's request, plain or, when it begins with gzip's mark, compressed: batch
// and hello. Also what Open Cloud answers, since both are JSON from strangers of a known shape.
//
// Whatever it is: within every bound; items survive being written and read again.
#include "gzip.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <pulse/protocol/utf8.hpp>
#include <pulse/roblox/access.hpp>
#include <pulse/roblox/key_record.hpp>
#include <pulse/roblox/names.hpp>
#include <pulse/roblox/open_cloud.hpp>
#include <pulse/roblox/uplink_body.hpp>

namespace {

using namespace pulse;
using namespace pulse::roblox;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_body(std::string_view text) {
    if (const auto batch = parse_batch_body(text)) {
        require(is_valid_server_id(batch->server));
        require(batch->messages.size() <= kMaxUplinkMessages);
        require(batch->missing.size() <= kMaxMissingRanges);
        for (const Item& item : batch->messages) {
            require(is_valid_topic(item.topic));
            const auto again = decode_item(encode_item(item));
            require(again && *again == item);
        }
    }
    if (const auto hello = parse_hello_body(text)) require(is_valid_server_id(hello->server));
    const CloudError error =
        read_answer({.status = 400, .headers = {}, .body = std::string(text)}, 0);
    require(error.code.size() <= 256 && error.message.size() <= 256);
    require(protocol::is_valid_utf8(error.code) && protocol::is_valid_utf8(error.message));
    if (const auto info = read_introspection(text)) (void)evaluate_key(*info, {7}, 0);
    if (const auto slots = decode_key_slots(text)) {
        const auto again = decode_key_slots(encode_key_slots(*slots));
        require(again && *again == *slots);
    }
    if (const auto token = decode_token_record(text)) {
        const auto again = decode_token_record(encode_token_record(*token));
        require(again && *again == *token);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_body(text);
    if (text.starts_with("\x1f\x8b")) {
        const auto unpacked = gunzip(text);
        if (unpacked) check_body(*unpacked);
    }
    return 0;
}
