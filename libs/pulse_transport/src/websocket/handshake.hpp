// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The opening handshake of RFC 6455 section 4.2, from a parsed request head to the bytes of the
// 101. No extension is ever negotiated.
#pragma once

#include "http/head_parser.hpp"

#include <span>
#include <string>
#include <string_view>

namespace pulse::transport::websocket {

struct UpgradeOptions {
    /// Subprotocols of the endpoint, any order: the first one the client names is chosen; "*" is
    /// all of them. When empty the client's list is not even read.
    std::span<const std::string_view> subprotocols;
    /// Value of the `date` header, as from http::http_date. Left out when empty.
    std::string_view date;
};

/// Either the upgrade (status 101) or what to answer instead. All views are of static storage.
struct UpgradeResult {
    int status = 101;
    std::string subprotocol;                // chosen, or empty
    std::string_view text;                  // body of a refusal, plain text
    std::span<const http::Header> headers;  // to be sent along with a refusal

    [[nodiscard]] bool accepted() const noexcept { return status == 101; }
};

/// Whether the request asks for a WebSocket: `Upgrade` names `websocket`. For routes that serve
/// both.
[[nodiscard]] bool wants_websocket(const http::RequestHead& head) noexcept;

/// Validates the request and, when it is accepted, appends the whole 101 response to `out`.
///
/// Host and Origin are the caller's business. Never throws.
[[nodiscard]] UpgradeResult upgrade(const http::RequestHead& head, const UpgradeOptions& options,
                                    std::string& out) noexcept;

}  // namespace pulse::transport::websocket
