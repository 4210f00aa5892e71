// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Links Mesa: two servers and a dispatcher on a bus in the process, without a socket.
#include <cstdio>

#include <pulse/core/clock.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/mesa.hpp>

namespace core = pulse::core;
namespace mesa = pulse::mesa;

int main() {
    core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    core::Hub hub({}, {clock, rng, log});
    mesa::ServerConfig config;
    config.bus = mesa::make_memory_bus();
    mesa::Server server(hub, config);
    mesa::Dispatcher dispatcher(config.bus);
    bool is_published = false;
    dispatcher.dispatch(mesa::Message(0, R"({"x":1})", "T"), {"A"}, {},
                        [&](std::error_code error) { is_published = !error; });
    // hiredis and Asio come along, though no header names them.
    const auto address = pulse::redis::parse_address("redis://127.0.0.1:6379/1");
    if (!is_published || !address || server.dialect().name() != "mesa") return 1;
    std::puts("mesa works");
    return 0;
}
