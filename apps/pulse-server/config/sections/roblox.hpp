// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [roblox]: the bridge between web clients and Roblox game servers.
#pragma once

#include "config/row.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace pulse::server {

enum class OpenCloudApi : std::uint8_t { v2, v1 };

template <>
struct EnumChoices<OpenCloudApi> {
    static constexpr Choice kChoices[] = {
        {"v2", static_cast<int>(OpenCloudApi::v2)},
        {"v1", static_cast<int>(OpenCloudApi::v1)},
    };
};

enum class FrameCounting : std::uint8_t { escaped, bytes, chars };

template <>
struct EnumChoices<FrameCounting> {
    static constexpr Choice kChoices[] = {
        {"escaped", static_cast<int>(FrameCounting::escaped)},
        {"bytes", static_cast<int>(FrameCounting::bytes)},
        {"chars", static_cast<int>(FrameCounting::chars)},
    };
};

struct RobloxOptions {
    std::optional<bool> enabled;
    std::string api_key;
    std::string api_key_file;
    std::string master_keys;
    std::string master_keys_file;
    std::string key_directory = "data";
    std::string open_cloud_url = "https://apis.roblox.com";
    OpenCloudApi open_cloud_api = OpenCloudApi::v2;
    std::string ca_file;
    bool strict_compat = false;
    std::uint32_t quota_percent = 80;
    std::uint32_t quota_owner = 5'000;
    std::uint32_t quota_address = 10'000;
    std::uint32_t quota_universe = 400;
    std::uint32_t quota_universe_server = 200;
    std::uint32_t quota_topic = 40;
    std::uint32_t quota_topic_server = 80;
    std::uint32_t max_pace_percent = 100;
    std::uint32_t frame_bytes = 1'000;
    FrameCounting frame_counting = FrameCounting::escaped;
    std::chrono::milliseconds linger{30};
    std::chrono::milliseconds message_ttl{15'000};
    std::chrono::milliseconds answer_wait{5'000};
    std::chrono::milliseconds poll_wait{20'000};
    std::uint32_t max_universes = 10'000;

    bool operator==(const RobloxOptions&) const = default;
};

inline constexpr Row<RobloxOptions> kRobloxRows[] = {
    row<&RobloxOptions::enabled>({
        .name = "enabled",
        .doc = "Serve the bridge and its page.",
        .when_unset = "true where keys are given, or every listener is on loopback",
    }),
    row<&RobloxOptions::api_key>({
        .name = "api_key",
        .doc = "The administrator's key: for the page, the registry and everything else.",
        .secret = true,
        .when_unset = "read from key_directory, and made there by the first start on loopback",
        .environment_alias = "API_KEY",
    }),
    row<&RobloxOptions::api_key_file>({
        .name = "api_key_file",
        .doc = "File with api_key.",
    }),
    row<&RobloxOptions::master_keys>({
        .name = "master_keys",
        .doc = "What stored Open Cloud keys are encrypted with: name:key, separated by commas, the "
               "one in use first; a key is 32 bytes in base64url.",
        .secret = true,
        .when_unset = "read from key_directory, and made there by the first start on loopback",
    }),
    row<&RobloxOptions::master_keys_file>({
        .name = "master_keys_file",
        .doc = "File with master_keys.",
    }),
    row<&RobloxOptions::key_directory>({
        .name = "key_directory",
        .doc = "Where roblox-admin.key and roblox-master.key are when the keys are not given. It "
               "does not follow store.path, so that a copy of the store alone opens nothing. A "
               "relative path starts at the server's working directory.",
    }),
    row<&RobloxOptions::open_cloud_url>({
        .name = "open_cloud_url",
        .doc = "Where Open Cloud is, without a slash at the end.",
    }),
    row<&RobloxOptions::open_cloud_api>({
        .name = "open_cloud_api",
        .doc = "Which publish interface to use; v1 is named for removal.",
    }),
    row<&RobloxOptions::ca_file>({
        .name = "ca_file",
        .doc = "Certificates to trust for Open Cloud, in PEM. Empty takes the system's.",
    }),
    row<&RobloxOptions::strict_compat>({
        .name = "strict_compat",
        .doc = "Refuse what the original refused, such as a send without destination.",
    }),
    row<&RobloxOptions::quota_percent>({
        .name = "quota_percent",
        .doc = "How much of Roblox's documented limits to use; the rest is for bursts.",
        .min = 10,
        .max = 95,
    }),
    row<&RobloxOptions::quota_owner>({
        .name = "quota_owner",
        .doc = "Roblox's limit of publishes in a minute with the keys of one owner.",
        .min = 1,
        .max = 1'000'000,
    }),
    row<&RobloxOptions::quota_address>({
        .name = "quota_address",
        .doc = "Roblox's limit of publishes in a minute from this server's address.",
        .min = 1,
        .max = 1'000'000,
    }),
    row<&RobloxOptions::quota_universe>({
        .name = "quota_universe",
        .doc = "Roblox's limit of deliveries in a minute within a universe, without the part that "
               "grows with its game servers.",
        .min = 1,
        .max = 1'000'000,
    }),
    row<&RobloxOptions::quota_universe_server>({
        .name = "quota_universe_server",
        .doc = "What each game server adds to quota_universe.",
        .min = 1,
        .max = 1'000'000,
    }),
    row<&RobloxOptions::quota_topic>({
        .name = "quota_topic",
        .doc = "Roblox's limit of deliveries in a minute within one of its topics, without the "
               "part that grows with the game servers.",
        .min = 1,
        .max = 1'000'000,
    }),
    row<&RobloxOptions::quota_topic_server>({
        .name = "quota_topic_server",
        .doc = "What each game server adds to quota_topic.",
        .min = 1,
        .max = 1'000'000,
    }),
    row<&RobloxOptions::max_pace_percent>({
        .name = "max_pace_percent",
        .doc =
            "Above 100 the pace may rise beyond these limits, up to so much of them, for as long "
            "as Roblox refuses nothing.",
        .min = 100,
        .max = 1'000,
    }),
    row<&RobloxOptions::frame_bytes>({
        .name = "frame_bytes",
        .doc = "Largest publish, counted by frame_counting. Roblox refuses more than 1,024.",
        .min = 256,
        .max = 1'024,
    }),
    row<&RobloxOptions::frame_counting>({
        .name = "frame_counting",
        .doc = "How frame_bytes counts: bytes as escaped in JSON (the most careful), bytes, or "
               "characters.",
    }),
    row<&RobloxOptions::linger>({
        .name = "linger_ms",
        .doc = "How long a message waits for others to share its publish with.",
        .max = 1'000,
    }),
    row<&RobloxOptions::message_ttl>({
        .name = "message_ttl_ms",
        .doc = "How long a message may wait for its turn, unless it says itself.",
        .min = 1'000,
        .max = 300'000,
    }),
    row<&RobloxOptions::answer_wait>({
        .name = "answer_wait_ms",
        .doc = "How long a send waits for Roblox before it is answered 504.",
        .min = 100,
        .max = 60'000,
    }),
    row<&RobloxOptions::poll_wait>({
        .name = "poll_wait_ms",
        .doc = "How long a game server's poll is held where there is nothing for it.",
        .min = 1'000,
        .max = 25'000,
    }),
    row<&RobloxOptions::max_universes>({
        .name = "max_universes",
        .doc = "Universes the registry holds.",
        .min = 1,
        .max = 100'000,
    }),
};

inline constexpr SectionTable<RobloxOptions> kRobloxSection{
    .name = "roblox",
    .doc = "The bridge between web clients and Roblox game servers: docs/operations/roblox.md.",
    .rows = kRobloxRows,
};

}  // namespace pulse::server
