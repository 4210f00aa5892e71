// SPDX-License-Identifier: MIT OR Apache-2.0
#include "apps.hpp"
#include "options.hpp"

#include <csignal>
#include <stdexcept>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <pulse/core/rng.hpp>
#include <pulse/mesa.hpp>

namespace pulse::mesa_test {

int run_dispatcher(const Json& options, const Json& app) {
    const auto redis = read_redis(options, app);
    if (!redis) throw std::runtime_error("a dispatcher needs redis");
    asio::io_context io{1};
    core::SystemRng rng;
    ErrorLog log;
    const auto bus = mesa::make_redis_bus(io, *redis, rng, log);
    mesa::Dispatcher dispatcher(bus, {read_switch(options, "sync")});
    const auto report = [](const mesa::Message& message) {
        return [data = message.data](std::error_code error) {
            if (error) print_event("error", {{"message", error.message()}, {"d", parse(data)}});
        };
    };
    const auto dispatch = [&](const mesa::Message& message, const mesa::Recipients& to,
                              const std::vector<mesa::Id>& excluding) {
        dispatcher.dispatch(message, to, excluding, report(message));
    };
    bool is_ready = false;
    const auto state = bus->subscribe({}, {{}, [&is_ready](bool is_up) {
                                               if (is_up && !is_ready) print({{"ready", true}});
                                               is_ready = is_ready || is_up;
                                           }});
    const auto reader = std::make_shared<CommandReader>(
        io,
        [&](const Json& command) {
            const auto to = read_recipients(command);
            const auto excluding = read_ids(command, "excluding");
            if (command.contains("dispatch")) {
                dispatch(read_message(command["dispatch"]), to, excluding);
            } else if (command.contains("dispatch_many")) {
                for (const Json& each : command["dispatch_many"]) {
                    dispatch(read_message(each), to, excluding);
                }
            } else if (command.contains("event")) {
                const mesa::DispatchEvent event(command["event"].get<std::string>());
                dispatch(event.message(), to, excluding);
            } else if (command.contains("close")) {
                io.stop();
            }
        },
        [&io] { io.stop(); });
    reader->start();
    asio::signal_set signals(io, SIGTERM, SIGINT, SIGQUIT);
    signals.async_wait([&io](const asio::error_code& error, int) {
        if (!error) io.stop();
    });
    io.run();
    return 0;
}

}  // namespace pulse::mesa_test
