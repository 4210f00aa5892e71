// SPDX-License-Identifier: MIT OR Apache-2.0
#include "compose.hpp"

#include "admin_routes.hpp"
#include "bridge_part.hpp"
#include "cluster_part.hpp"
#include "config/host.hpp"
#include "document_store.hpp"
#include "engine_metrics.hpp"
#include "engine_options.hpp"
#include "mesa_part.hpp"
#include "relay_part.hpp"
#include "rooms_part.hpp"
#include "switching_authenticator.hpp"
#include "ui_routes.hpp"

#include <pulse/mesa/server.hpp>

namespace pulse::server {

namespace {

constexpr std::chrono::milliseconds kAdminDrain{500};
/// Where clients of Mesa look for it on a port that is not its own.
constexpr std::string_view kMesaPath = "/mesa";
constexpr std::string_view kMesaName = "mesa";

/// Null where nothing needs it, or with a `problem`.
std::unique_ptr<core::DocumentStore> make_store(const Config& config, const core::Clock& clock,
                                                core::Rng& rng, core::Log& log,
                                                std::string& problem) {
    if (!needs_document_store(config)) return nullptr;
    auto made = make_document_store(config.store, clock, rng, log);
    if (made) return std::move(*made);
    problem = made.error();
    return nullptr;
}

}  // namespace

StringList dialect_names() { return {"native", "rooms", std::string(kMesaName)}; }

StringList features() {
    StringList list{"native", "rooms", "mesa", "websocket", "json"};
#ifdef PULSE_WITH_SQLITE
    list.emplace_back("sqlite");
#endif
#ifdef PULSE_WITH_REDIS
    list.emplace_back("redis");
#endif
#ifdef PULSE_WITH_NATS
    list.emplace_back("nats");
#endif
#ifdef PULSE_WITH_SYSTEMD
    list.emplace_back("systemd");
#endif
    return list;
}

struct Engine::Parts {
    Parts(const Config& wanted, core::Log& log_, std::string version_)
        : config(wanted),
          log(log_),
          version(std::move(version_)),
          budget(memory_budget_bytes(wanted)),
          store(make_store(wanted, clock, rng, log, store_problem)),
          history(make_history(wanted, clock, rng)),
          cluster(ClusterPart::make(wanted, clock, rng, log, budget)),
          hub(hub_options(wanted),
              {clock, rng, log, &budget, cluster ? cluster->presence() : nullptr, history.get(),
               cluster ? cluster->broker() : nullptr}),
          authenticator(make_authenticator(wanted)),
          native(hub, native_options(wanted), &authenticator),
          metrics(core::make_memory_metrics()),
          loops(hub, wanted.server.threads,
                {std::size_t{256} * 1024, wanted.transport.micro_batching}),
          rooms(is_rooms_enabled(wanted) && store
                    ? std::make_unique<RoomsPart>(wanted, hub, *store, authenticator, log)
                    : nullptr),
          relay(RelayPart::make(wanted, cluster.get(), hub)),
          server(hub, loops.loops(), connection_options(wanted), client_limits(wanted)),
          // Clients that use up what is theirs must not blind the operator.
          admin(hub, loops.loops(), connection_options(wanted), {.max_connections = 1}),
          engine_metrics(
              add_engine_metrics(*metrics, {hub, native, loops.loops(), budget, version})) {
        if (rooms) rooms_metrics = rooms->add_metrics(*metrics);
        if (relay) {
            if (rooms && wanted.cluster.rooms) rooms->share(*relay);
            relay_metrics = relay->add_metrics(*metrics);
        }
        if (store) store_metrics = add_store_metrics(*metrics, *store);
        if (cluster) cluster_metrics = cluster->add_metrics(*metrics);
        for (transport::Loop* loop : loops.loops()) {
            loop->lane().set_limits(outlet_limits(wanted));
        }
    }

    [[nodiscard]] core::Dialect* dialect(std::string_view name) {
        if (name == native.name()) return &native;
        if (mesa && name == kMesaName) return &mesa->dialect();
        return rooms && name == rooms->dialect().name() ? &rooms->dialect() : nullptr;
    }
    [[nodiscard]] transport::Mounts mounts(const ListenerOptions* listener);
    [[nodiscard]] bool add_mesa_routes(transport::HttpRouter& router,
                                       const ListenerOptions* own) const;
    [[nodiscard]] std::string obstacle() const;
    [[nodiscard]] tl::expected<void, std::string> make_bridge();
    [[nodiscard]] tl::expected<void, std::string> make_mesa();
    [[nodiscard]] std::unique_ptr<core::Authenticator> authenticator_for(const Config& wanted);
    void greet_operator() const;
    /// Once everything the store has accepted is done.
    void close_store(std::function<void()> done) const;
    [[nodiscard]] tl::expected<transport::Listener*, std::string> listen(
        transport::Server& which, const std::string& host, std::uint16_t port,
        transport::Mounts mounts_) const;

