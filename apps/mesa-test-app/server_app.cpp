// SPDX-License-Identifier: MIT OR Apache-2.0
#include "apps.hpp"
#include "options.hpp"

#include <chrono>
#include <csignal>
#include <list>
#include <memory>
#include <stdexcept>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/core/clock.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/mesa.hpp>
#include <pulse/transport/loop.hpp>
#include <pulse/transport/server.hpp>

namespace pulse::mesa_test {

namespace {

using mesa::Client;
using mesa::ClientPtr;
using mesa::Message;

constexpr std::size_t kMaxFrameBytes = std::size_t{100} * 1024 * 1024;
constexpr std::chrono::milliseconds kDrainTime{1'500};

Json id_of(const Client& client) { return client.id() ? parse(client.id()->to_json()) : Json(); }

void put_client_id(Json& event, const Client& client) {
    if (client.id()) event["client_id"] = id_of(client);
}

/// Reports every hook.
class ReportingMiddleware final : public mesa::Middleware {
  public:
    void on_connection(const ClientPtr& client) override {
        print_event("mw_onConnection", {{"is_client", client != nullptr}});
    }
    void on_disconnection(const ClientPtr&, std::uint16_t code, std::string_view) override {
        print_event("mw_onDisconnection", {{"code", code}});
    }
    void on_message_received(const Message& message, const ClientPtr&) override {
        print_event("mw_onMessageReceived", type_of(message));
    }
    void on_message_sent(const Message& message, std::span<const ClientPtr> clients,
                         bool is_from_this_replica) override {
        Json event = type_of(message);
        event["count"] = clients.size();
        event["fromCurrentReplica"] = is_from_this_replica;
        print_event("mw_onMessageSent", event);
    }
    void on_authenticated(const ClientPtr& client) override {
        print_event("mw_onAuthenticated", {{"id", id_of(*client)}});
    }
    void on_undeliverable_message_sent(const Message& message,
                                       std::span<const mesa::Id> ids) override {
        Json event = type_of(message);
        event["ids"] = Json::array();
        for (const mesa::Id& id : ids) event["ids"].push_back(parse(id.to_json()));
        print_event("mw_onUndeliverableMessageSent", event);
    }
    void on_redeliver_undeliverable_messages(std::span<const Message> messages,
                                             const ClientPtr& client) override {
        print_event("mw_onRedeliverUndeliverableMessages",
                    {{"count", messages.size()}, {"id", id_of(*client)}});
    }
    void on_portal_join(std::string_view id) override {
        print_event("mw_onPortalJoin", {{"id", id}});
    }
    void on_portal_leave(std::string_view id) override {
        print_event("mw_onPortalLeave", {{"id", id}});
    }
    void on_error(const mesa::ErrorEvent&, const ClientPtr&) override { print_event("mw_onError"); }

  private:
    static Json type_of(const Message& message) {
        Json event = Json::object();
        if (message.type) event["t"] = *message.type;
        return event;
    }
};

class ServerApp {
  public:
    ServerApp(const Json& options, const Json& app)
        : app_(read_app_options(app)),
          options_(read_server_options(options)),
          hub_({}, {clock_, rng_, log_}),
          loop_(io_, hub_),
          listeners_(hub_, {&loop_}, connection_options()),
          signals_(io_),
          end_timer_(io_) {
        // The bus is the server's alone: it ends before the loop that it runs on.
        mesa::ServerConfig config = options_.config;
        if (const auto redis = read_redis(options, app)) {
            config.bus = mesa::make_redis_bus(io_, *redis, rng_, log_);
        }
        mesa_ = std::make_unique<mesa::Server>(hub_, std::move(config));
        listen_to_events();
    }

    int run() {
        listen();
        if (options_.exits_gracefully) {
            for (const int signal : {SIGTERM, SIGINT, SIGQUIT}) signals_.add(signal);
            signals_.async_wait([this](const asio::error_code& error, int) {
                if (!error) end();
            });
        }
        reader_ = std::make_shared<CommandReader>(
            io_, [this](const Json& command) { handle(command); }, [this] { end(); });
        reader_->start();
        mesa_->when_ready([] { print({{"ready", true}}); });
        io_.run();
        return 0;
    }

  private:
    [[nodiscard]] static transport::ConnectionOptions connection_options() {
        transport::ConnectionOptions options;
        options.max_frame_bytes = kMaxFrameBytes;
        options.max_message_bytes = kMaxFrameBytes;
        // Silence is the affair of the protocol's own heartbeats.
        options.ping_interval = std::chrono::milliseconds{0};
        options.idle_timeout = std::chrono::milliseconds{0};
        options.outbox.max_bytes = 2 * kMaxFrameBytes;
        options.allowed_origins = {"*"};
        return options;
    }

    void listen() {
        transport::Mounts mounts;
        mounts.dialects.emplace_back("*", &mesa_->dialect());
        auto router = std::make_shared<transport::HttpRouter>();
        router->add(mesa::make_upgrade_required_route());
        mounts.routes = std::move(router);
        const auto listener = listeners_.listen({.port = options_.port}, mounts);
        if (!listener) throw std::runtime_error("cannot listen: " + listener.error().message());
        // Where names stand for either family; a machine without the second does without.
        (void)listeners_.listen({.host = "::1", .port = (*listener)->port()}, mounts);
    }

    void listen_to_events() {
        mesa_->on_connection([this](const ClientPtr& client) {
            print_event("connection");
            greet(client);
        });
        mesa_->on_disconnection([](const ClientPtr&, std::uint16_t code, std::string_view reason) {
            print_event("disconnection", {{"code", code}, {"reason", reason}});
        });
        mesa_->on_error([](const mesa::ErrorEvent& error, const ClientPtr&) {
            print_event("server_error", {{"message", error.text}});
        });
        if (app_.has_middleware) mesa_->use(std::make_shared<ReportingMiddleware>());
    }

    void greet(const ClientPtr& shared) {
        Client* const client = shared.get();
        if (app_.has_authentication) {
            client->authenticate([this](std::string_view data, mesa::AuthDone done) {
                authenticate(parse(std::string(data)), std::move(done));
            });
        }
        client->on_message([client](const Message& message) {
            Json event = Json::object();
            put_message(event, message);
            put_client_id(event, *client);
            print_event("message", event);
            act_on(*client, message);
        });
        client->on_disconnect([client](std::uint16_t code, std::string_view reason) {
            Json event{{"code", code}, {"reason", reason}};
            put_client_id(event, *client);
            print_event("disconnect", event);
        });
        client->on_error([](const mesa::ErrorEvent& error) {
            print_event("client_error", {{"message", error.text}});
        });
    }

    void authenticate(const Json& data, mesa::AuthDone done) {
        const Json given = data.is_object() ? data : Json::object();
        if (given.value("delay_ms", Json()).is_number()) {
            auto timer = std::make_shared<asio::steady_timer>(
                io_, std::chrono::milliseconds(given["delay_ms"].get<std::int64_t>()));
            auto shared = std::make_shared<mesa::AuthDone>(std::move(done));
            timer->async_wait([this, timer, given, shared](const asio::error_code& error) {
                if (!error) decide(given, std::move(*shared));
            });
            return;
        }
        decide(given, std::move(done));
    }

    /// As ECMAScript sees it.
    [[nodiscard]] static bool is_true(const Json& value) {
        if (value.is_null()) return false;
        if (value.is_boolean()) return value.get<bool>();
        if (value.is_number()) return value.get<double>() != 0;
        return !value.is_string() || !value.get<std::string>().empty();
    }

    void decide(const Json& data, mesa::AuthDone done) {
        if (is_true(data.value("hang", Json()))) {
            hanging_.push_back(std::move(done));
            return;
        }
        if (is_true(data.value("fail", Json()))) return done.fail();
        mesa::AuthResult result;
        Json user = Json::object();
        std::string name = "Nundefined";
        if (data.contains("id")) {
            const Json& id = data["id"];
            result.id = mesa::Id::from_json(id.dump());
            user["id"] = id;
            name = "N" + (id.is_string() ? id.get<std::string>() : id.dump());
        }
        user["name"] = name;
        if (!is_true(data.value("nouser", Json()))) result.user = user.dump();
        done(std::move(result));
    }

    static void act_on(Client& client, const Message& message) {
        if (!message.type) return;
        const auto answer = [&message](std::string data) {
            return Message(0, std::move(data), message.type);
        };
        if (*message.type == "ECHO") {
            client.send(answer(message.data));
        } else if (*message.type == "ECHO_DIRECT") {
            client.send_direct(answer(message.data));
        } else if (*message.type == "WHO") {
            const Json who{{"id", id_of(client)}, {"authenticated", client.is_authenticated()}};
            client.send_direct(answer(who.dump()));
        } else if (*message.type == "KICK") {
            const Json data = parse(message.data);
            const bool has_code = data.is_object() && data.value("code", Json()).is_number();
            client.disconnect(has_code ? std::optional(data["code"].get<std::uint16_t>())
                                       : std::nullopt);
        } else if (*message.type == "UPDATE") {
            const Json data = parse(message.data);
            mesa::AuthResult result;
            if (data.is_object() && data.contains("id")) {
                result.id = mesa::Id::from_json(data["id"].dump());
            }
            result.user = "{}";
            client.update_user(std::move(result));
        }
    }

    void handle(const Json& command) {
        if (command.contains("send")) {
            mesa_->send(read_message(command["send"]), read_recipients(command),
                        read_ids(command, "excluding"));
        } else if (command.contains("close")) {
            close();
        }
    }

    /// The close method: clients and listeners go, the process stays.
    void close() {
        mesa_->close();
        if (std::exchange(is_drained_, true)) return;
        listeners_.drain(std::chrono::milliseconds{0}, kDrainTime, [] {});
    }

    void end() {
        if (std::exchange(is_ending_, true)) return;
        reader_->stop();
        mesa_->shut_down([this] {
            // On any thread's turn; this application has one.
            if (is_drained_) return finish();
            is_drained_ = true;
            listeners_.drain(std::chrono::milliseconds{0}, kDrainTime, [this] { finish(); });
        });
        end_timer_.expires_after(2 * kDrainTime);
        end_timer_.async_wait([this](const asio::error_code& error) {
            if (!error) io_.stop();
        });
    }

    void finish() { io_.stop(); }

    const AppOptions app_;
    ServerOptions options_;
    asio::io_context io_{1};
    core::SystemClock clock_;
    core::SystemRng rng_;
    ErrorLog log_;
    core::Hub hub_;
    transport::Loop loop_;
    std::unique_ptr<mesa::Server> mesa_;
    transport::Server listeners_;
    asio::signal_set signals_;
    asio::steady_timer end_timer_;
    std::shared_ptr<CommandReader> reader_;
    std::list<mesa::AuthDone> hanging_;
    bool is_ending_ = false;
    bool is_drained_ = false;
};

}  // namespace

int run_server(const Json& options, const Json& app) {
    ServerApp server(options, app);
    return server.run();
}

}  // namespace pulse::mesa_test
