// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms inside your own program: browsers connect to /websocket?room=lobby, and your code talks to
// everybody in the room. State lives in this process; with a store of pulse::store it outlives it.
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <system_error>

#include <pulse/core.hpp>
#include <pulse/rooms/rooms.hpp>
#include <pulse/transport.hpp>

namespace core = pulse::core;
namespace rooms = pulse::rooms;
namespace transport = pulse::transport;

int main() {
    const core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    const auto store = core::make_memory_document_store(clock);
    core::Hub hub({}, {clock, rng, log});
    transport::LoopThreads loops(hub, 1);

    rooms::RoomsOptions options;
    options.signing_key = "only for a demonstration";
    rooms::Rooms service(options, hub, *store);
    auto router = std::make_shared<transport::HttpRouter>();
    router->add(rooms::make_room_routes(service, {}));

    transport::Server server(hub, loops.loops());
    loops.start();
    transport::Mounts mounts;
    mounts.dialects.emplace_back("/websocket", &service.dialect());
    mounts.routes = std::move(router);
    const auto listener = server.listen({.port = 8080}, std::move(mounts));
    if (!listener) return std::puts(listener.error().message().c_str()), 1;

    // Done when it is stored; whoever is there, and whoever comes, is told.
    std::promise<std::error_code> stored;
    service.set_config("lobby", R"({"theme":"dark"})",
                       [&stored](std::error_code error) { stored.set_value(error); });
    if (const std::error_code error = stored.get_future().get()) {
        return std::puts(error.message().c_str()), 1;
    }

    std::puts("ws://127.0.0.1:8080/websocket?room=lobby serves; lines of JSON go to everybody");
    char line[256];
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
        rooms::Broadcast message;
        message.type = "news";
        message.data = line;
        if (service.broadcast("lobby", message)) std::puts("that is no JSON");
    }
    // In this order: nobody speaks any more, everything is stored, nothing runs.
    std::promise<void> closed;
    server.drain(std::chrono::milliseconds{0}, std::chrono::seconds{1},
                 [&] { service.drain([&] { store->close([&closed] { closed.set_value(); }); }); });
    closed.get_future().wait();
    loops.stop();
}
