// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A realtime server inside your own program: every client that speaks the native protocol can
// connect, and your code publishes to them from any thread.
#include <cstdio>

#include <pulse/core.hpp>
#include <pulse/transport.hpp>

int main() {
    pulse::core::SystemClock clock;
    pulse::core::SystemRng rng;
    pulse::core::NullLog log;
    pulse::core::Hub hub({}, {clock, rng, log});
    pulse::core::native::NativeDialect native(hub, {});
    pulse::transport::LoopThreads loops(hub, 1);
    pulse::transport::Server server(hub, loops.loops());
    loops.start();
    const auto listener = server.listen({.port = 8080}, {.dialects = {{"/ws", &native}}});
    if (!listener) return std::puts(listener.error().message().c_str()), 1;
    std::puts("ws://127.0.0.1:8080/ws serves; each line you type goes to the channel 'news'");
    for (char line[256]; std::fgets(line, sizeof line, stdin) != nullptr;) {
        (void)hub.publish({.channel = "news", .payload = pulse::protocol::as_bytes(line)});
    }
}
