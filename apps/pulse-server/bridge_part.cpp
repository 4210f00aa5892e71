// SPDX-License-Identifier: MIT OR Apache-2.0
#include "bridge_part.hpp"

#include "bridge_metrics.hpp"
#include "config/host.hpp"
#include "engine_sampler.hpp"
#include "relay_part.hpp"
#include "rooms_part.hpp"
#include "ui_assets.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <string_view>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/admin_routes.hpp>
#include <pulse/roblox/bridge.hpp>
#include <pulse/roblox/bridge_dialect.hpp>
#include <pulse/roblox/bridge_host.hpp>
#include <pulse/roblox/bridge_host_port.hpp>
#include <pulse/roblox/bridge_routes.hpp>
#include <pulse/roblox/cloud_transport.hpp>
#include <pulse/roblox/http_client.hpp>
#include <pulse/roblox/registry_feed.hpp>
#include <pulse/roblox/universe_authenticator.hpp>
#include <pulse/roblox/universe_owners.hpp>
#include <pulse/roblox/universe_registry.hpp>
#include <pulse/roblox/web_clients.hpp>

namespace pulse::server {

namespace {

constexpr std::chrono::seconds kTick{1};
/// What an answer that comes from another server may take beside the time that a poll is held.
constexpr std::chrono::seconds kRelayPatience{10};
/// In a cluster: the longest that a change stays unknown whose word was lost.
constexpr std::chrono::seconds kResync{60};
constexpr std::string_view kNotLoaded = R"({"error":"The registry is not loaded yet"})";

roblox::BridgeOptions bridge_options(const RobloxOptions& wanted) {
    roblox::BridgeOptions options;
    options.outbox.budget = wanted.frame_bytes;
    switch (wanted.frame_counting) {
        case FrameCounting::escaped:
            options.outbox.counting = roblox::Counting::escaped;
            break;
        case FrameCounting::bytes:
            options.outbox.counting = roblox::Counting::bytes;
            break;
        case FrameCounting::chars:
            options.outbox.counting = roblox::Counting::chars;
            break;
    }
    options.outbox.linger = wanted.linger;
    options.outbox.default_ttl = wanted.message_ttl;
    options.answer_wait = wanted.answer_wait;
    options.poll_wait = wanted.poll_wait;
    options.max_universes = wanted.max_universes;
    return options;
}

roblox::GovernorOptions governor_options(const RobloxOptions& wanted) {
    roblox::GovernorOptions options;
    options.share = wanted.quota_percent / 100.0;
    options.owner_per_minute = wanted.quota_owner;
    options.address_per_minute = wanted.quota_address;
    options.universe_base = wanted.quota_universe;
    options.universe_per_server = wanted.quota_universe_server;
    options.topic_base = wanted.quota_topic;
    options.topic_per_server = wanted.quota_topic_server;
    // What holds for any number of servers.
    options.universe_unknown = wanted.quota_universe_server;
    options.topic_unknown = wanted.quota_topic_server;
    options.max_factor = wanted.max_pace_percent / 100.0;
    return options;
}

roblox::CurlClientOptions client_options(const RobloxOptions& wanted, std::string_view version) {
    roblox::CurlClientOptions options;
    options.ca_file = wanted.ca_file;
    options.user_agent = "pulse/" + std::string(version);
    return options;
}

roblox::CloudTransportOptions transport_options(const RobloxOptions& wanted) {
    roblox::CloudTransportOptions options;
    options.base_url = wanted.open_cloud_url;
    options.api =
        wanted.open_cloud_api == OpenCloudApi::v1 ? roblox::CloudApi::v1 : roblox::CloudApi::v2;
    return options;
}

roblox::RegistryOptions registry_options(const RobloxOptions& wanted, bool is_shared) {
    roblox::RegistryOptions options;
    options.max_universes = wanted.max_universes;
    if (is_shared) options.resync_interval = kResync;
    return options;
}

std::vector<std::pair<std::string, std::string>> not_loaded_headers() {
    return {{"retry-after", "1"},
            {"x-content-type-options", "nosniff"},
            {"content-security-policy", "default-src 'none'; frame-ancestors 'none'"}};
}

/// Lets nobody in before the registry is loaded: a universe that is not known yet must not look
/// like one that does not exist.
class GatedDialect final : public core::Dialect {
  public:
    GatedDialect(core::Dialect& inner, const std::atomic<bool>& is_open) noexcept
        : inner_(inner), is_open_(is_open) {}

