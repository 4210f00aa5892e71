// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A bridge with its routes and its WebSocket on a free port, and an Open Cloud that answers as it
// is told. Time stands still until a test moves it.
#pragma once

#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/mailbox.hpp"
#include "support/ws_client.hpp"

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/roblox/admin_routes.hpp>
#include <pulse/roblox/bridge_dialect.hpp>
#include <pulse/roblox/bridge_host.hpp>
#include <pulse/roblox/bridge_routes.hpp>

namespace pulse::test {

/// Answers each publish at once, 200 unless told otherwise. Thread-safe.
class AnsweringCloud final : public roblox::PublishTransport {
  public:
    void publish(const roblox::CloudPublish& publish, PublishDone done) override {
        int status = 200;
        {
            const std::lock_guard lock(mutex_);
            sent_.emplace_back(publish.real_topic, publish.text);
            if (!script_.empty()) {
                status = script_.front();
                script_.pop_front();
            }
            if (status == kSilence) {
                open_.push_back(std::move(done));
                return;
            }
        }
        done({.http = status});
    }
    void introspect(std::string_view, IntrospectDone done) override { done({}); }

    static constexpr int kSilence = -1;
    void answer_next_with(int status) {
        const std::lock_guard lock(mutex_);
        script_.push_back(status);
    }
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> sent() const {
        const std::lock_guard lock(mutex_);
        return sent_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::pair<std::string, std::string>> sent_;
    std::deque<int> script_;
    std::vector<PublishDone> open_;
};

struct BridgeServerOptions {
    roblox::BridgeOptions bridge{};
    roblox::BridgeRouteOptions routes{};
    roblox::BridgeDialectOptions dialect{};
    roblox::WebClientOptions clients{};
    roblox::Mode mode = roblox::Mode::v0;
    std::vector<std::string> origins{};
    std::size_t loops = 2;
};

class BridgeServer : public EngineCore {
  public:
    static constexpr roblox::UniverseId kGame{2'745'313'133};
    static constexpr roblox::UniverseId kOtherGame{7};
    static constexpr std::string_view kApiKey = "the-api-key-of-tests";

    explicit BridgeServer(BridgeServerOptions options = {})
        : EngineCore({.hub = {.max_channels = 0}}) {
        options.bridge.outbox.linger = std::chrono::milliseconds{0};
        options.bridge.poll_gather = std::chrono::milliseconds{0};
        access = *roblox::AccessBook::make({std::string(kApiKey)}, clock, rng);
        for (const roblox::UniverseId universe : {kGame, kOtherGame}) {
            access->set_universe(universe, options.origins);
        }
        loops_ = std::make_unique<transport::LoopThreads>(hub, options.loops);
        core::Lane& lane = loops_->loops().front()->lane();
        fanout_ = std::make_unique<roblox::HubFanout>(hub, &lane);
        budget_ = roblox::make_rate_governor({}, rng);
        auto bridge = std::make_unique<roblox::Bridge>(options.bridge,
                                                       roblox::BridgeParts{.clock = clock,
                                                                           .rng = rng,
                                                                           .transport = cloud,
                                                                           .web = *fanout_,
                                                                           .budget = *budget_});
        for (const roblox::UniverseId universe : {kGame, kOtherGame}) {
            REQUIRE(bridge->set_universe(universe, {.mode = options.mode,
                                                    .key = roblox::Secret("cloud-key"),
                                                    .key_version = 1,
                                                    .key_owner = 1}));
        }
        host = std::make_unique<roblox::BridgeHost>(lane, std::move(bridge));
        clients = std::make_unique<roblox::WebClients>(hub, *access, options.clients);
        dialect_ =
            std::make_unique<roblox::BridgeDialect>(*host, *access, *clients, options.dialect);
        serve(options);
        web = make_token({roblox::Right::web_read, roblox::Right::web_send});
        game = make_token({roblox::Right::game_send, roblox::Right::game_poll});
    }
    ~BridgeServer() { loops_->stop(); }

    [[nodiscard]] std::uint16_t port() const { return listener_->port(); }

    std::string make_token(roblox::Rights rights, roblox::UniverseId universe = kGame,
                           std::uint64_t expires_at_ms = 0) {
        auto made = roblox::make_token({.label = "test",
                                        .rights = rights,
                                        .universes = {universe},
                                        .expires_at_ms = expires_at_ms},
                                       rng, clock.unix_ms());
        REQUIRE(made.has_value());
        REQUIRE(access->add_token(made->record));
        last_token_id = made->record.id;
        return made->text;
    }

    [[nodiscard]] HttpAnswer request(std::string_view method, std::string_view path,
                                     std::string_view token, std::string_view body = {},
                                     std::string_view header_lines = {}) const {
        std::string text =
            std::string(method) + ' ' + std::string(path) + " HTTP/1.1\r\nhost: localhost\r\n";
        if (!token.empty()) text += "authorization: Bearer " + std::string(token) + "\r\n";
        text += header_lines;
        if (!body.empty()) text += "content-length: " + std::to_string(body.size()) + "\r\n";
        text += "\r\n";
        text += body;
        return http_exchange(port(), text);
    }
    [[nodiscard]] HttpAnswer post(std::string_view name, std::string_view token,
                                  std::string_view body, std::string_view header_lines = {}) const {
        return request("POST", path(name), token, body, header_lines);
    }
    [[nodiscard]] HttpAnswer get(std::string_view name, std::string_view token,
                                 std::string_view header_lines = {}) const {
        return request("GET", path(name), token, {}, header_lines);
    }
    [[nodiscard]] static std::string path(std::string_view name) {
        return "/universe/" + kGame.to_string() + '/' + std::string(name);
    }

    /// A WebSocket that is in its room already: it answers once.
    [[nodiscard]] WsClient connect(std::string_view token, TcpOptions tcp = {},
                                   std::string_view query = {}) const {
        WsClient client(port(),
                        {.path = path("connect") + std::string(query),
                         .header_lines = "authorization: Bearer " + std::string(token) + "\r\n",
                         .tcp = std::move(tcp)});
        client.send_text("ping");
        while (client.read_message(kText) != "pong") {
        }
        return client;
    }
    /// From a game server to web clients, by HTTP.
    void to_web(std::string_view topic, std::string_view message) const {
        const HttpAnswer answer = post("send", game,
                                       R"({"topic":")" + std::string(topic) + R"(","message":)" +
                                           std::string(message) + R"(,"destination":"server"})");
        REQUIRE(answer.body == R"({"success":true})");
    }
    /// Runs on the bridge's loop, and waits for it.
    void on_bridge(std::function<void(roblox::Bridge&)> work) const {
        Mailbox<int> done;
        host->post([&](roblox::Bridge& bridge) {
            work(bridge);
            done.put(1);
        });
        (void)done.take();
    }

    AnsweringCloud cloud;

  private:
    std::unique_ptr<roblox::HubFanout> fanout_;
    std::unique_ptr<roblox::PublishBudget> budget_;

  public:
    std::unique_ptr<roblox::AccessBook> access;
    std::unique_ptr<roblox::BridgeHost> host;
    std::unique_ptr<roblox::WebClients> clients;
    std::string web;  ///< tokens
    std::string game;
    std::string last_token_id;

  private:
    void serve(const BridgeServerOptions& options) {
        server_ = std::make_unique<transport::Server>(hub, loops_->loops());
        transport::HttpRouter router;
        router.add(roblox::make_bridge_routes(*host, *access, *clients, options.routes));
        router.add(roblox::make_fallback_routes(*access));
        transport::Mounts mounts;
        mounts.dialects = {{std::string(roblox::kConnectPath), dialect_.get()},
                           {std::string(roblox::kConnectPathPlural), dialect_.get()},
                           {"/ws", &native}};
        mounts.routes = std::make_shared<const transport::HttpRouter>(std::move(router));
        auto listener = server_->listen({}, std::move(mounts));
        REQUIRE(listener.has_value());
        listener_ = *listener;
        loops_->start();
    }

    // Conversations end with their loops: what they use outlives those.
    std::unique_ptr<roblox::BridgeDialect> dialect_;
    std::unique_ptr<transport::LoopThreads> loops_;
    std::unique_ptr<transport::Server> server_;
    transport::Listener* listener_ = nullptr;
};

}  // namespace pulse::test
