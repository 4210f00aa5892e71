// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text from a web client or a game server, taken as a message of the original's.
//
// Whatever it is: what is accepted is JSON for another parser too and says the same there, the text
// passed on is in normal form, and refusals are worded.
#include "json/reader.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <pulse/protocol/utf8.hpp>
#include <pulse/roblox/envelope.hpp>

namespace {

using namespace pulse;
using namespace pulse::roblox;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_request(const SendRequest& request) {
    require(protocol::is_valid_utf8(request.text));
    require(json::normalise(request.text) == request.text);
    const auto decoded = decode_envelope(request.text);
    require(decoded && *decoded == request.envelope);
    require(decode_envelope(encode_envelope(request.envelope)) == request.envelope);
    // A surrogate that stands alone is a text for JavaScript and none for this parser.
    if (request.text.find("\\ud") != std::string::npos) return;
    const nlohmann::json tree = nlohmann::json::parse(request.text);
    require(tree.at("topic").get<std::string>() == request.envelope.topic);
    require(tree.contains("message") == request.envelope.message.has_value());
    require(tree.contains("serverId") == request.envelope.server_id.has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const Checking checking : {Checking::strict, Checking::extended}) {
        const auto parsed = parse_send_body(text, checking);
        if (parsed) {
            check_request(*parsed);
            require(checking == Checking::extended || parsed->destination.has_value());
        } else {
            require(!parsed.error().text.empty() && protocol::is_valid_utf8(parsed.error().text));
        }
    }
    const auto from_socket = parse_socket_message(text);
    if (from_socket) check_request(*from_socket);
    const std::string normal = json::normalise(text);
    if (!normal.empty()) {
        require(json::normalise(normal) == normal);
        require(normal.size() <= size * 6 + 16);
    }
    return 0;
}
