// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The bus on a real Redis, in states that are hard to come by with whole servers.
#include "mesa_fixture.hpp"
#include "support/eventually.hpp"
#include "support/redis_server.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

namespace {

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;
using mesa::ClientPtr;

constexpr std::size_t kMaxCommands = 8;

/// A bus on a Redis, turned by the test.
struct Live : MesaFixture {
    [[nodiscard]] std::shared_ptr<mesa::Bus> make_bus() {
        mesa::RedisOptions options;
        options.location.hosts.front().path = redis.path();
        options.last_retry = 20ms;
        options.check_interval = 20ms;
        options.max_queued_commands = kMaxCommands;
        return mesa::make_redis_bus(io, options, rng, log);
    }
    template <typename Predicate>
    [[nodiscard]] bool until(Predicate predicate) {
        return eventually([&] {
            io.poll();
            flush();
            return predicate();
        });
    }
    [[nodiscard]] bool is_answered(const char* command, const char* answer) {
        return until([&] { return redis.ask(command) == answer; });
    }

    RedisServer redis;
    asio::io_context io{1};
};

/// Listens to `ws` and says nothing of whom it serves, as a server of the original.
class Stranger {
  public:
    explicit Stranger(const RedisServer& redis) : fd_(connect_unix(redis.path())) {
        const std::string_view command = "SUBSCRIBE ws\r\n";
        REQUIRE(::send(fd_, command.data(), command.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(command.size()));
    }
    ~Stranger() { ::close(fd_); }
    Stranger(const Stranger&) = delete;
    Stranger& operator=(const Stranger&) = delete;

  private:
    int fd_;
};

/// Whether somebody else may have the id, as Redis sees it.
bool is_elsewhere(Live& live, mesa::Bus& bus, const std::string& id) {
    std::optional<core::Result<bool>> answer;
    bus.add_client("replica", id, [&](core::Result<bool> found) { answer = found; });
    REQUIRE(live.until([&] { return answer.has_value(); }));
    REQUIRE(*answer);
    return **answer;
}

TEST_CASE("a server of the original is seen, however many of ours are on one bus",
          "[mesa][redis]") {
    Live live;
    const auto bus = live.make_bus();
    mesa::ServerConfig config;
    config.bus = bus;
    mesa::Server one(live.hub, config);
    mesa::Server two(live.hub, config);
    bus->open_replica("replica");
    REQUIRE(live.is_answered("SISMEMBER mesa_replicas replica", ":1\r\n"));
    REQUIRE(live.until([&] { return bus->is_up(); }));
    CHECK_FALSE(is_elsewhere(live, *bus, "A"));
    CHECK_FALSE(bus->has_strangers());
    {
        const Stranger stranger(live.redis);
        CHECK(live.until([&] { return bus->has_strangers(); }));
        CHECK(is_elsewhere(live, *bus, "B"));
    }
    CHECK(live.until([&] { return !bus->has_strangers(); }));
    CHECK_FALSE(is_elsewhere(live, *bus, "C"));
}

TEST_CASE("what there was no room to tell Redis of a replica is told when there is",
          "[mesa][redis]") {
    Live live;
    const auto bus = live.make_bus();
    bus->open_replica("replica");
    bus->count_connections("replica", 3);
    bus->add_client("replica", "A", [](core::Result<bool>) {});
    REQUIRE(live.is_answered("SISMEMBER connected_clients A", ":1\r\n"));
    REQUIRE(live.is_answered("GET connected_clients_count", "$1\r\n3\r\n"));
    // Redis forgets everything, and answers nobody who writes: what is sent waits for its answer.
    REQUIRE(live.redis.ask("FLUSHALL") == "+OK\r\n");
    REQUIRE(live.redis.ask("CLIENT PAUSE 600000 WRITE") == "+OK\r\n");
    std::vector<std::error_code> refused;
    for (std::size_t i = 0; i <= kMaxCommands; ++i) {
        bus->publish("x", "y", [&](std::error_code error) {
            if (error) refused.push_back(error);
        });
        live.io.poll();
    }
    REQUIRE(!refused.empty());
    CHECK(refused[0] == mesa::make_error_code(mesa::Error::queue_full));
    // The subscription breaks and is back: all is told anew, but there is no room.
    REQUIRE(live.redis.ask("CLIENT KILL TYPE pubsub") == ":1\r\n");
    REQUIRE(live.until([&] { return !bus->is_up(); }));
    REQUIRE(live.until([&] { return bus->is_up(); }));
    CHECK(live.redis.ask("EXISTS connected_clients") == ":0\r\n");
    REQUIRE(live.redis.ask("CLIENT UNPAUSE") == "+OK\r\n");
    CHECK(live.is_answered("SISMEMBER connected_clients A", ":1\r\n"));
    CHECK(live.is_answered("GET connected_clients_count", "$1\r\n3\r\n"));
    CHECK(live.is_answered("HGET mesa_connections A", "$1\r\n1\r\n"));
}

TEST_CASE("what Redis refuses to be told of a replica is told again", "[mesa][redis]") {
    Live live;
    const auto bus = live.make_bus();
    bus->open_replica("replica");
    REQUIRE(live.is_answered("SISMEMBER mesa_replicas replica", ":1\r\n"));
    // Of another type than it should be.
    REQUIRE(live.redis.ask("SET connected_clients x") == "+OK\r\n");
    std::error_code added;
    bus->add_client("replica", "A", [&](core::Result<bool> answer) { added = answer.error(); });
    REQUIRE(live.until([&] { return static_cast<bool>(added); }));
    CHECK(added == mesa::make_error_code(mesa::Error::bus_refused));
    REQUIRE(live.redis.ask("DEL connected_clients") == ":1\r\n");
    CHECK(live.is_answered("SISMEMBER connected_clients A", ":1\r\n"));
    CHECK(live.is_answered("HGET mesa_connections A", "$1\r\n1\r\n"));
}

TEST_CASE("that Redis is away is heard before what it did not answer", "[mesa][redis]") {
    Live live;
    const auto bus = live.make_bus();
    std::vector<std::string> heard;
    const auto ear = bus->subscribe(
        {"ws"}, {{}, [&](bool is_up) { heard.emplace_back(is_up ? "up" : "down"); }});
    REQUIRE(live.until([&] { return !heard.empty(); }));
    REQUIRE(live.redis.ask("CLIENT PAUSE 600000 WRITE") == "+OK\r\n");
    bus->publish("x", "y", [&](std::error_code error) { heard.push_back(error.message()); });
    bus->publish("x", "z", [&](std::error_code error) { heard.push_back(error.message()); });
    live.io.poll();
    live.redis.kill();
    REQUIRE(live.until([&] { return heard.size() >= 4; }));
    const std::string unanswered = mesa::make_error_code(mesa::Error::bus_unavailable).message();
    CHECK(heard == std::vector<std::string>{"up", "down", unanswered, unanswered});
}

}  // namespace
