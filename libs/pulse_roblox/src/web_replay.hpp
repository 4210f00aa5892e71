// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <pulse/core/connection.hpp>
#include <pulse/roblox/bridge_host.hpp>

namespace pulse::roblox {

class WebClient;

/// Gives a client what came behind `since`, then what came meanwhile, without a gap between that
/// and what comes then. It is held while this lasts, and no faster than it reads.
struct WebReplay {
    const BridgeHost& host;  ///< as is the connection, alive as long as the client
    core::Connection& connection;
    WebClient& client;
    std::function<void()> on_gap;                       ///< something is lost here
    std::function<void(std::string_view cursor)> done;  ///< with the place of the last
};

/// `since` empty: nothing is replayed. Both functions run on the connection's loop, if at all.
void begin_replay(WebReplay replay, std::string since);

}  // namespace pulse::roblox
