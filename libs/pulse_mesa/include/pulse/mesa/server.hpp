// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Mesa server: clients that speak JSON with opcodes. docs/protocol/mesa.md has their language.
//
//     mesa::Server mesa(hub, {.heartbeat = {.is_enabled = true}});
//     mesa.on_connection([](const mesa::ClientPtr& client) {
//         client->on_message([client = client.get()](const mesa::Message& m) { client->send(m); });
//     });
//     transport_server.listen({.port = 4000}, {.dialects = {{"*", &mesa.dialect()}}});
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/dialect.hpp>
#include <pulse/core/http.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/mesa/client.hpp>
#include <pulse/mesa/middleware.hpp>
#include <pulse/mesa/options.hpp>
#include <pulse/mesa/recipients.hpp>

namespace pulse::mesa {

struct ServerStats {
    std::size_t clients = 0;
    std::size_t authenticated_clients = 0;
    std::size_t portals = 0;
    std::uint64_t connections_total = 0;
    std::uint64_t messages_received_total = 0;
    std::uint64_t messages_sent_total = 0;  ///< each counted once per recipient
    std::uint64_t replayed_total = 0;
    std::uint64_t heartbeat_closes_total = 0;
    std::uint64_t authentication_failures_total = 0;
    std::uint64_t authentications_unavailable_total = 0;  ///< failed for no fault of the clients
    std::uint64_t deliveries_lost_total = 0;  ///< messages that clients of one loop have missed
    std::uint64_t errors_total = 0;           ///< error events
    bool is_bus_up = true;
};

/// **Thread-safe**, but for the listeners and use(), which come before the first client.
class Server {
  public:
    /// `hub` has all its lanes and outlives the server. Destroy the server when the loops have
    /// ended or before they ran, or when shut_down() is done and nobody listens for its dialect any
    /// more.
    Server(core::Hub& hub, ServerConfig config);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// For a listener: on a path of its own, or "*" for any.
    [[nodiscard]] core::Dialect& dialect() noexcept;

    /// To everybody, or to every connection of some ids wherever they are, but for `excluding`.
    /// Opcode 5 is carried out, not sent.
    void send(const Message& message, const Recipients& recipients = Recipients::all(),
              std::span<const Id> excluding = {});

    void use(std::shared_ptr<Middleware> middleware);

    // Called on the client's loop.
    void on_connection(std::function<void(const ClientPtr&)> listener);
    void on_message(std::function<void(const ClientPtr&, const Message&)> listener);
    void on_disconnection(
        std::function<void(const ClientPtr&, std::uint16_t code, std::string_view reason)>
            listener);
    /// What no client's own listener has heard; `client` is null when it is about none. Without a
    /// listener errors are logged.
    void on_error(std::function<void(const ErrorEvent&, const ClientPtr& client)> listener);

    /// Calls `visit` for every client, on its own loop, soon.
    void visit_clients(std::function<void(Client&)> visit);

    /// Calls `done` once the bus works, on the bus's loop; without one at once.
    void when_ready(std::function<void()> done);

    /// Lets nobody in any more and closes every client with `code`.
    void close(std::uint16_t code = 1001);
    /// The same; calls `done` on some loop when the clients are gone and the bus has been told,
    /// after two seconds at the latest. Clients that do not go count as gone by then (1006).
    void shut_down(std::function<void()> done, std::uint16_t code = 1001);

    /// `<prefix>_mw-<name>[_<namespace>]`, for keys that middleware keeps.
    [[nodiscard]] std::string middleware_key(std::string_view prefix, std::string_view name) const;

    [[nodiscard]] ServerStats stats() const;
    /// The same as families pulse_mesa_… of docs/operations/metrics.md.
    [[nodiscard]] core::Metrics::Token add_metrics(core::Metrics& metrics);

    struct Impl;

  private:
    std::shared_ptr<Impl> impl_;
};

/// What requests without an upgrade are answered at any path: 426, as by the original.
[[nodiscard]] core::Route make_upgrade_required_route(std::string path = "/*");

}  // namespace pulse::mesa
