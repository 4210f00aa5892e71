// SPDX-License-Identifier: MIT OR Apache-2.0
#include "apps.hpp"
#include "options.hpp"

#include <chrono>
#include <csignal>
#include <stdexcept>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/core/rng.hpp>
#include <pulse/mesa.hpp>

namespace pulse::mesa_test {

namespace {

constexpr std::chrono::seconds kLeaveTime{2};

void put_client(Json& event, const std::optional<mesa::Id>& client) {
    if (client) event["clientId"] = parse(client->to_json());
}

mesa::PortalListeners make_listeners() {
    mesa::PortalListeners listeners;
    listeners.on_connection = [] { print_event("connection"); };
    listeners.on_authentication = [](const mesa::Id& client) {
        Json event = Json::object();
        put_client(event, client);
        print_event("authentication", event);
    };
    listeners.on_message = [](const mesa::Message& message, const std::optional<mesa::Id>& client) {
        Json event{{"message", Json::object()}};
        put_message(event["message"], message);
        put_client(event, client);
        print_event("message", event);
    };
    listeners.on_disconnection = [](const std::optional<mesa::Id>& client) {
        Json event = Json::object();
        put_client(event, client);
        print_event("disconnection", event);
    };
    listeners.on_error = [](const mesa::ErrorEvent& error) {
        print_event("error", {{"message", error.text}});
    };
    return listeners;
}

}  // namespace

int run_portal(const Json& options, const Json& app) {
    const auto redis = read_redis(options, app);
    if (!redis) throw std::runtime_error("a portal needs redis");
    asio::io_context io{1};
    core::SystemRng rng;
    ErrorLog log;
    mesa::PortalSettings settings;
    if (options.contains("reportAllEvents")) {
        settings.reports_all_events = options["reportAllEvents"].get<bool>();
    }
    mesa::Portal portal(mesa::make_redis_bus(io, *redis, rng, log), rng, make_listeners(),
                        settings);
    portal.start([&portal] { print({{"ready", portal.id()}}); });

    asio::steady_timer deadline(io);
    const auto leave = [&] {
        portal.close([&io](std::error_code) { io.stop(); });
        deadline.expires_after(kLeaveTime);
        deadline.async_wait([&io](const asio::error_code& error) {
            if (!error) io.stop();
        });
    };
    const auto reader = std::make_shared<CommandReader>(
        io,
        [&](const Json& command) {
            if (command.contains("close")) leave();
        },
        leave);
    reader->start();
    asio::signal_set signals(io, SIGTERM, SIGINT, SIGQUIT);
    signals.async_wait([&](const asio::error_code& error, int) {
        if (!error) leave();
    });
    io.run();
    return 0;
}

}  // namespace pulse::mesa_test
