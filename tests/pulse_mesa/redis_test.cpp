// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The bus on Redis where there is none: addresses, and what waits. With one it is tested in
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

TEST_CASE("an address says host, port, user, password and database", "[mesa][redis]") {
    const auto full = mesa::parse_redis_address("redis://ada:p%40ss@example.org:6380/3?x=1");
    REQUIRE(full);
    CHECK(full->host == "example.org");
    CHECK(full->port == 6380);
    CHECK(full->username == "ada");
    CHECK(full->password == "p@ss");
    CHECK(full->database == 3);
    CHECK(mesa::parse_redis_address("redis://:secret@h")->password == "secret");
    CHECK(mesa::parse_redis_address("h:1")->port == 1);
    CHECK(mesa::parse_redis_address("")->host == "127.0.0.1");
    CHECK(mesa::parse_redis_address("redis://[::1]:7")->host == "::1");
}

TEST_CASE("what is no address is refused", "[mesa][redis]") {
    for (const char* each : {"redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x",
                             "redis://[::1", "redis://[::1]x", "h h", "redis://%zz@h", "h:1:2"}) {
        CAPTURE(each);
        const auto parsed = mesa::parse_redis_address(each);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error() == mesa::make_error_code(mesa::Error::invalid_address));
    }
    const auto tls = mesa::parse_redis_address("rediss://h");
    REQUIRE_FALSE(tls);
    CHECK(tls.error() == mesa::make_error_code(mesa::Error::not_supported));
}

TEST_CASE("what waits for a Redis that is away is bounded by number and by size", "[mesa][redis]") {
    ClosedPort closed;
    asio::io_context io{1};
    core::SeededRng rng{1};
    core::NullLog log;
    mesa::RedisOptions options;
    options.port = closed.port;
    options.max_queued_commands = 3;
    options.max_queued_bytes = 1'000;
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
    options.port = closed.port;
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
