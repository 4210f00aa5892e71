// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a host decides about its rooms.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pulse/core/rate_limiter.hpp>

namespace pulse::rooms {

class Places;

/// The type of `value` in counter messages.
enum class CounterForm : std::uint8_t {
    text,    ///< exact decimals, "2.61"
    number,  ///< binary floating point, as ECMAScript adds and prints it
};

/// What one client, or all of them, may make the server keep. What passes a limit is answered with
/// an `error` message that names it, and has no effect. 0 = without limit where not said otherwise.
struct RoomsLimits {
    std::size_t max_rooms = 1'000'000;  ///< in memory; idle ones give way first
    std::size_t max_connections_per_room = 100'000;
    std::size_t max_room_name_bytes = 256;
    std::size_t max_session_id_bytes = 128;
    std::size_t max_message_bytes = std::size_t{1024} * 1024;  ///< more closes with 1009; not 0
    std::size_t max_properties_bytes = std::size_t{64} * 1024;
    std::size_t max_config_bytes = std::size_t{256} * 1024;
    std::size_t max_polls = 10'000;             ///< of either kind in one room
    std::size_t max_answers_per_poll = 10'000;  ///< with votes at the same time
    std::size_t max_stats_bytes =
        std::size_t{64} * 1024;             ///< of one poll: its answers, with counts
    std::size_t max_counters = 10'000;      ///< in one room
    std::size_t max_name_bytes = 512;       ///< of poll, answer, counter and event each
    std::size_t max_subscriptions = 1'000;  ///< of one connection, those to channels included
    std::size_t max_token_bytes = std::size_t{16} * 1024;  ///< that open a channel
    std::size_t max_relays = 100;                          ///< of one admin
    core::RateLimit messages{};                            ///< of one connection
};

struct RoomsOptions {
    // Behaviour
    /// What admins sign with. Empty: there are none.
    std::string signing_key;
    CounterForm counter_form = CounterForm::text;
    /// A signed key makes one connection admin, and no second one. Otherwise it may be used again
    /// until its time is over, as in the original.
    bool has_single_use_keys = true;
    /// Whether pages of any site may connect, as with the original, whose clients carry no secret
    /// of the browser's but the session cookie. Otherwise the transport's rule holds.
    bool any_origin = true;
    /// Origins whose pages may subscribe to the hub's channels without a token although any_origin
    /// lets all pages in, e.g. "https://example.org"; "*" for any. Empty: pages of the host that
    /// the request itself names; from the own machine, pages of its loopback addresses.
    std::vector<std::string> channel_origins;
    /// How long a token for a channel may take to be checked. Meanwhile the client is not read
    /// from.
    std::chrono::milliseconds token_timeout{10'000};
    /// Between `ping` messages to each client. 0: none.
    std::chrono::milliseconds ping_interval{25'000};
    /// How long a room without connections stays in memory, and with it what is not stored
    /// (ephemeral polls, times).
    std::chrono::milliseconds idle_time{60'000};
    /// Facts about every connection, by name, in `connectionDetails`; `latitude` and `longitude`
    /// are "0" unless they are here.
    std::vector<std::pair<std::string, std::string>> details;
    /// Facts from request headers: name of the fact, name of the header. Read only where the peer
    /// is one of `trusted_proxies` (addresses as text).
    std::vector<std::pair<std::string, std::string>> detail_headers;
    std::vector<std::string> trusted_proxies;
    /// Facts from a file, by the client's address: better than `details`, not as good as what a
    /// trusted proxy says. See Rooms::set_places().
    std::shared_ptr<const Places> places;
    /// The header in which trusted proxies name the client's address; of a list the last one, which
    /// the proxy itself has seen. Empty: `places` are looked up for the peer itself.
    std::string address_header;
    RoomsLimits limits;

    // Performance
    std::size_t max_idle_rooms = 10'000;  ///< kept in memory during idle_time
};

/// Of rooms on several processes with one store; see Rooms::share().
struct RoomSharing {
    /// Another process has the room.
    std::function<void(const std::string& room)> on_lost{};
    /// Of the ownership by which this process has the room (core::Owner::term): it grows with each
    /// owner. 0: it has none.
    std::function<std::uint64_t(const std::string& room)> term_of{};
};

}  // namespace pulse::rooms