    Config config;
    core::Log& log;
    std::string version;
    core::SystemClock clock;
    core::SystemRng rng;
    core::MemoryBudget budget;
    std::string store_problem;                    ///< why there is none that is needed
    std::unique_ptr<core::DocumentStore> store;   ///< null: nothing needs it
    std::unique_ptr<core::HistoryStore> history;  ///< null: nothing is kept here
    std::unique_ptr<ClusterPart> cluster;         ///< null: stands alone
    core::Hub hub;
    SwitchingAuthenticator authenticator;
    core::native::NativeDialect native;
    std::unique_ptr<core::Metrics> metrics;
    transport::LoopThreads loops;
    /// Null: not wanted. Lives on a loop and outlives the server's connections.
    std::unique_ptr<BridgePart> bridge;
    std::unique_ptr<RoomsPart> rooms;  ///< null: not wanted
    std::unique_ptr<MesaPart> mesa;    ///< null: not wanted; as the bridge
    std::unique_ptr<RelayPart> relay;  ///< null: nothing is carried between servers
    transport::Server server;
    transport::Server admin;
    core::Metrics::Token engine_metrics;
    core::Metrics::Token store_metrics;
    core::Metrics::Token cluster_metrics;
    core::Metrics::Token bridge_metrics;
    core::Metrics::Token rooms_metrics;
    core::Metrics::Token relay_metrics;
    core::Metrics::Token mesa_metrics;
    std::string api_key;       ///< the bridge's, once made
    std::string new_key_path;  ///< of the administrator's key, made by this start
    std::atomic<bool> is_ready{false};
    transport::Listener* main_listener = nullptr;
};

Engine::Engine(const Config& config, core::Log& log, std::string version)
    : parts_(std::make_unique<Parts>(config, log, std::move(version))) {}

Engine::~Engine() {
    stop();
    // Its answers go to parts that are still there.
    parts_->store_metrics.reset();
    parts_->cluster_metrics.reset();
    parts_->bridge_metrics.reset();
    parts_->rooms_metrics.reset();
    parts_->relay_metrics.reset();
    parts_->mesa_metrics.reset();
    parts_->store.reset();
}

tl::expected<void, std::string> Engine::Parts::make_bridge() {
    if (!is_bridge_enabled(config)) return {};
    const auto keys = obtain_bridge_keys(config.roblox, is_loopback_only(config), rng);
    if (!keys) return tl::unexpected(keys.error());
    new_key_path = keys->new_api_key_path;
    api_key = keys->api_key;
    transport::Loop& loop = *loops.loops().front();
    auto made = BridgePart::make({config,
                                  hub,
                                  *store,
                                  clock,
                                  rng,
                                  log,
                                  loop,
                                  {hub, native, loops.loops(), budget, version},
                                  cluster ? cluster->ownership() : nullptr,
                                  cluster ? cluster->broker() : nullptr},
                                 *keys);
    if (!made) return tl::unexpected(made.error());
    bridge = std::move(*made);
    bridge_metrics = bridge->add_metrics(*metrics);
    if (relay) bridge->share(*relay);
    authenticator.replace(authenticator_for(config));
    return {};
}

tl::expected<void, std::string> Engine::Parts::make_mesa() {
    if (!is_mesa_enabled(config)) return {};
    auto made = MesaPart::make({config, hub, clock, rng, log, *loops.loops().front()});
    if (!made) return tl::unexpected(made.error());
    mesa = std::move(*made);
    mesa_metrics = mesa->add_metrics(*metrics);
    return {};
}

std::unique_ptr<core::Authenticator> Engine::Parts::authenticator_for(const Config& wanted) {
    auto plain = make_authenticator(wanted);
    return bridge ? bridge->with_tokens(std::move(plain)) : std::move(plain);
}

void Engine::Parts::greet_operator() const {
    if (!bridge) return;
    const std::string page = "http://" + main_listener->address() + "/";
    log.write(core::LogLevel::info, "page", {{"address", std::string_view(page)}});
    if (new_key_path.empty()) return;
    const std::string how = "cat " + new_key_path;
    log.write(core::LogLevel::info, "admin_key_created", {{"log_in_with", std::string_view(how)}});
}

std::string Engine::Parts::obstacle() const {
    if (!is_ready) return "draining";
    if (store) {
        const core::StoreStatus status = store->status();
        if (!status.is_available()) return "store: " + status.text;
    }
    if (mesa) {
        if (std::string why = mesa->obstacle(); !why.empty()) return why;
    }
    if (cluster) {
        if (std::string why = cluster->obstacle(); !why.empty()) return why;
    }
    return bridge ? bridge->obstacle() : std::string();
}

void Engine::Parts::close_store(std::function<void()> done) const {
    if (!store) return done();
    auto close = [this, done = std::move(done)] {
        // Whoever gets a room now finds all of it.
        if (!relay) return store->close(done);
        relay->give_back([this, done] { store->close(done); });
    };
    rooms ? rooms->drain(std::move(close)) : close();
}

/// What answers requests without an upgrade where Mesa is. True: everywhere.
bool Engine::Parts::add_mesa_routes(transport::HttpRouter& router,
                                    const ListenerOptions* own) const {
    if (!mesa) return false;
    if (own == nullptr) {
        router.add(mesa::make_upgrade_required_route(std::string(kMesaPath)));
        return false;
    }
    bool is_everywhere = false;
    for (const auto& [path, name] : own->mount) {
        if (name != kMesaName) continue;
        is_everywhere = is_everywhere || path == "*";
        router.add(mesa::make_upgrade_required_route(path == "*" ? "/*" : path));
    }
    return is_everywhere;
}

transport::Mounts Engine::Parts::mounts(const ListenerOptions* listener) {
    transport::Mounts result;
    auto router = std::make_shared<transport::HttpRouter>();
    router->add(health_routes({version, [this] { return obstacle(); }}));
    if (config.metrics.on_main_port) router->add(metrics_routes(*metrics, false));
    const bool is_main = listener == nullptr || listener->mount.empty();
    if (rooms && (is_main || rooms->is_mounted(*listener))) {
        const bool is_root_taken = listener == nullptr && bridge;
        router->add(rooms->routes(api_key,
                                  is_root_taken ? RoomsIndex::beside_others : RoomsIndex::at_root));
    }
    if (listener == nullptr && bridge) {
        router->add(ui_routes(embedded_ui()));
        router->add(bridge->routes());
    }
    const bool is_all_mesas = add_mesa_routes(*router, is_main ? nullptr : listener);
    if (rooms && !is_all_mesas &&
        config.rooms.own_not_found.value_or(!bridge || listener != nullptr)) {
        router->add(RoomsPart::not_found_route(*router));
    }
    if (listener == nullptr && bridge) {
        router->add(bridge->fallback_routes());
        result.dialects = bridge->dialects();
    }
    result.routes = std::move(router);
    if (!config.transport.websocket) return result;
    if (listener == nullptr || listener->mount.empty()) {
        result.dialects.emplace_back(config.transport.websocket_path, &native);
        if (rooms) result.dialects.emplace_back(std::string(RoomsPart::kPath), &rooms->dialect());
        if (mesa) result.dialects.emplace_back(std::string(kMesaPath), &mesa->dialect());
        return result;
    }
    for (const auto& [path, name] : listener->mount) {
        if (core::Dialect* mounted = dialect(name)) result.dialects.emplace_back(path, mounted);
    }
    return result;
}

tl::expected<transport::Listener*, std::string> Engine::Parts::listen(
    transport::Server& which, const std::string& host, std::uint16_t port,
    transport::Mounts mounts_) const {
    transport::ListenerOptions options;
    options.host = host;
    options.port = port;
    options.backlog = static_cast<int>(config.server.backlog);
    options.is_port_shared = config.server.reuse_port;
    auto listener = which.listen(options, std::move(mounts_));
    if (!listener) {
        return tl::unexpected("cannot listen on " + host + ":" + std::to_string(port) + ": " +
                              listener.error().message());
    }
    return *listener;
}

tl::expected<void, std::string> Engine::start() {
    Parts& p = *parts_;
    if (!p.store_problem.empty()) return tl::unexpected(p.store_problem);
    if (p.rooms) {
        if (auto read = p.rooms->read_places(); !read) return read;
    }
    if (p.cluster && !p.cluster->problem().empty()) {
        return tl::unexpected(p.cluster->problem());
    }
    if (p.cluster && p.rooms && p.config.cluster.rooms &&
        p.config.store.engine != StoreEngine::redis) {
        p.log.write(
            core::LogLevel::warn, "rooms_not_shared",
            {{"reason", std::string_view("what a room has is not found by another server: set "
                                         "store.engine = \"redis\", or cluster.rooms = false")}});
    }
    if (auto made = p.make_bridge(); !made) return made;
    if (auto made = p.make_mesa(); !made) return made;
    p.loops.start();
    if (p.bridge) p.bridge->start();
    auto main_listener =
        p.listen(p.server, p.config.server.host, p.config.server.port, p.mounts(nullptr));
    if (!main_listener) return tl::unexpected(main_listener.error());
    p.main_listener = *main_listener;
    p.log.write(core::LogLevel::info, "listening",
                {{"address", std::string_view((*main_listener)->address())},
                 {"websocket_path", std::string_view(p.config.transport.websocket_path)}});
    for (const ListenerOptions& extra : p.config.listeners) {
        auto listener = p.listen(p.server, extra.host, extra.port, p.mounts(&extra));
        if (!listener) return tl::unexpected(listener.error());
        p.log.write(core::LogLevel::info, "listening",
                    {{"address", std::string_view((*listener)->address())}});
    }
    if (p.config.metrics.enabled) {
        transport::Mounts mounts;
        auto router = std::make_shared<transport::HttpRouter>();
        router->add(metrics_routes(*p.metrics, true));
        mounts.routes = std::move(router);
        // Metrics are for operators: the server runs without them when their port is taken.
        auto listener =
            p.listen(p.admin, p.config.metrics.host, p.config.metrics.port, std::move(mounts));
        if (listener) {
            p.log.write(core::LogLevel::info, "metrics_listening",
                        {{"address", std::string_view((*listener)->address())}});
        } else {
            p.log.write(core::LogLevel::error, "metrics_unavailable",
                        {{"reason", std::string_view(listener.error())}});
        }
    }
    p.is_ready = true;
    p.greet_operator();
    return {};
}

void Engine::apply(const Config& config) {
    Parts& p = *parts_;
    p.hub.set_max_channels(config.limits.max_channels);
    p.hub.set_max_subscriptions_per_session(config.limits.max_subscriptions_per_connection);
    p.hub.set_max_presence_bytes(config.limits.max_presence_bytes);
    p.hub.set_auto_create_channels(config.limits.auto_create_channels);
    p.native.set_options(native_options(config));
    p.server.set_connection_options(connection_options(config));
    p.admin.set_connection_options(connection_options(config));
    p.server.set_client_limits(client_limits(config));
    p.authenticator.replace(p.authenticator_for(config));
    if (p.rooms) p.rooms->apply(config);
    p.config = config;
}

void Engine::end_stale_presence() {
    const auto timeout = parts_->config.heartbeat.presence_timeout;
    if (timeout.count() != 0) (void)parts_->hub.prune_presence(timeout);
}

void Engine::drain(std::function<void()> done) {
    parts_->is_ready = false;
    Parts& p = *parts_;
    // Metrics are there to watch it by, and go when it is over.
    auto end = [&p, done = std::move(done)] {
        p.close_store(
            [&p, done] { p.admin.drain(std::chrono::milliseconds{0}, kAdminDrain, done); });
    };
    // What clients published last goes out to the other nodes before this one ends.
    const auto deadline = std::chrono::steady_clock::now() + p.config.server.drain_timeout;
    auto close = [&p, deadline, end = std::move(end)] {
        p.cluster ? p.cluster->flush(deadline, end) : end();
    };
    // Connections end while what waits for game servers is sent; the store serves both.
    auto left = std::make_shared<std::atomic<int>>(1 + (p.bridge ? 1 : 0) + (p.mesa ? 1 : 0));
    auto one_less = [left, close = std::move(close)] {
        if (left->fetch_sub(1) == 1) close();
    };
    if (p.relay) p.relay->drain();
    if (p.bridge) p.bridge->shut_down(p.config.server.drain_timeout, one_less);
    if (p.mesa) p.mesa->shut_down(one_less);
    p.server.drain(p.config.server.close_spread, p.config.server.drain_timeout, one_less);
}

void Engine::stop() { parts_->loops.stop(); }

void Engine::when_all_loops_turned(std::function<void()> done) {
    const std::vector<transport::Loop*> loops = parts_->loops.loops();
    auto left = std::make_shared<std::atomic<std::size_t>>(loops.size());
    for (transport::Loop* loop : loops) {
        loop->lane().post([left, done] {
            if (left->fetch_sub(1) == 1) done();
        });
    }
}

std::uint16_t Engine::port() const noexcept {
    return parts_->main_listener == nullptr ? std::uint16_t{0} : parts_->main_listener->port();
}

}  // namespace pulse::server