    [[nodiscard]] std::string_view name() const noexcept override { return inner_.name(); }
    [[nodiscard]] std::span<const std::string_view> subprotocols() const noexcept override {
        return inner_.subprotocols();
    }
    [[nodiscard]] bool checks_origin() const noexcept override { return inner_.checks_origin(); }
    [[nodiscard]] std::optional<core::Refusal> admit(const core::OpenRequest& request) override {
        if (is_open_) return inner_.admit(request);
        return core::Refusal{503, std::string(kNotLoaded), "application/json",
                             not_loaded_headers()};
    }
    [[nodiscard]] std::unique_ptr<core::Conversation> open(
        core::Connection& connection, const core::OpenRequest& request) override {
        return inner_.open(connection, request);
    }

  private:
    core::Dialect& inner_;
    const std::atomic<bool>& is_open_;
};

/// The same for a route.
core::Route gated(core::Route route, const std::atomic<bool>& is_open) {
    route.handler = [handler = std::move(route.handler), &is_open](const core::HttpRequest& request,
                                                                   core::HttpResponder responder) {
        if (is_open) return handler(request, std::move(responder));
        core::HttpResponse answer = core::HttpResponse::json(503, std::string(kNotLoaded));
        answer.headers = not_loaded_headers();
        responder.respond(std::move(answer));
    };
    return route;
}

/// UniverseAuthenticator with what it stands in front of.
class StackedAuthenticator final : public core::Authenticator {
  public:
    StackedAuthenticator(std::unique_ptr<core::Authenticator> inner, roblox::AccessBook& book)
        : inner_(std::move(inner)), outer_(*inner_, book) {}

    void authenticate(const core::Credentials& credentials, Done done) override {
        outer_.authenticate(credentials, std::move(done));
    }
    [[nodiscard]] bool is_required() const noexcept override { return outer_.is_required(); }
    [[nodiscard]] core::Identity anonymous() const override { return outer_.anonymous(); }

