// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The HTTP routes that carry messages: those of web clients and those of game servers. Formats,
// statuses and limits: docs/protocol/roblox.md.
#pragma once

#include <vector>

#include <pulse/core/http.hpp>
#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/bridge_host.hpp>
#include <pulse/roblox/web_clients.hpp>

namespace pulse::roblox {

struct BridgeRouteOptions {
    // Behaviour
    /// As the original where it is stricter or laxer than it says: `destination` is required, other
    /// keys are refused, and /send takes any method.
    bool is_strict = false;

    // Limits
    std::size_t max_body_bytes = std::size_t{1} << 20;           ///< as sent
    std::size_t max_unpacked_body_bytes = std::size_t{4} << 20;  ///< of a gzip body
    std::size_t max_unpacking_ratio = 100;
    /// Shorter answers are not worth packing.
    std::size_t gzip_from_bytes = 1'024;
};

/// send, connect (for requests that ask for no WebSocket), clients, ticket, stream, hello, batch,
/// poll, blob and bye, under /universe/{id}/ and /universes/{id}/. All that is passed outlives the
/// routes.
[[nodiscard]] std::vector<core::Route> make_bridge_routes(BridgeHost& host, AccessBook& access,
                                                          WebClients& clients,
                                                          BridgeRouteOptions options = {});

}  // namespace pulse::roblox
