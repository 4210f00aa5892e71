// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Links core and transport: a publication inside the process, and a listener on the native dialect.
#include <cstdio>

#include <pulse/core.hpp>
#include <pulse/transport.hpp>

namespace core = pulse::core;
namespace transport = pulse::transport;

int main() {
    const core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    core::Hub hub({}, {clock, rng, log});
    core::Router router(hub);

    auto receiver = router.subscribe("consumer", "game:lobby");
    if (!receiver) return 1;
    if (router.publish_to("game:lobby", pulse::protocol::as_bytes("hello")) != 1) return 1;
    if (receiver->try_receive() == nullptr) return 1;

    core::native::NativeDialect dialect(hub, {});
    transport::LoopThreads threads(hub, 1);
    transport::Server server(hub, threads.loops());
    transport::Mounts mounts;
    mounts.dialects.emplace_back("/ws", &dialect);
    const auto listener = server.listen({}, mounts);
    if (!listener || (*listener)->port() == 0) return 1;
    threads.start();
    threads.stop();
    std::puts("engine works");
    return 0;
}
