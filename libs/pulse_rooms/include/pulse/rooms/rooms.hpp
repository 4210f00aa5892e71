// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms: named places that browsers meet in, with profiles, chat, polls, counters and a config
// text, kept in a DocumentStore. docs/protocol/rooms.md has the language of the clients.
//
//     rooms::Rooms rooms({.signing_key = key}, hub, *store);
//     mounts.dialects.emplace_back("/websocket", &rooms.dialect());
//     router->add(rooms.routes());
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/http.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/core/result.hpp>
#include <pulse/rooms/options.hpp>

namespace pulse::rooms {

/// Who gets a broadcast, and what. JSON is given as text; an empty `data` is left out.
struct Broadcast {
    /// Empty: every connection of the room. Otherwise those subscribed: "weather" or
    /// "weather:paris", as in a `subscribe` message.
    std::string to;
    std::string type;
    std::string data;
};

struct RoomsStats {
    std::size_t rooms = 0;        ///< in memory
    std::size_t idle_rooms = 0;   ///< of these, without connections
    std::size_t connections = 0;  ///< that have been greeted
    std::uint64_t connections_total = 0;
    std::uint64_t messages_total = 0;      ///< from clients
    std::uint64_t publications_total = 0;  ///< to subscribers or everybody
    std::uint64_t changes_total = 0;       ///< stored
    std::uint64_t commits_total = 0;       ///< batches they were stored in
    std::uint64_t failed_commits_total = 0;
    std::uint64_t refusals_total = 0;  ///< messages answered with `error`
    std::uint64_t loads_total = 0;     ///< rooms read from the store
    std::uint64_t unloads_total = 0;
};

/// All rooms of one process. **Thread-safe.**
///
/// Everything that is stored is acknowledged (published) after the store has committed it, in the
/// order in which it took effect; what the store refuses is undone.
class Rooms {
  public:
    /// `hub` has all its lanes, and outlives the rooms together with `store`. Destroy the rooms
    /// when the loops have ended and the store is closed, or before either ran.
    /// `authenticator` says which channels of the hub clients may subscribe to beside what is in
    /// their rooms; without one they are anonymous and may subscribe to all. It outlives the
    /// connections.
    Rooms(RoomsOptions options, core::Hub& hub, core::DocumentStore& store,
          core::Authenticator* authenticator = nullptr);
    ~Rooms();
    Rooms(const Rooms&) = delete;
    Rooms& operator=(const Rooms&) = delete;

    /// For one path, "/websocket".
    [[nodiscard]] core::Dialect& dialect() noexcept;

    /// What is wrong with a request, or nothing. Runs on a loop, perhaps before the call returns.
    using Done = std::function<void(std::error_code)>;
    /// JSON text. Runs as Done does.
    using Answer = std::function<void(core::Result<std::string>)>;

    /// Sends a message to the connections of a room that is in memory; another has none. Errors:
    /// std::errc::invalid_argument when `type` is empty, `data` no JSON, `to` no event.
    [[nodiscard]] std::error_code broadcast(std::string_view room, const Broadcast& message);
    /// Changes the config of a room, whether or not anybody is there, and tells everybody who is.
    /// Errors: std::errc::invalid_argument (no UTF-8), message_size, those of the store, and
    /// core::Error::memory_exhausted at RoomsLimits::max_rooms.
    void set_config(std::string_view room, std::string text, Done done);
    /// What /details and /users answer, once all that they tell of is stored. Errors: those of
    /// set_config(); message_size above 32 MiB; core::Error::memory_exhausted also while 64 MiB of
    /// what users() answers are being composed.
    void details(std::string_view room, Answer answer);
    void users(std::string_view room, Answer answer);

    /// In force from now on, but for counter_form (what is in memory has the old one) and places.
    /// What a client has already (place, role, properties, polls) stays, whatever is allowed now;
    /// the time of pings counts from the next one on, and where there were none, for new
    /// connections.
    void set_options(RoomsOptions options);
    /// In place of RoomsOptions::places, for connections that come from now on. May be null.
    void set_places(std::shared_ptr<const Places> places);

    [[nodiscard]] RoomsStats stats() const;
    /// The same as families pulse_rooms_… of docs/operations/metrics.md.
    [[nodiscard]] core::Metrics::Token add_metrics(core::Metrics& metrics);

    // For rooms on many nodes that share a store (cluster::Relay): a room is on one of them at a
    // time.

    /// From now on whoever reads a room from the store takes it over, and its term is kept there:
    /// what another process still has of the room is stored no more, but refused, and `on_lost` is
    /// called there; and who has an older term does not get the room any more. So ask a node for
    /// rooms that it has alone. Both are called on any loop. Before anything is served.
    void share(RoomSharing sharing);
    /// Calls `done` on a loop once the room is not in memory any more, and all of it is stored. Its
    /// connections are ended by the caller, who lets nobody in meanwhile.
    void release(std::string_view room, std::function<void()> done);
    /// The room that a request asks for, after admit(). Nothing when it will be refused anyway.
    [[nodiscard]] std::optional<std::string> room_of(const core::OpenRequest& request) const;
    /// The same of a request that make_room_routes() serves; nothing when it is about no room.
    [[nodiscard]] std::optional<std::string> room_of(const core::HttpRequest& request) const;
    /// A query with which admit() comes to the same room and session on another node.
    [[nodiscard]] std::string query_of(const core::OpenRequest& request) const;
    /// Headers that admit() and the conversations look at, beside the cookie, which query_of()
    /// replaces.
    [[nodiscard]] std::vector<std::string> headers_read() const;

    /// Calls `done` on a loop when nothing waits to be stored any more: once all connections are
    /// closed, and before the store is.
    void drain(std::function<void()> done);

    /// For the library's own parts.
    struct Impl;
    [[nodiscard]] Impl& impl() noexcept { return *impl_; }

  private:
    std::shared_ptr<Impl> impl_;
};

struct RoomRoutesOptions {
    /// Opens the server's side: POST /v1/rooms/{room}/broadcast and PUT /v1/rooms/{room}/config
    /// with "authorization: Bearer <key>". Empty: they answer 403.
    std::string api_key;
};

/// /users, /details, /websocket without an upgrade, and the server's side. `rooms` outlives them.
[[nodiscard]] std::vector<core::Route> make_room_routes(Rooms& rooms, RoomRoutesOptions options);

/// The original's 404, for every path that no route before it has.
[[nodiscard]] core::Route make_room_fallback_route();

}  // namespace pulse::rooms
