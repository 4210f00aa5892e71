// SPDX-License-Identifier: MIT OR Apache-2.0
#include "server_impl.hpp"

#include <utility>

namespace pulse::mesa {

namespace {

using core::MetricFamily;
using core::MetricKind;

void add(std::vector<MetricFamily>& out, std::string name, std::string help, MetricKind kind,
         double value) {
    MetricFamily family{std::move(name), std::move(help), kind, {}};
    core::MetricSample sample;
    sample.value = value;
    family.samples.push_back(std::move(sample));
    out.push_back(std::move(family));
}

}  // namespace

ServerStats Server::Impl::stats() const {
    ServerStats stats;
    stats.clients = counters.clients;
    stats.authenticated_clients = counters.authenticated_clients;
    stats.portals = portals.size();
    stats.connections_total = counters.connections;
    stats.messages_received_total = counters.received;
    stats.messages_sent_total = counters.sent;
    stats.replayed_total = counters.replayed;
    stats.heartbeat_closes_total = counters.heartbeat_closes;
    stats.authentication_failures_total = counters.authentication_failures;
    stats.authentications_unavailable_total = counters.authentications_unavailable;
    stats.deliveries_lost_total = counters.deliveries_lost;
    stats.errors_total = counters.errors;
    stats.is_bus_up = !config.bus || config.bus->is_up();
    return stats;
}

core::Metrics::Token Server::add_metrics(core::Metrics& metrics) {
    return metrics.add_collector([weak =
                                      std::weak_ptr<Impl>(impl_)](std::vector<MetricFamily>& out) {
        const auto held = weak.lock();
        if (held == nullptr) return;
        const ServerStats now = held->stats();
        const auto gauge = [&](const char* name, const char* help, double value) {
            add(out, name, help, MetricKind::gauge, value);
        };
        const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
            add(out, name, help, MetricKind::counter, static_cast<double>(value));
        };
        gauge("pulse_mesa_clients", "Mesa clients connected now.",
              static_cast<double>(now.clients));
        gauge("pulse_mesa_authenticated_clients", "Of these, authenticated.",
              static_cast<double>(now.authenticated_clients));
        gauge("pulse_mesa_portals", "Portals that take turns.", static_cast<double>(now.portals));
        gauge("pulse_mesa_bus_up", "1 while Redis works or none is configured.",
              now.is_bus_up ? 1 : 0);
        counter("pulse_mesa_connections_total", "Mesa clients ever.", now.connections_total);
        counter("pulse_mesa_messages_received_total",
                "Messages from clients, but for those the server consumes.",
                now.messages_received_total);
        counter("pulse_mesa_messages_sent_total", "Messages to clients, once per recipient.",
                now.messages_sent_total);
        counter("pulse_mesa_messages_replayed_total", "Of these, kept while a client was offline.",
                now.replayed_total);
        counter("pulse_mesa_heartbeat_closes_total", "Clients closed because they were silent.",
                now.heartbeat_closes_total);
        counter("pulse_mesa_authentication_failures_total", "Clients refused by the application.",
                now.authentication_failures_total);
        counter("pulse_mesa_authentications_unavailable_total",
                "Authentications that nobody could judge, for no fault of the clients.",
                now.authentications_unavailable_total);
        counter("pulse_mesa_deliveries_lost_total",
                "Messages that the clients of one loop missed, which was too far behind.",
                now.deliveries_lost_total);
        counter("pulse_mesa_errors_total", "Error events.", now.errors_total);
    });
}

}  // namespace pulse::mesa
