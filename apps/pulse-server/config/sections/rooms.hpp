// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [rooms]: rooms with profiles, chat, polls, counters and a config.
#pragma once

#include "config/row.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace pulse::server {

/// `string` is `text` by the name it has in JSON.
enum class CounterValue : std::uint8_t { text, number, string };

template <>
struct EnumChoices<CounterValue> {
    static constexpr Choice kChoices[] = {
        {"text", static_cast<int>(CounterValue::text)},
        {"number", static_cast<int>(CounterValue::number)},
        {"string", static_cast<int>(CounterValue::string)},
    };
};

struct RoomsOptions {
    std::optional<bool> enabled;
    std::string signing_key;
    std::string signing_key_file;
    std::string api_key;
    std::string api_key_file;
    CounterValue counter_value = CounterValue::text;
    bool single_use_keys = true;
    bool any_origin = true;
    std::chrono::milliseconds ping_interval{25'000};
    std::optional<bool> own_not_found;
    std::string latitude = "0";
    std::string longitude = "0";
    StringList detail_headers;
    StringList trusted_proxies;
    std::string places_file;
    std::string address_header;
    std::chrono::milliseconds idle_time{60'000};
    std::uint32_t max_idle_rooms = 10'000;
    std::uint32_t max_rooms = 1'000'000;
    std::uint32_t max_connections_per_room = 100'000;
    std::uint32_t max_room_name_bytes = 256;
    std::uint32_t max_session_id_bytes = 128;
    std::uint64_t max_message_bytes = std::uint64_t{1024} * 1024;
    std::uint64_t max_properties_bytes = std::uint64_t{64} * 1024;
    std::uint64_t max_config_bytes = std::uint64_t{256} * 1024;
    std::uint32_t max_polls = 10'000;
    std::uint32_t max_answers_per_poll = 10'000;
    std::uint64_t max_stats_bytes = std::uint64_t{64} * 1024;
    std::uint32_t max_counters = 10'000;
    std::uint32_t max_name_bytes = 512;
    std::uint32_t max_subscriptions = 1'000;
    std::uint32_t max_relays = 100;
    std::uint32_t messages_per_second = 0;
    std::uint32_t messages_burst = 0;

    bool operator==(const RoomsOptions&) const = default;
};

inline constexpr Row<RoomsOptions> kRoomsRows[] = {
    row<&RoomsOptions::enabled>({
        .name = "enabled",
        .doc = "Serve rooms at /websocket, /users and /details, with their pages and their API.",
        .when_unset = "true unless auth.required is in force, which clients of rooms cannot meet",
    }),
    row<&RoomsOptions::signing_key>({
        .name = "signing_key",
        .doc = "What admins of rooms sign their authenticate message with. Empty: nobody can "
               "become admin.",
        .live = true,
        .secret = true,
    }),
    row<&RoomsOptions::signing_key_file>({
        .name = "signing_key_file",
        .doc = "File with signing_key.",
        .live = true,
    }),
    row<&RoomsOptions::api_key>({
        .name = "api_key",
        .doc = "Key of the server-side API (/v1/rooms/...), sent as a bearer token.",
        .secret = true,
        .when_unset = "the administrator's key of [roblox] where that is served, otherwise the API "
                      "answers 403",
    }),
    row<&RoomsOptions::api_key_file>({
        .name = "api_key_file",
        .doc = "File with api_key.",
    }),
    row<&RoomsOptions::counter_value>({
        .name = "counter_value",
        .doc = "How counters are added up and sent: text keeps exact decimals (\"2.61\"), number "
               "is binary floating point as in ECMAScript.",
    }),
    row<&RoomsOptions::single_use_keys>({
        .name = "single_use_keys",
        .doc = "Each signature makes one connection admin. Otherwise it can be used again for five "
               "minutes.",
        .live = true,
    }),
    row<&RoomsOptions::any_origin>({
        .name = "any_origin",
        .doc = "Pages of any site may connect, as with the original. Otherwise "
               "transport.allowed_origins holds for rooms, too.",
        .live = true,
    }),
    row<&RoomsOptions::ping_interval>({
        .name = "ping_interval_ms",
        .doc = "Time between ping messages to each client. 0 sends none.",
        .max = 3'600'000,
        .live = true,
    }),
    row<&RoomsOptions::own_not_found>({
        .name = "own_not_found",
        .doc = "Answer paths that nothing is served at with the text of the original's 404.",
        .when_unset = "true unless the Roblox bridge is served, which has a 404 of its own",
    }),
    row<&RoomsOptions::latitude>({
        .name = "latitude",
        .doc = "What connectionDetails says where nothing better is known.",
        .live = true,
    }),
    row<&RoomsOptions::longitude>({
        .name = "longitude",
        .doc = "The same.",
        .live = true,
    }),
    row<&RoomsOptions::detail_headers>({
        .name = "detail_headers",
        .doc = "Request headers that connectionDetails takes facts from, as \"fact=header\": "
               "\"country=cf-ipcountry\". Read from trusted_proxies alone.",
        .live = true,
    }),
    row<&RoomsOptions::trusted_proxies>({
        .name = "trusted_proxies",
        .doc = "IP addresses whose detail_headers and address_header are believed.",
        .live = true,
    }),
    row<&RoomsOptions::places_file>({
        .name = "places_file",
        .doc = "CSV file that tells where addresses are, for connectionDetails; its first line is "
               "\"network\" and names of facts. detail_headers say it better, latitude and "
               "longitude worse. A reload reads it again.",
        .live = true,
    }),
    row<&RoomsOptions::address_header>({
        .name = "address_header",
        .doc = "Request header in which trusted_proxies tell the client's address for places_file, "
               "\"x-forwarded-for\"; of a list the last one counts. Empty: the peer's own address.",
        .live = true,
    }),
    row<&RoomsOptions::idle_time>({
        .name = "idle_time_ms",
        .doc = "How long a room without connections stays in memory, and with it what is not "
               "stored (ephemeral polls, times).",
        .max = 86'400'000,
        .live = true,
    }),
    row<&RoomsOptions::max_idle_rooms>({
        .name = "max_idle_rooms",
        .doc = "How many of these are kept at most.",
        .live = true,
    }),
    row<&RoomsOptions::max_rooms>({
        .name = "max_rooms",
        .doc = "Rooms in memory. 0 means no limit.",
        .live = true,
    }),
    row<&RoomsOptions::max_connections_per_room>({
        .name = "max_connections_per_room",
        .doc = "Connections in one room. 0 means no limit.",
        .live = true,
    }),
    row<&RoomsOptions::max_room_name_bytes>({
        .name = "max_room_name_bytes",
        .doc = "Longest name of a room. 0 means no limit.",
        .live = true,
    }),
    row<&RoomsOptions::max_session_id_bytes>({
        .name = "max_session_id_bytes",
        .doc = "Longest session id that a client may bring. 0 means no limit.",
        .live = true,
    }),
    row<&RoomsOptions::max_message_bytes>({
        .name = "max_message_bytes",
        .doc = "Largest message from a client; a larger one closes the connection (code 1009).",
        .min = 1'024,
        .max = 16'777'216,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&RoomsOptions::max_properties_bytes>({
        .name = "max_properties_bytes",
        .doc = "Largest properties of a user. 0 means no limit.",
        .max = 524'288,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&RoomsOptions::max_config_bytes>({
        .name = "max_config_bytes",
        .doc = "Longest config of a room. 0 means no limit.",
        .max = 524'288,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&RoomsOptions::max_polls>({
        .name = "max_polls",
        .doc = "Polls of either kind in one room. 0 means no limit.",
        .live = true,
    }),
    row<&RoomsOptions::max_answers_per_poll>({
        .name = "max_answers_per_poll",
        .doc = "Answers of one poll that have votes. 0 means no limit.",
        .live = true,
    }),
    row<&RoomsOptions::max_stats_bytes>({
        .name = "max_stats_bytes",
        .doc = "Size of a poll's answers, with 24 bytes added to each. 0 means no limit.",
        .max = 16'777'216,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&RoomsOptions::max_counters>({
        .name = "max_counters",
        .doc = "Counters in one room. 0 means no limit.",
        .live = true,
    }),
    row<&RoomsOptions::max_name_bytes>({
        .name = "max_name_bytes",
        .doc = "Longest id or answer of a poll, id of a counter, and name of an event. 0 means no "
               "limit.",
        .max = 262'144,
        .live = true,
    }),
    row<&RoomsOptions::max_subscriptions>({
        .name = "max_subscriptions",
        .doc = "Subscriptions of one connection. 0 means no limit.",
        .live = true,
    }),
    row<&RoomsOptions::max_relays>({
        .name = "max_relays",
        .doc = "Message types that one admin may have relayed. 0 means no limit.",
        .live = true,
    }),
    row<&RoomsOptions::messages_per_second>({
        .name = "messages_per_second",
        .doc = "Messages per second from one connection; more are refused. 0 means no limit.",
        .max = 1'000'000'000,
        .live = true,
    }),
    row<&RoomsOptions::messages_burst>({
        .name = "messages_burst",
        .doc = "Messages that may come at once after a quiet time. 0 means as many as "
               "messages_per_second.",
        .max = 1'000'000'000,
        .live = true,
    }),
};

inline constexpr SectionTable<RoomsOptions> kRoomsSection{
    .name = "rooms",
    .doc =
        "Rooms with profiles, chat, polls, counters and a config: docs/protocol/rooms.md. What "
        "passes a limit is answered with an error message.",
    .rows = kRoomsRows,
};

}  // namespace pulse::server
