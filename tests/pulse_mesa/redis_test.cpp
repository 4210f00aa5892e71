// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The bus on Redis where there is none: what waits. With one it is tested in redis_bus_test.cpp and
// tests/conversations.
#include "support/catch.hpp"

#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/mesa.hpp>

namespace {

using namespace pulse;
using namespace std::chrono_literals;

/// A port that is taken, but not listened to: connections are refused.
struct ClosedPort {
    ClosedPort() {
        socket.open(asio::ip::tcp::v4());
        socket.bind({asio::ip::make_address("127.0.0.1"), 0});
        port = socket.local_endpoint().port();
    }
    asio::io_context io;
    asio::ip::tcp::socket socket{io};
    std::uint16_t port = 0;
};

TEST_CASE("what waits for a Redis that is away is bounded by number and by size", "[mesa][redis]") {
    ClosedPort closed;
    asio::io_context io{1};
    core::SeededRng rng{1};
    core::NullLog log;
    mesa::RedisOptions options;
    options.location.hosts.front().port = closed.port;
    options.max_queued_commands = 3;
    options.max_queued_bytes = 1'100;
    std::vector<std::error_code> refused;
    const auto note = [&](std::error_code error) { refused.push_back(error); };
    const auto full = mesa::make_error_code(mesa::Error::queue_full);
    {
        const auto bus = mesa::make_redis_bus(io, options, rng, log);
        for (int i = 0; i < 5; ++i) bus->publish("c", "x", note);
        io.run_for(200ms);
        CHECK(refused == std::vector<std::error_code>{full, full});
        CHECK_FALSE(bus->is_up());
    }
    refused.clear();
    const auto bus = mesa::make_redis_bus(io, options, rng, log);
    bus->publish("c", std::string(900, 'x'), note);
    bus->publish("c", std::string(900, 'x'), note);
    bus->publish("c", "x", note);
    io.run_for(200ms);
    CHECK(refused == std::vector<std::error_code>{full});
}

TEST_CASE("presence and farewells do not wait for a Redis that is away", "[mesa][redis]") {
    ClosedPort closed;
    asio::io_context io{1};
    core::SeededRng rng{1};
    core::NullLog log;
    mesa::RedisOptions options;
    options.location.hosts.front().port = closed.port;
    const auto bus = mesa::make_redis_bus(io, options, rng, log);
    bus->open_replica("r");
    std::error_code added;
    std::error_code left;
    bus->add_client("r", "A", [&](core::Result<bool> answer) { added = answer.error(); });
    bus->leave_pool("p", [&](std::error_code error) { left = error; });
    io.run_for(200ms);
    const auto away = mesa::make_error_code(mesa::Error::bus_unavailable);
    CHECK(added == away);
    CHECK(left == away);
}

}  // namespace
