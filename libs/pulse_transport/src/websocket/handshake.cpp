// SPDX-License-Identifier: MIT OR Apache-2.0
//
// websocketpp's hybi13 processor validates the request, picks the offered subprotocols apart and
// computes the accept value. It is fed from our own, already strictly parsed head, never from raw
// bytes. The checks it lacks come first and give the answers that existing clients know.
#include "websocket/handshake.hpp"

#include "http/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include <websocketpp/extensions/permessage_deflate/disabled.hpp>
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/message_buffer/alloc.hpp>
#include <websocketpp/message_buffer/message.hpp>
#include <websocketpp/processors/hybi13.hpp>
#include <websocketpp/random/none.hpp>

namespace pulse::transport::websocket {

namespace {

// What hybi13 asks of a configuration, by the names it asks for; only the handshake is used of it.
// NOLINTBEGIN(readability-identifier-naming)
struct HandshakeConfig {
    using request_type = websocketpp::http::parser::request;
    using response_type = websocketpp::http::parser::response;
    using message_type =
        websocketpp::message_buffer::message<websocketpp::message_buffer::alloc::con_msg_manager>;
    using con_msg_manager_type = websocketpp::message_buffer::alloc::con_msg_manager<message_type>;
    using rng_type = websocketpp::random::none::int_generator<std::uint32_t>;
    struct permessage_deflate_config {
        using request_type = HandshakeConfig::request_type;
    };
    using permessage_deflate_type =
        websocketpp::extensions::permessage_deflate::disabled<permessage_deflate_config>;
    static constexpr bool enable_extensions = false;
    static constexpr std::size_t max_message_size = 0;
};
// NOLINTEND(readability-identifier-naming)

using Processor = websocketpp::processor::hybi13<HandshakeConfig>;
using Request = HandshakeConfig::request_type;
using Response = HandshakeConfig::response_type;
using websocketpp::processor::error::processor_errors;

constexpr std::array<http::Header, 1> kAllow{{{"allow", "GET,HEAD"}}};
constexpr std::array<http::Header, 1> kVersion{{{"sec-websocket-version", "13"}}};
constexpr std::array<http::Header, 1> kUpgrade{{{"upgrade", "websocket"}}};

UpgradeResult refuse(int status, std::string_view text,
                     std::span<const http::Header> headers = {}) {
    return {status, {}, text, headers};
}

UpgradeResult refuse_key() { return refuse(400, "`Sec-WebSocket-Key` header missing"); }

// The order of the checks shows when several things are wrong at once; keep it.
UpgradeResult check(const http::RequestHead& head) {
    if (head.method != "GET") {
        return refuse(405, {}, kAllow);
    }
    if (!head.has_token("connection", "upgrade")) {
        return refuse(400, "Connection header did not include 'upgrade'");
    }
    if (!wants_websocket(head)) return refuse(400, "`Upgrade` header did not include 'websocket'");
    // RFC 6455 §11.3.1 and §11.3.5: version and key must not be repeated in a request.
    const auto version = head.find("sec-websocket-version");
    if (version != "13" || head.count("sec-websocket-version") != 1) {
        return refuse(400, "`Sec-WebSocket-Version` header did not include '13'", kVersion);
    }
    if (head.count("sec-websocket-key") > 1) {
        return refuse(400, "more than one `Sec-WebSocket-Key` header");
    }
    // Its bytes would be taken for frames.
    if (head.body == http::BodyKind::chunked || head.content_length != 0) {
        return refuse(400, "WebSocket handshake with a body");
    }
    return {};
}

Request to_websocketpp(const http::RequestHead& head, bool with_subprotocols) {
    Request request;
    request.set_method(std::string(head.method));
    request.set_version(head.version == http::Version::http_1_1 ? "HTTP/1.1" : "HTTP/1.0");
    for (const http::Header& header : head.headers) {
        if (http::iequals(header.name, "sec-websocket-key")) {
            request.append_header("Sec-WebSocket-Key", std::string(header.value));
        } else if (with_subprotocols && http::iequals(header.name, "sec-websocket-protocol")) {
            request.append_header("Sec-WebSocket-Protocol", std::string(header.value));
        }
    }
    return request;
}

UpgradeResult map_error(const websocketpp::lib::error_code& error) {
    switch (error.value()) {
        case processor_errors::invalid_http_method:
            return refuse(405, {}, kAllow);
        case processor_errors::invalid_http_version:
            return refuse(426, "WebSocket needs HTTP/1.1", kUpgrade);
        case processor_errors::missing_required_header:
            return refuse_key();
        case processor_errors::subprotocol_parse_error:
            return refuse(400, "malformed `Sec-WebSocket-Protocol` header");
        default:
            return refuse(400, "malformed WebSocket handshake");
    }
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

void append_response(std::string& out, std::string_view accept, std::string_view subprotocol,
                     std::string_view date) {
    out += "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
    append_header(out, "sec-websocket-accept", accept);
    if (!subprotocol.empty()) append_header(out, "sec-websocket-protocol", subprotocol);
    if (!date.empty()) append_header(out, "date", date);
    out += "\r\n";
}

UpgradeResult negotiate(const http::RequestHead& head, const UpgradeOptions& options,
                        std::string& out) {
    const Request request = to_websocketpp(head, !options.subprotocols.empty());
    HandshakeConfig::rng_type rng;  // a server masks nothing
    Processor processor(false, true, nullptr, rng);
    if (const auto error = processor.validate_handshake(request)) return map_error(error);

    UpgradeResult result;
    if (!options.subprotocols.empty()) {
        std::vector<std::string> offered;
        if (const auto error = processor.extract_subprotocols(request, offered)) {
            return map_error(error);
        }
        // The client's order is its preference (RFC 6455 §1.9).
        for (const std::string& offer : offered) {
            const bool is_ours =
                std::any_of(options.subprotocols.begin(), options.subprotocols.end(),
                            [&](std::string_view ours) { return ours == "*" || ours == offer; });
            if (is_ours) {
                result.subprotocol = offer;
                break;
            }
        }
    }
    Response response;
    if (const auto error = processor.process_handshake(request, {}, response)) {
        return map_error(error);
    }
    append_response(out, response.get_header("Sec-WebSocket-Accept"), result.subprotocol,
                    options.date);
    return result;
}

}  // namespace

bool wants_websocket(const http::RequestHead& head) noexcept {
    return head.has_token("upgrade", "websocket");
}

UpgradeResult upgrade(const http::RequestHead& head, const UpgradeOptions& options,
                      std::string& out) noexcept {
    if (UpgradeResult result = check(head); !result.accepted()) return result;
    const std::size_t size_before = out.size();
    try {
        return negotiate(head, options, out);
    } catch (...) {
        // websocketpp throws its own exceptions and those of the standard library.
        out.resize(size_before);
        return refuse(500, "handshake failed");
    }
}

}  // namespace pulse::transport::websocket
