// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relay/relay_conversation.hpp"
#include "relay/remote_connection.hpp"
#include "relay/switchboard.hpp"

#include <future>
#include <utility>

#include <pulse/cluster/relay.hpp>
#include <pulse/core/hub.hpp>

namespace pulse::cluster {

namespace {

class RelayDialect final : public core::Dialect {
  public:
    RelayDialect(std::shared_ptr<Switchboard> board, SpacePtr space)
        : board_(std::move(board)), space_(std::move(space)) {}

    [[nodiscard]] std::string_view name() const noexcept override { return space_->inner->name(); }
    [[nodiscard]] std::span<const std::string_view> subprotocols() const noexcept override {
        return space_->inner->subprotocols();
    }
    [[nodiscard]] bool checks_origin() const noexcept override {
        return space_->inner->checks_origin();
    }
    [[nodiscard]] std::optional<core::Refusal> admit(const core::OpenRequest& request) override {
        return space_->inner->admit(request);
    }
    [[nodiscard]] std::unique_ptr<core::Conversation> open(
        core::Connection& connection, const core::OpenRequest& request) override {
        const RelayKeys& keys = space_->keys;
        auto key = keys.key_of(request);
        if (!key || board_->desks().empty()) return space_->inner->open(connection, request);
        OpenRecord record;
        record.space = keys.space;
        record.key = std::move(*key);
        record.path = request.path;
        record.query =
            keys.query_for_owner ? keys.query_for_owner(request) : std::string(request.query);
        record.subprotocol = request.subprotocol;
        record.peer = request.peer;
        record.is_encrypted = request.is_encrypted;
        if (keys.headers_for_owner && request.header) {
            for (std::string& name : keys.headers_for_owner()) {
                std::string value(request.header(name));
                if (!value.empty()) record.headers.emplace_back(std::move(name), std::move(value));
            }
        }
        return std::make_unique<RelayConversation>(board_->desks()[connection.lane().index()],
                                                   connection, space_, std::move(record),
                                                   request.admission);
    }

  private:
    const std::shared_ptr<Switchboard> board_;
    const SpacePtr space_;
};

core::MetricFamily family(const char* name, const char* help, core::MetricKind kind,
                          std::uint64_t value) {
    core::MetricSample sample;
    sample.value = static_cast<double>(value);
    return {name, help, kind, {std::move(sample)}};
}

void add_families(std::vector<core::MetricFamily>& out, const RelayStats& stats) {
    const auto gauge = [&out](const char* name, const char* help, std::uint64_t value) {
        out.push_back(family(name, help, core::MetricKind::gauge, value));
    };
    const auto counter = [&out](const char* name, const char* help, std::uint64_t value) {
        out.push_back(family(name, help, core::MetricKind::counter, value));
    };
    gauge("pulse_relay_keys", "Rooms and the like that this server has to do with.", stats.keys);
    gauge("pulse_relay_owned", "Of these, those that are this server's.", stats.owned);
    gauge("pulse_relay_connections", "Clients of this server, now carried to others.",
          stats.relayed);
    gauge("pulse_relay_hosted", "Clients of other servers, now carried here.", stats.hosted);
    counter("pulse_relay_connections_total", "Clients of this server that were carried to others.",
            stats.relayed_total);
    counter("pulse_relay_hosted_total", "Clients of other servers that were carried here.",
            stats.hosted_total);
    counter("pulse_relay_requests_total", "HTTP requests that were carried to other servers.",
            stats.requests_total);
    counter("pulse_relay_timeouts_total",
            "Clients and requests that found no owner in time, or got no answer of it.",
            stats.timeouts_total);
    counter("pulse_relay_ended_total", "Connections that ended because of their owner.",
            stats.ended_total);
    counter("pulse_relay_handovers_total", "Keys that this server lost, or gave back.",
            stats.handovers_total);
    counter("pulse_relay_losses_total",
            "Times that what was under way with another server was given up.", stats.losses_total);
    counter("pulse_relay_malformed_total", "What no server has sent.", stats.malformed_total);
    counter("pulse_relay_pieces_sent_total", "Messages of the broker's that carried it.",
            stats.pieces_sent_total);
    counter("pulse_relay_pieces_received_total", "The same, from others.",
            stats.pieces_received_total);
    counter("pulse_relay_sent_bytes_total", "What was carried to other servers.",
            stats.bytes_sent_total);
    counter("pulse_relay_received_bytes_total", "What others carried here.",
            stats.bytes_received_total);
}

}  // namespace

struct Relay::Impl {
    Impl(const RelayOptions& options, const RelayServices& services)
        : board(std::make_shared<Switchboard>(options, services)) {
        board->add_desks(services.hub);
        board->start();
    }

    const std::shared_ptr<Switchboard> board;
};

Relay::Relay(const RelayOptions& options, const RelayServices& services)
    : impl_(std::make_shared<Impl>(options, services)) {}

Relay::~Relay() {
    std::promise<void> closed;
    impl_->board->post([&closed](Switchboard& board) {
        board.close();
        closed.set_value();
    });
    closed.get_future().wait();
    // The loops have ended: nobody else is at the desks.
    for (const auto& desk : impl_->board->desks()) desk->clear();
}

std::unique_ptr<core::Dialect> Relay::wrap(core::Dialect& inner, RelayKeys keys) {
    auto space = std::make_shared<const Space>(Space{&inner, std::move(keys)});
    impl_->board->add(space);
    return std::make_unique<RelayDialect>(impl_->board, std::move(space));
}

std::vector<core::Route> Relay::wrap(std::string_view space, std::vector<core::Route> routes,
                                     RequestKey key_of, std::chrono::milliseconds patience) {
    const auto key_of_request = std::make_shared<const RequestKey>(std::move(key_of));
    for (core::Route& route : routes) {
        const std::string id = std::string(space) + " " + route.method + " " + route.path;
        impl_->board->add_route(id, route.handler);
        route.handler = [board = impl_->board, space = std::string(space), id, key_of_request,
                         patience, inner = std::move(route.handler)](
                            const core::HttpRequest& request, core::HttpResponder responder) {
            auto key = (*key_of_request)(request);
            if (!key || board->desks().empty()) return inner(request, std::move(responder));
            auto to = std::make_shared<core::HttpResponder>(std::move(responder));
            board->post([space, id = id, key = std::move(*key), request = request, patience,
                         to = std::move(to)](Switchboard& at) mutable {
                at.request(space, std::move(id), std::move(key), std::move(request), patience,
                           std::move(to));
            });
        };
    }
    return routes;
}

void Relay::drop(std::string_view key) {
    impl_->board->post([key = std::string(key)](Switchboard& board) { board.drop(key); });
}

std::uint64_t Relay::term_of(std::string_view key) const { return impl_->board->term_of(key); }

void Relay::drain() {
    impl_->board->post([](Switchboard& board) { board.drain(); });
}

void Relay::give_back(std::function<void()> done) {
    impl_->board->post([done = std::move(done)](Switchboard& board) { board.give_back(done); });
}

RelayStats Relay::stats() const { return impl_->board->stats(); }

core::Metrics::Token Relay::add_metrics(core::Metrics& metrics) {
    return metrics.add_collector([board = impl_->board](std::vector<core::MetricFamily>& out) {
        add_families(out, board->stats());
    });
}

}  // namespace pulse::cluster