  private:
    std::unique_ptr<core::Authenticator> inner_;
    roblox::UniverseAuthenticator outer_;
};

}  // namespace

bool is_bridge_enabled(const Config& config) {
    if (config.roblox.enabled) return *config.roblox.enabled;
    if (has_bridge_keys(config.roblox)) return true;
    return is_loopback_only(config);
}

bool is_loopback_only(const Config& config) {
    return is_loopback_host(config.server.host) &&
           std::all_of(config.listeners.begin(), config.listeners.end(),
                       [](const ListenerOptions& each) { return is_loopback_host(each.host); });
}

struct BridgePart::State {
    State(const BridgePartSources& from, std::unique_ptr<roblox::AccessBook> access,
          roblox::KeyVault keys)
        : sources(from),
          wanted(from.config.roblox),
          vault(std::move(keys)),
          book(std::move(access)),
          client(roblox::make_curl_client(from.loop.io(),
                                          client_options(wanted, from.engine.version))),
          transport(roblox::make_cloud_transport(*client, from.clock, transport_options(wanted))),
          budget(roblox::make_rate_governor(governor_options(wanted), from.rng)),
          fanout(from.hub, &from.loop.lane()),
          host(from.loop.lane(),
               std::make_unique<roblox::Bridge>(
                   bridge_options(wanted),
                   roblox::BridgeParts{
                       from.clock, from.rng, *transport, fanout, *budget, &observer, {}})),
          port(host, *transport, from.log),
          alone(from.ownership == nullptr ? core::make_local_ownership() : nullptr),
          owners(alone ? *alone : *from.ownership, port, from.log,
                 [this](roblox::UniverseId universe) {
                     asio::post(sources.loop.io(),
                                [this, universe] { registry.refresh(universe); });
                 }),
          feed(from.broker != nullptr
                   ? std::make_unique<roblox::RegistryFeed>(*from.broker, from.rng)
                   : nullptr),
          registry(registry_options(wanted, feed != nullptr), registry_parts()),
          clients(from.hub, *book),
          dialect(host, *book, clients, dialect_options()),
          gate(dialect, is_loaded),
          sampler(from.engine, from.clock),
          has_rooms(is_rooms_enabled(from.config) && !embedded_rooms_pages().empty()),
          timer(from.loop.io()) {
        observer.registry = &registry;
        if (feed) feed->listen(registry);
    }
    ~State() {
        if (feed) feed->stop();  // it speaks to the registry, which speaks to it
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    /// Bridge and registry each want the other first.
    struct Observer final : roblox::BridgeObserver {
        roblox::UniverseRegistry* registry = nullptr;
        void key_reported(roblox::UniverseId universe, const roblox::KeyReport& report) override {
            registry->key_reported(universe, report);
        }
        void key_used(roblox::UniverseId universe, std::uint64_t key_version) override {
            registry->key_used(universe, key_version);
        }
    };

    [[nodiscard]] roblox::RegistryParts registry_parts() {
        roblox::RegistryParts parts{sources.store, vault,       *book, owners, sources.clock,
                                    sources.rng,   sources.log, {},    {}};
        if (feed) parts.tell = [this](const std::string& name) { feed->tell(name); };
        parts.is_owned = [this](roblox::UniverseId universe) { return owners.owns(universe); };
        return parts;
    }
    [[nodiscard]] roblox::BridgeDialectOptions dialect_options() {
        roblox::BridgeDialectOptions options;
        options.is_elsewhere = [this](roblox::UniverseId universe) {
            const core::Owner owner = owners.owner(universe);
            return !owner.node.empty() && !owner.is_this_node;
        };
        return options;
    }
    void load();
    void loaded(const core::Result<roblox::LoadReport>& result);
    void await_tick();
    [[nodiscard]] roblox::EngineOverview overview() const {
        roblox::EngineOverview now = sampler.overview();
        now.has_rooms = has_rooms;
        return now;
    }

    BridgePartSources sources;
    RobloxOptions wanted;
    roblox::KeyVault vault;
    std::unique_ptr<roblox::AccessBook> book;
    Observer observer;
    std::unique_ptr<roblox::HttpClient> client;
    std::unique_ptr<roblox::PublishTransport> transport;
    std::unique_ptr<roblox::PublishBudget> budget;
    roblox::HubFanout fanout;
    roblox::BridgeHost host;
    roblox::BridgeHostPort port;
    std::shared_ptr<core::Ownership> alone;  ///< null in a cluster
    roblox::UniverseOwners owners;
    std::unique_ptr<roblox::RegistryFeed> feed;  ///< null without a cluster
    roblox::UniverseRegistry registry;
    roblox::WebClients clients;
    roblox::BridgeDialect dialect;
    std::atomic<bool> is_loaded{false};
    GatedDialect gate;
    RelayPart* relay = nullptr;            ///< null: nothing is carried to other servers
    core::Dialect* shared_gate = nullptr;  ///< the relay's
    EngineSampler sampler;
    const bool has_rooms;
    asio::steady_timer timer;
    std::atomic<bool> is_loading{false};
    mutable std::mutex mutex;
    roblox::BridgeMetrics figures;  ///< of the last tick
    std::string trouble = "the registry is not loaded yet";
};

BridgePart::BridgePart(std::unique_ptr<State> state) : state_(std::move(state)) {}
BridgePart::~BridgePart() = default;

tl::expected<std::unique_ptr<BridgePart>, std::string> BridgePart::make(
    const BridgePartSources& sources, const BridgeKeys& keys) {
    auto vault = roblox::KeyVault::parse(keys.master_keys);
    if (!vault) {
        return tl::unexpected(
            std::string("roblox.master_keys is not a list of name:key with keys of 32 bytes in "
                        "base64url"));
    }
    auto book = roblox::AccessBook::make({keys.api_key}, sources.clock, sources.rng);
    if (!book) return tl::unexpected(std::string("roblox.api_key is empty or too long"));
    return std::unique_ptr<BridgePart>(
        new BridgePart(std::make_unique<State>(sources, std::move(*book), std::move(*vault))));
}

void BridgePart::share(RelayPart& relay) {
    State& s = *state_;
    s.relay = &relay;
    // Conversations also where this server has the universe: they end when it loses it. Requests
    // then need no detour.
    s.shared_gate =
        &relay.share(RelayPart::Universes{s.gate,
                                          [&s](const core::OpenRequest& request) {
                                              return roblox::ownership_key_of(*s.book, request);
                                          },
                                          [&s](const core::HttpRequest& request) {
                                              auto key = roblox::ownership_key_of(*s.book, request);
                                              const auto universe =
                                                  roblox::universe_of_path(request.path);
                                              if (universe && s.owners.owns(*universe)) key.reset();
                                              return key;
                                          },
                                          s.wanted.poll_wait + kRelayPatience});
}

void BridgePart::start() {
    asio::post(state_->sources.loop.io(), [state = state_.get()] {
        state->load();
        state->await_tick();
    });
}

void BridgePart::State::load() {
    if (is_loading.exchange(true)) return;
    registry.load([this](const core::Result<roblox::LoadReport>& result) { loaded(result); });
}

void BridgePart::State::loaded(const core::Result<roblox::LoadReport>& result) {
    const std::lock_guard lock(mutex);
    if (result) {
        trouble.clear();
        is_loaded = true;
    } else {
        const std::string reason = result.error().message();
        // Each second anew: said once.
        if (trouble != reason) {
            sources.log.write(core::LogLevel::error, "registry_unavailable",
                              {{"reason", std::string_view(reason)}});
        }
        trouble = reason;
    }
    is_loading = false;
}

void BridgePart::State::await_tick() {
    timer.expires_after(kTick);
    timer.async_wait([this](const asio::error_code& error) {
        if (error) return;
        sampler.sample();
        {
            const std::lock_guard lock(mutex);
            figures = host.bridge().metrics();
        }
        if (is_loaded) {
            if (feed) feed->tick();
            registry.tick();
        } else {
            load();
        }
        await_tick();
    });
}

std::string BridgePart::obstacle() const {
    const std::lock_guard lock(state_->mutex);
    return state_->trouble.empty() ? std::string() : "roblox: " + state_->trouble;
}

std::vector<core::Route> BridgePart::routes() {
    State& s = *state_;
    roblox::BridgeRouteOptions options;
    options.is_strict = s.wanted.strict_compat;
    std::vector<core::Route> all = roblox::make_admin_routes(
        {*s.book, s.registry, s.owners, s.sources.clock, [&s] { return s.overview(); },
         [&s](roblox::UniverseId universe) { return s.clients.count(universe); }});
    for (core::Route& route : roblox::make_bridge_routes(s.host, *s.book, s.clients, options)) {
        all.push_back(std::move(route));
    }
    for (core::Route& route : all) {
        if (route.path.starts_with("/universe")) route = gated(std::move(route), s.is_loaded);
    }
    if (s.relay != nullptr) all = s.relay->wrap_universes(std::move(all));
    return all;
}

std::vector<core::Route> BridgePart::fallback_routes() {
    return roblox::make_fallback_routes(*state_->book);
}

std::vector<std::pair<std::string, core::Dialect*>> BridgePart::dialects() {
    core::Dialect* const dialect = state_->shared_gate != nullptr
                                       ? state_->shared_gate
                                       : static_cast<core::Dialect*>(&state_->gate);
    return {{std::string(roblox::kConnectPath), dialect},
            {std::string(roblox::kConnectPathPlural), dialect}};
}

std::unique_ptr<core::Authenticator> BridgePart::with_tokens(
    std::unique_ptr<core::Authenticator> inner) {
    return std::make_unique<StackedAuthenticator>(std::move(inner), *state_->book);
}

core::Metrics::Token BridgePart::add_metrics(core::Metrics& metrics) {
    return metrics.add_collector([state = state_.get()](std::vector<core::MetricFamily>& out) {
        {
            const std::lock_guard lock(state->mutex);
            append_bridge_metrics(out, state->figures, state->clients.count());
        }
        append_owner_metrics(out, state->owners.stats());
        append_key_states(out, state->registry);
    });
}

void BridgePart::shut_down(std::chrono::milliseconds within, std::function<void()> done) {
    asio::post(state_->sources.loop.io(), [this, within, done = std::move(done)] {
        state_->timer.cancel();
        state_->host.shut_down(within, [state = state_.get(), done](bool) {
            state->owners.give_back();
            done();
        });
    });
}

}  // namespace pulse::server
