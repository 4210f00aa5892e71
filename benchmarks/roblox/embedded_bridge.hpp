// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything a server with a bridge is made of, but sockets, threads and Roblox.
#pragma once

#include "fake_connection.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <pulse/core/clock.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/bridge_dialect.hpp>
#include <pulse/roblox/bridge_host.hpp>
#include <pulse/roblox/bridge_host_port.hpp>
#include <pulse/roblox/bridge_routes.hpp>
#include <pulse/roblox/universe_registry.hpp>
#include <pulse/roblox/web_clients.hpp>

namespace pulse::bench {

/// Takes every publish and likes every key.
class GoodCloud final : public roblox::PublishTransport {
  public:
    void publish(const roblox::CloudPublish&, PublishDone done) override { done({.http = 200}); }
    void introspect(std::string_view, IntrospectDone done) override { done({}); }
};

class EmbeddedBridge {
  public:
    EmbeddedBridge() {
        registry.load([](const auto& loaded) {
            if (!loaded) throw std::runtime_error("the registry did not load");
        });
        run(lane);
    }

    void add_universe(roblox::UniverseId universe) {
        bool is_done = false;
        registry.add(
            universe, {.mode = roblox::Mode::v1}, roblox::Secret("an-open-cloud-api-key"),
            {.state = roblox::KeyState::valid, .checked_at_ms = 1, .owner = 1, .http = 200},
            [&](const core::Result<void>& result) { is_done = result.has_value(); });
        if (!is_done) throw std::runtime_error("the universe was not added");
        run(lane);
    }
    [[nodiscard]] std::string add_token(roblox::UniverseId universe, roblox::Rights rights) {
        std::string text;
        registry.create_token({.label = "bench", .rights = rights, .universes = {universe}},
                              [&](const core::Result<roblox::NewToken>& token) {
                                  if (token) text = token->text;
                              });
        if (text.empty()) throw std::runtime_error("no token was made");
        return text;
    }
    /// A web client on `connection`; what a transport does at an upgrade.
    [[nodiscard]] std::unique_ptr<core::Conversation> connect(core::Connection& connection,
                                                              roblox::UniverseId universe,
                                                              std::string_view token) {
        const std::string path = "/universe/" + universe.to_string() + "/connect";
        const std::string bearer = "Bearer " + std::string(token);
        core::OpenRequest request;
        request.path = path;
        request.header = [&bearer](std::string_view name) -> std::string_view {
            return name == "authorization" ? std::string_view(bearer) : std::string_view();
        };
        if (dialect.admit(request)) throw std::runtime_error("the web client was refused");
        auto conversation = dialect.open(connection, request);
        conversation->on_open();
        return conversation;
    }

    core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    NoHost no_host;
    core::Hub hub{{.max_channels = 0}, {.clock = clock, .rng = rng, .log = log}};
    core::Lane& lane = hub.add_lane(no_host);
    std::unique_ptr<core::DocumentStore> store = core::make_memory_document_store(clock);
    roblox::KeyVault vault =
        roblox::KeyVault::parse("k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE").value();
    std::unique_ptr<roblox::AccessBook> access =
        roblox::AccessBook::make({"the-admin-key"}, clock, rng).value();
    GoodCloud cloud;
    roblox::HubFanout fanout{hub, &lane};
    std::unique_ptr<roblox::PublishBudget> budget = roblox::make_rate_governor({}, rng);
    roblox::BridgeHost host{
        lane,
        std::make_unique<roblox::Bridge>(
            roblox::BridgeOptions{},
            roblox::BridgeParts{
                .clock = clock, .rng = rng, .transport = cloud, .web = fanout, .budget = *budget})};
    roblox::BridgeHostPort port{host, cloud, log};
    roblox::UniverseRegistry registry{{}, {*store, vault, *access, port, clock, rng, log}};
    roblox::WebClients clients{hub, *access};
    roblox::BridgeDialect dialect{host, *access, clients};
    std::vector<core::Route> routes = roblox::make_bridge_routes(host, *access, clients);
};

}  // namespace pulse::bench
