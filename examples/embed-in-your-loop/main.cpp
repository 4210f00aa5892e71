// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Pulse on an event loop that is yours already: no thread is started, nothing runs unless you run
// your io_context. Your timers, sockets and Pulse's connections share it.
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/core.hpp>
#include <pulse/transport.hpp>

int main() {
    asio::io_context io(1);
    pulse::core::SystemClock clock;
    pulse::core::SystemRng rng;
    pulse::core::NullLog log;
    pulse::core::Hub hub({}, {clock, rng, log});
    pulse::core::native::NativeDialect native(hub, {});
    pulse::transport::Loop loop(io, hub);
    pulse::transport::Server server(hub, {&loop});
    const auto listener =
        server.listen({.port = 8080}, {.dialects = {{"/ws", &native}}, .routes = nullptr});
    if (!listener) return std::puts(listener.error().message().c_str()), 1;

    // Your own work on the same loop: the time, once a second, to whoever listens to "clock".
    asio::steady_timer timer(io);
    std::function<void()> tick = [&] {
        const std::string now = std::to_string(clock.unix_ms());
        (void)hub.publish({.channel = "clock", .payload = pulse::protocol::as_bytes(now)},
                          &loop.lane());
        timer.expires_after(std::chrono::seconds(1));
        timer.async_wait([&](const asio::error_code& error) {
            if (!error) tick();
        });
    };
    tick();

    // Ctrl-C: ask everybody to reconnect elsewhere, then end.
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const asio::error_code&, int) {
        server.drain(std::chrono::milliseconds(0), std::chrono::seconds(5), [&] { io.stop(); });
    });
    std::puts("ws://127.0.0.1:8080/ws, channel 'clock'; Ctrl-C ends");
    io.run();
}
