// SPDX-License-Identifier: MIT OR Apache-2.0
#include <memory>
#include <string>
#include <utility>

#include <pulse/roblox/bridge_host_port.hpp>

namespace pulse::roblox {

void BridgeHostPort::set_universe(UniverseId universe, UniverseConfig config) {
    // Keys are not copied, functions are.
    auto shared = std::make_shared<UniverseConfig>(std::move(config));
    host_.post([universe, shared, &log = log_](Bridge& bridge) {
        const auto set = bridge.set_universe(universe, std::move(*shared));
        if (set) return;
        const std::string reason = set.error().message();
        log.write(core::LogLevel::error, "roblox_universe_refused",
                  {{"universe", universe.value}, {"reason", std::string_view(reason)}});
    });
}

void BridgeHostPort::remove_universe(UniverseId universe) {
    host_.post([universe](Bridge& bridge) { bridge.remove_universe(universe); });
}

void BridgeHostPort::release_universe(UniverseId universe) {
    host_.post([universe](Bridge& bridge) { bridge.release_universe(universe); });
}

void BridgeHostPort::probe(UniverseId universe, KeyDone done) {
    host_.post(
        [universe, done = std::move(done)](Bridge& bridge) { bridge.probe(universe, done); });
}

void BridgeHostPort::introspect(Secret api_key, PublishTransport::IntrospectDone done) {
    auto shared = std::make_shared<Secret>(std::move(api_key));
    host_.post([shared, done = std::move(done), &transport = transport_](Bridge&) {
        transport.introspect(shared->view(), done);
    });
}

void BridgeHostPort::read_stats(std::vector<UniverseId> universes, Detail, StatsDone done) {
    host_.post([universes = std::move(universes), done = std::move(done)](Bridge& bridge) {
        std::vector<std::optional<UniverseStats>> all;
        all.reserve(universes.size());
        for (const UniverseId universe : universes) all.push_back(bridge.stats(universe));
        done(std::move(all));
    });
}

void BridgeHostPort::read_servers(UniverseId universe, ServersDone done) {
    host_.post(
        [universe, done = std::move(done)](Bridge& bridge) { done(bridge.servers(universe)); });
}

}  // namespace pulse::roblox
