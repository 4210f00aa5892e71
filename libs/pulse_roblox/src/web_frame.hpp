// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A message for web clients as it travels through the hub, and what each of them gets of it.
//
//   {"topic":"chat","message":{…},"serverId":"<JobId>","seq":"<epoch>:<n>","ts":<ms>}
//
// is the payload in the hub and what clients get that said hello; `message` and `serverId` may be
// absent. Since the first two members are those of the original, its clients get the same bytes
// up to the third, and nothing is decoded or encoded for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <pulse/roblox/bridge.hpp>

namespace pulse::roblox {

[[nodiscard]] std::string encode_web_frame(const WebMessage& message);

/// Where things stand in a frame; borrows it.
struct WebFrameView {
    std::string_view text;
    std::string_view topic;  ///< escaped, as it stands between the quotes
    std::string_view
        original;            ///< the part for the original's clients, without the brace behind it
    std::string_view place;  ///< `<epoch>:<n>`
    std::string_view epoch;
    std::uint64_t seq = 0;
};

/// Nothing for texts of another make. Cost: the topic's length and a search from the end; the
/// message is not looked at.
[[nodiscard]] std::optional<WebFrameView> read_web_frame(std::string_view text) noexcept;

/// `<epoch>:<n>` taken apart; nothing for anything else.
struct WebPlace {
    std::string_view epoch;
    std::uint64_t seq = 0;
};
[[nodiscard]] std::optional<WebPlace> parse_web_place(std::string_view text) noexcept;

/// The channels of a universe's messages in the hub: everything, and one topic. The latter is empty
/// for topics that are no channel names, which have to be printable ASCII.
[[nodiscard]] std::string web_channel(UniverseId universe);
[[nodiscard]] std::string web_channel(UniverseId universe, std::string_view topic);

}  // namespace pulse::roblox
