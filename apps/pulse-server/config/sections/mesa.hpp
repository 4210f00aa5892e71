// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [mesa]: JSON messages with opcodes, shared over Redis.
#pragma once

#include "config/row.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace pulse::server {

enum class MesaAuthentication : std::uint8_t { none, jwt, webhook };

template <>
struct EnumChoices<MesaAuthentication> {
    static constexpr Choice kChoices[] = {
        {"none", static_cast<int>(MesaAuthentication::none)},
        {"jwt", static_cast<int>(MesaAuthentication::jwt)},
        {"webhook", static_cast<int>(MesaAuthentication::webhook)},
    };
};

struct MesaOptions {
    std::optional<bool> enabled;
    std::string name_space;
    std::string redis_url;
    std::string redis_url_file;
    bool heartbeat = false;
    std::chrono::milliseconds heartbeat_interval{10'000};
    std::uint32_t heartbeat_max_attempts = 3;
    bool reconnect = false;
    std::chrono::milliseconds reconnect_interval{5'000};
    MesaAuthentication authentication = MesaAuthentication::none;
    std::chrono::milliseconds authentication_timeout{10'000};
    std::optional<bool> authentication_required;
    bool send_user_object = true;
    bool disconnect_on_fail = true;
    bool store_connected_users = true;
    std::string jwt_secret;
    std::string jwt_secret_file;
    std::string jwt_public_key_file;
    std::string jwt_issuer;
    std::string jwt_audience;
    bool jwt_requires_expiry = true;
    std::string webhook_url;
    std::string webhook_key;
    std::string webhook_key_file;
    std::chrono::milliseconds webhook_timeout{3'000};
    bool sync = false;
    std::chrono::milliseconds redelivery_interval{0};
    bool portal = false;
    bool distribute_load = true;
    bool enforce_equal_versions = false;
    StringList versions{"1.5.8"};
    std::uint64_t max_message_bytes = std::uint64_t{1024} * 1024;
    std::uint32_t messages_per_second = 0;
    std::uint32_t messages_burst = 0;

    bool operator==(const MesaOptions&) const = default;
};

inline constexpr Row<MesaOptions> kMesaRows[] = {
    row<&MesaOptions::enabled>({
        .name = "enabled",
        .doc = "Serve Mesa at /mesa. A [[listener]] with mount = { \"*\" = \"mesa\" } gives it a "
               "port of its own.",
        .when_unset = "true when mesa.authentication is not none, or unless auth.required is in "
                      "force",
    }),
    row<&MesaOptions::name_space>({
        .name = "namespace",
        .doc = "Appended to the names of all channels and keys on Redis, behind an underscore.",
    }),
    row<&MesaOptions::redis_url>({
        .name = "redis_url",
        .doc = "Redis shared with other servers, dispatchers and portals; an address as in "
               "store.url, but of no Redis Cluster. Empty: this server is alone.",
        .secret = true,
    }),
    row<&MesaOptions::redis_url_file>({
        .name = "redis_url_file",
        .doc = "File with redis_url.",
    }),
    row<&MesaOptions::heartbeat>({
        .name = "heartbeat",
        .doc = "Send heartbeats (opcode 1), and close clients that do not answer them.",
    }),
    row<&MesaOptions::heartbeat_interval>({
        .name = "heartbeat_interval_ms",
        .doc = "Time between two heartbeats.",
        .min = 10,
        .max = 3'600'000,
    }),
    row<&MesaOptions::heartbeat_max_attempts>({
        .name = "heartbeat_max_attempts",
        .doc = "Heartbeats that are repeated to a silent client before it is closed.",
        .max = 1'000,
    }),
    row<&MesaOptions::reconnect>({
        .name = "reconnect",
        .doc = "Tell clients to reconnect by themselves.",
    }),
    row<&MesaOptions::reconnect_interval>({
        .name = "reconnect_interval_ms",
        .doc = "How long they wait between two attempts.",
        .min = 10,
        .max = 3'600'000,
    }),
    row<&MesaOptions::authentication>({
        .name = "authentication",
        .doc = "Who judges opcode 2: nobody (none), a signed token in its data under \"token\" "
               "(jwt), or an HTTP server of yours (webhook).",
    }),
    row<&MesaOptions::authentication_timeout>({
        .name = "authentication_timeout_ms",
        .doc = "A client that has not sent opcode 2 by then is closed (code 1008), where somebody "
               "judges it. 0 never closes.",
        .max = 3'600'000,
    }),
    row<&MesaOptions::authentication_required>({
        .name = "authentication_required",
        .doc = "Send nothing to clients that are not authenticated.",
        .when_unset = "true when mesa.authentication is not none",
    }),
    row<&MesaOptions::send_user_object>({
        .name = "send_user_object",
        .doc = "Answer opcode 2 with the user object rather than an empty one.",
    }),
    row<&MesaOptions::disconnect_on_fail>({
        .name = "disconnect_on_fail",
        .doc = "Close a client whose authentication failed (code 1008; 1013 where nobody could "
               "judge it). Otherwise it may try again.",
    }),
    row<&MesaOptions::store_connected_users>({
        .name = "store_connected_users",
        .doc = "Keep the ids of authenticated clients in the set connected_clients on Redis.",
    }),
    row<&MesaOptions::jwt_secret>({
        .name = "jwt_secret",
        .doc = "Tokens are signed with HS256 and this secret.",
        .secret = true,
    }),
    row<&MesaOptions::jwt_secret_file>({
        .name = "jwt_secret_file",
        .doc = "File with jwt_secret.",
    }),
    row<&MesaOptions::jwt_public_key_file>({
        .name = "jwt_public_key_file",
        .doc = "Tokens are signed with RS256, and this PEM file has the public key. Not together "
               "with jwt_secret.",
    }),
    row<&MesaOptions::jwt_issuer>({
        .name = "jwt_issuer",
        .doc = "What a token's iss must be. Empty: anything.",
    }),
    row<&MesaOptions::jwt_audience>({
        .name = "jwt_audience",
        .doc = "What a token's aud must be, or contain. Empty: anything.",
    }),
    row<&MesaOptions::jwt_requires_expiry>({
        .name = "jwt_requires_expiry",
        .doc = "Refuse tokens that never expire.",
    }),
    row<&MesaOptions::webhook_url>({
        .name = "webhook_url",
        .doc = "Where the data of opcode 2 is posted as JSON. 200 with {\"id\", \"user\"} lets the "
               "client in; 429, 500 and more, or no answer, close it with 1013; any other answer "
               "refuses it.",
    }),
    row<&MesaOptions::webhook_key>({
        .name = "webhook_key",
        .doc = "Sent along as a bearer token.",
        .secret = true,
    }),
    row<&MesaOptions::webhook_key_file>({
        .name = "webhook_key_file",
        .doc = "File with webhook_key.",
    }),
    row<&MesaOptions::webhook_timeout>({
        .name = "webhook_timeout_ms",
        .doc = "What has not been answered by then counts as not answered; after five of these in "
               "a row clients are closed at once (code 1013), and it is asked once a second "
               "whether it is back.",
        .min = 10,
        .max = 60'000,
    }),
    row<&MesaOptions::sync>({
        .name = "sync",
        .doc = "Send what dispatchers kept on Redis for an id that was offline, when it is back.",
    }),
    row<&MesaOptions::redelivery_interval>({
        .name = "redelivery_interval_ms",
        .doc = "Time between two of these. 0: a millisecond.",
        .max = 3'600'000,
    }),
    row<&MesaOptions::portal>({
        .name = "portal",
        .doc = "Pass on what clients do to portals, over Redis.",
    }),
    row<&MesaOptions::distribute_load>({
        .name = "distribute_load",
        .doc = "Portals take turns; otherwise one is chosen at random.",
    }),
    row<&MesaOptions::enforce_equal_versions>({
        .name = "enforce_equal_versions",
        .doc = "Close clients that say another version than these (code 1002).",
    }),
    row<&MesaOptions::versions>({
        .name = "versions",
        .doc = "Versions of clients that enforce_equal_versions accepts.",
    }),
    row<&MesaOptions::max_message_bytes>({
        .name = "max_message_bytes",
        .doc = "Largest message from a client; a larger one closes the connection (code 1009).",
        .min = 1'024,
        .max = 104'857'600,
        .unit = Unit::bytes,
    }),
    row<&MesaOptions::messages_per_second>({
        .name = "messages_per_second",
        .doc = "Messages per second from one connection; more close it (code 1008). 0 means no "
               "limit.",
        .max = 1'000'000'000,
    }),
    row<&MesaOptions::messages_burst>({
        .name = "messages_burst",
        .doc = "Messages that may come at once after a quiet time. 0 means as many as "
               "messages_per_second.",
        .max = 1'000'000'000,
    }),
};

inline constexpr SectionTable<MesaOptions> kMesaSection{
    .name = "mesa",
    .doc =
        "JSON messages with opcodes, heartbeats, redelivery, dispatchers and portals: "
        "docs/protocol/mesa.md.",
    .rows = kMesaRows,
};

}  // namespace pulse::server
