// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What Roblox documents of MessagingService's and Open Cloud's limits, as plain figures. Kept apart
// from the bridge's own arithmetic on purpose: the mock is the judge of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pulse::mock {

/// How a message's 1,024 "characters" are counted. The documentation does not say.
enum class Counting : std::uint8_t {
    chars,    ///< code points
    bytes,    ///< UTF-8
    escaped,  ///< UTF-8 of the text as JSON writes it between its quotes; never less than the
              ///< others
};

/// What "received per minute" counts.
enum class Received : std::uint8_t {
    deliveries,  ///< one for each server that is subscribed: the careful reading
    publishes,   ///< one for each publish
};

/// Which number of servers goes into the formulas while it changes.
enum class ServerCount : std::uint8_t {
    current,  ///< of this moment
    average,  ///< over the minute that is judged: the integral of the momentary rate
    lenient,  ///< the larger of both: who exceeds it is at fault under either reading
};

enum class ErrorForm : std::uint8_t { a, b };  ///< of v1: `{"error":…}` or `{"code":…}`

struct Limits {
    // Behaviour
    bool is_enforced = true;      ///< otherwise violations are counted and let through
    bool has_retry_after = true;  ///< on a 429
    ErrorForm v1_errors = ErrorForm::a;
    Counting counting = Counting::escaped;
    Received received = Received::deliveries;
    ServerCount server_count = ServerCount::lenient;

    // Figures; all rates are per minute
    std::uint64_t requests_per_owner = 5'000;
    std::uint64_t requests_per_address = 10'000;  ///< the v1 page only
    std::uint64_t message_characters = 1'024;
    std::uint64_t topic_characters = 80;
    std::uint64_t topic_received = 40;
    std::uint64_t topic_received_per_server = 80;
    std::uint64_t universe_received = 400;
    std::uint64_t universe_received_per_server = 200;
    std::uint64_t sent = 600;  ///< by one game server
    std::uint64_t sent_per_player = 240;
    std::uint64_t subscriptions = 20;  ///< of one game server
    std::uint64_t subscriptions_per_player = 8;
    std::uint64_t subscribe_requests = 240;  ///< by one game server
};

/// The documented limits a publisher can exceed.
enum class Limit : std::uint8_t {
    owner_requests,
    address_requests,
    message_size,
    topic_name,
    topic_received,
    universe_received,
    server_sent,
    subscriptions,
    subscribe_requests,
};
inline constexpr std::size_t kLimitCount = 9;

[[nodiscard]] constexpr std::string_view to_string(Limit limit) noexcept {
    constexpr std::string_view kNames[kLimitCount] = {
        "owner_requests", "address_requests", "message_size",
        "topic_name",     "topic_received",   "universe_received",
        "server_sent",    "subscriptions",    "subscribe_requests"};
    return kNames[static_cast<std::size_t>(limit)];
}

}  // namespace pulse::mock
