// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Mesa inside your own program, on a loop of yours: everybody is let in as Ada, what a client sends
// goes to all of Ada's connections, and signals end it in order.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <pulse/core.hpp>
#include <pulse/mesa.hpp>
#include <pulse/transport.hpp>

using namespace std::chrono_literals;

int main() {
    asio::io_context io(1);
    pulse::core::SystemClock clock;
    pulse::core::SystemRng rng;
    pulse::core::NullLog log;
    pulse::core::Hub hub({}, {clock, rng, log});
    pulse::transport::Loop loop(io, hub);

    pulse::mesa::Server mesa(hub, {.heartbeat = {.is_enabled = true}});
    mesa.on_connection([](const pulse::mesa::ClientPtr& client) {
        client->authenticate([](std::string_view, pulse::mesa::AuthDone done) {
            done({.id = "ada", .user = R"({"name":"Ada"})"});
        });
        client->on_message([client = client.get()](const pulse::mesa::Message& message) {
            client->send(message);
        });
    });

    pulse::transport::Server server(hub, {&loop});
    const auto listener = server.listen({.port = 4000}, {.dialects = {{"*", &mesa.dialect()}}});
    if (!listener) return std::puts(listener.error().message().c_str()), 1;

    asio::signal_set signals(io, SIGINT, SIGTERM, SIGQUIT);
    signals.async_wait([&](const asio::error_code& error, int signal) {
        if (error) return;
        mesa.shut_down([&, signal] {
            // The clients are gone, and Redis knows of none: the place for work of your own.
            std::printf("ends by signal %d\n", signal);
            server.drain(0ms, 1s, [&] { io.stop(); });
        });
    });
    std::puts("ws://127.0.0.1:4000 serves; Ctrl-C ends");
    std::fflush(stdout);
    io.run();
}
