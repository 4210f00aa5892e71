// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Answers of the bridge as the bodies game servers and the page read; formats are in
// docs/protocol/roblox.md. Pure functions.
#pragma once

#include <string>

#include <pulse/roblox/bridge.hpp>

namespace pulse::roblox {

[[nodiscard]] std::string encode(const HelloReply& reply);
[[nodiscard]] std::string encode(const UplinkReply& reply);
/// For PollStatus::messages; of the others only the cursor.
[[nodiscard]] std::string encode(const PollReply& reply);
/// {"servers":[…]}
[[nodiscard]] std::string encode(const std::vector<ServerInfo>& servers);

/// The members that a universe's figures add to its JSON object, each followed by a comma:
/// gameServers, players, in, out, queue, quota, throttled, errors, circuitOpen.
[[nodiscard]] std::string encode_summary(const UniverseStats& stats);
/// The further ones of its own page: topics, drops, statuses, retries, coalesced, framesPerMinute,
/// messagesPerFrame and, when asked for, history. Without a comma at the end.
[[nodiscard]] std::string encode_details(const UniverseStats& stats, bool with_history);

}  // namespace pulse::roblox
