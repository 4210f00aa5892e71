// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <pulse/core/result.hpp>

namespace pulse::mesa {

/// Where a WebSocket is. A value type.
struct WsAddress {
    std::string host;  ///< to be resolved
    std::string port;
    std::string authority;  ///< for the Host header
    std::string target;     ///< path and query
};

/// Errors: Error::invalid_address; Error::not_supported for wss://.
[[nodiscard]] core::Result<WsAddress> parse_ws_address(std::string_view url);

}  // namespace pulse::mesa
