// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The bus on a Redis that fails over, by real sentinels.
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/redis_sentinels.hpp"

#include <memory>
#include <string>

#include <asio/io_context.hpp>

#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/mesa/redis.hpp>

namespace {

using namespace pulse;
using namespace std::chrono_literals;

/// A bus, turned by the test, and how often it was heard that the other one speaks.
struct Bus {
    explicit Bus(const test::RedisSentinels& servers) {
        mesa::RedisOptions options;
        options.location = redis::parse_master_location(servers.url()).value();
        options.last_retry = 100ms;
        bus = mesa::make_redis_bus(io, options, rng, log);
        mesa::Bus::Subscriber subscriber;
        subscriber.on_message = [this](std::string_view, std::string_view) { ++heard; };
        subscription = bus->subscribe({"ws"}, std::move(subscriber));
    }

    asio::io_context io{1};
    core::SystemRng rng;
    core::NullLog log;
    std::shared_ptr<mesa::Bus> bus;
    int heard = 0;
    mesa::Bus::Subscription subscription;
};

}  // namespace

TEST_CASE("a bus goes to the master that the sentinels name, with all it has to tell",
          "[mesa][redis][sentinel][fault]") {
    test::RedisSentinels servers;
    Bus one(servers);
    Bus two(servers);
    const auto until = [&](const auto& predicate) {
        return test::eventually(
            [&] {
                one.io.poll();
                two.io.poll();
                return predicate();
            },
            75s);
    };
    const auto hears = [&] {
        const int before = two.heard;
        one.bus->publish("ws", "{}", {});
        return until([&] { return two.heard > before; });
    };
    REQUIRE(until([&] { return one.bus->is_up() && two.bus->is_up(); }));
    one.bus->open_replica("replica");
    one.bus->add_client("replica", "A", [](core::Result<bool>) {});
    one.bus->count_connections("replica", 1);
    const auto knows = [&](std::size_t i) {
        return servers.redis(i).ask("SISMEMBER connected_clients A") == ":1\r\n" &&
               servers.redis(i).ask("GET connected_clients_count") == "$1\r\n1\r\n";
    };
    REQUIRE(until([&] { return knows(0); }));
    CHECK(hears());

    SECTION("killed") { servers.redis(0).kill(); }
    SECTION("silent") { servers.redis(0).pause(); }
    REQUIRE(until([&] { return servers.is_master(1); }));
    REQUIRE(until([&] {
        const std::string there = servers.redis(1).ask("PUBSUB NUMSUB ws");
        return there.ends_with(":2\r\n") && one.bus->is_up() && two.bus->is_up();
    }));
    CHECK(hears());
    CHECK(until([&] { return knows(1); }));
    // Back, and told that it is a replica: nobody is led astray.
    servers.redis(0).resume();
    CHECK(hears());
}
