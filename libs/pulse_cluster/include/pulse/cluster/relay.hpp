// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One owner for each key of a dialect (a room, a universe), wherever its clients are: connections
// and requests whose key another node owns are carried there whole.
//
//     cluster::Relay relay(options, {io, hub, ownership, *broker->mail()});
//     auto dialect = relay.wrap(rooms.dialect(), std::move(keys));
//     mounts.dialects.emplace_back("/websocket", dialect.get());
//     router->add(relay.wrap("rooms", rooms_routes, key_of_request));
//
// The owner's dialect gets a connection as any other; what it sends to many clients of one node
// goes there once. When the owner of a key ends, loses it or gives it back, its connections are
// closed with 1012 (Service restart), and the clients who come back find the next owner.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/cluster/mail_carrier.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/core/encoding.hpp>
#include <pulse/core/http.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/core/ownership.hpp>

namespace asio {
class io_context;
}

namespace pulse::cluster {

struct RelayOptions {
    // Behaviour
    /// How all connections of the wrapped dialects are framed, on all nodes: what the owner has
    /// framed is sent as it is. Null: nothing around.
    const core::Framing* framing = nullptr;
    /// How long a client waits for its key's owner to be known and to answer; then 1013 or 503. And
    /// how long an owner may take for a request; then 504.
    std::chrono::milliseconds patience{10'000};
    /// A node that is needed and silent for so long is dead: 1012 for what was under way.
    std::chrono::milliseconds node_timeout{6'000};
    /// How long a key without connections stays with its owner.
    std::chrono::milliseconds linger{30'000};

    // Bounds
    std::size_t max_keys = 1'000'000;   ///< that this node has to do with; more are 1013 or 503
    std::size_t max_requests = 10'000;  ///< HTTP requests under way to other nodes
    /// To one node, on the way and not dealt with. Beyond it clients are not read from, and what
    /// the owner sends waits under OutletLimits.
    std::size_t window_bytes = std::size_t{4} * 1024 * 1024;
    /// From one client.
    std::size_t session_window_bytes = std::size_t{256} * 1024;
    /// Messages that a client sends before its owner is known.
    std::size_t max_held_bytes = std::size_t{4} * 1024 * 1024;
    /// The body of an answer that comes from another node.
    std::size_t max_answer_bytes = std::size_t{40} * 1024 * 1024;
};

/// What a relay works with; everything outlives it. `io` is the loop of the carrier's, and runs
/// until the relay is gone.
struct RelayServices {
    asio::io_context& io;
    core::Hub& hub;  ///< has all its lanes
    core::Ownership& ownership;
    MailCarrier& carrier;
};

/// How a dialect's clients belong to keys. The functions run on any loop.
struct RelayKeys {
    /// The same on all nodes.
    std::string space;
    /// As core::Ownership has it. Nothing: the connection stays on the node where it is. After
    /// Dialect::admit().
    std::function<std::optional<std::string>(const core::OpenRequest&)> key_of;
    /// The query that the owner's dialect gets, where Dialect::admit(), which runs on both nodes,
    /// would else come to another result there. Empty: as it is.
    std::function<std::string(const core::OpenRequest&)> query_for_owner{};
    /// Headers that the owner's dialect looks at, in lower case. Empty: none.
    std::function<std::vector<std::string>()> headers_for_owner{};
    /// This node does not own the key any more, or is about to give it back: everything that the
    /// dialect has of it is stored and forgotten, then `done` is called. Connections are told to
    /// end by the relay, but may still be there. On the relay's loop. Empty: there is nothing.
    std::function<void(const std::string& key, std::function<void()> done)> release{};
    /// The dialect's conversations pause reading in on_open(), and go on when they are ready;
    /// otherwise the relay does.
    bool resumes_itself = false;
};

struct RelayStats {
    std::size_t keys = 0;     ///< that this node has to do with
    std::size_t owned = 0;    ///< of these
    std::size_t relayed = 0;  ///< connections of this node's clients, now with another node
    std::size_t hosted = 0;   ///< connections of other nodes' clients, now here
    std::uint64_t relayed_total = 0;
    std::uint64_t hosted_total = 0;
    std::uint64_t requests_total = 0;   ///< HTTP requests sent to other nodes
    std::uint64_t timeouts_total = 0;   ///< no owner in time, or no answer of it
    std::uint64_t ended_total = 0;      ///< connections that ended because of the owner
    std::uint64_t handovers_total = 0;  ///< keys that this node lost, or gave back
    std::uint64_t losses_total = 0;     ///< times that what was under way with a node was given up
    std::uint64_t malformed_total = 0;
    std::uint64_t pieces_sent_total = 0;
    std::uint64_t pieces_received_total = 0;
    std::uint64_t bytes_sent_total = 0;
    std::uint64_t bytes_received_total = 0;
};

/// **Thread-safe.** Made before the loops serve, destroyed when they have ended, on a thread of
/// neither.
class Relay {
  public:
    Relay(const RelayOptions& options, const RelayServices& services);
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    /// The dialect for the mounts of this node. `inner` outlives the relay, which outlives what is
    /// returned. Once for each space, before anything is served.
    [[nodiscard]] std::unique_ptr<core::Dialect> wrap(core::Dialect& inner, RelayKeys keys);

    /// As Dialect: a request whose key another node owns is answered there. Streams are not
    /// carried: 503. Routes of the same space, method and path are taken for the same. `patience`:
    /// of routes that take their time; 0: RelayOptions::patience.
    using RequestKey = std::function<std::optional<std::string>(const core::HttpRequest&)>;
    [[nodiscard]] std::vector<core::Route> wrap(std::string_view space,
                                                std::vector<core::Route> routes, RequestKey key_of,
                                                std::chrono::milliseconds patience = {});

    /// The dialect has found out by itself that the key is another's, or cannot be worked with: its
    /// connections end, it is released, and asked for anew when somebody wants it. When that is
    /// known here already it is only released.
    void drop(std::string_view key);
    /// Of this node's ownership of the key, as it believes; 0: another's, or not known here. What
    /// the dialect stores can be fenced by it.
    [[nodiscard]] std::uint64_t term_of(std::string_view key) const;

    /// This node is about to end: it takes no connections of others any more, ends those it has,
    /// and gives keys back as soon as nobody here needs them.
    void drain();
    /// All keys at once, when nothing is left to be stored.
    void give_back(std::function<void()> done);

    [[nodiscard]] RelayStats stats() const;
    /// The same as families pulse_relay_… of docs/operations/clustering.md.
    [[nodiscard]] core::Metrics::Token add_metrics(core::Metrics& metrics);

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace pulse::cluster
