// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The fault table: while three servers with two clients each are under load something breaks, and
// is there again. Then the checker compares what each client got with what was published.
//
//   node killed           SIGKILL of a server; its clients go to another one
//   Redis restarted       its memory is gone
//   Redis paused          SIGSTOP, longer than the servers wait for an answer
//   connection cut        all connections of one server to Redis, again and again
//   server cut off        one server cannot reach Redis for a while
//   slow server           SIGSTOP of a server, longer than Redis' clients are patient
#include "load.hpp"
#include "servers.hpp"
#include "support/catch.hpp"
#include "support/redis_server.hpp"
#include "support/unix_proxy.hpp"

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

/// How long a fault goes on.
std::chrono::milliseconds fault_time(std::chrono::milliseconds in_short) {
    const char* const seconds = std::getenv("PULSE_CHAOS_SECONDS");
    return seconds == nullptr ? in_short : std::chrono::seconds(std::strtol(seconds, nullptr, 10));
}

class Scene {
  private:
    // In front: clients' threads ask for it to their end.
    std::atomic<std::uint16_t> ports_[3]{};
    const std::string name_;

  public:
    RedisServer redis;

  private:
    UnixProxy proxy_;

  public:
    std::vector<std::unique_ptr<ServerProcess>> servers;
    std::vector<std::unique_ptr<Subscriber>> subscribers;
    std::vector<std::unique_ptr<Publisher>> publishers;

    explicit Scene(const std::string& name, const std::string& channel = "kept")
        : name_(name), proxy_(redis.path()) {
        for (std::size_t i = 0; i < 3; ++i) {
            const std::string url = i == 2 ? proxy_.url() : redis.url();
            servers.push_back(std::make_unique<ServerProcess>(cluster_settings(url)));
            REQUIRE(becomes_ready(*servers.back()));
            ports_[i] = servers.back()->port();
        }
        for (std::size_t i = 0; i < 6; ++i) {
            subscribers.push_back(std::make_unique<Subscriber>(
                "client " + std::to_string(i) + " of server " + std::to_string(i / 2), channel,
                [this, i] { return ports_[i / 2].load(); }));
        }
        for (const auto& each : subscribers) {
            REQUIRE(eventually([&] { return each->is_subscribed(); }, 30s));
        }
        for (std::size_t i = 0; i < 3; ++i) {
            publishers.push_back(std::make_unique<Publisher>(
                "p" + std::to_string(i), channel, [this, i] { return ports_[i].load(); }));
        }
        go_on();
    }

    /// Until every publisher has got some acknowledgements more.
    void go_on() {
        std::vector<std::uint64_t> before;
        for (const auto& each : publishers) before.push_back(each->acknowledged());
        for (std::size_t i = 0; i < publishers.size(); ++i) {
            CHECK(eventually([&] { return publishers[i]->acknowledged() >= before[i] + 50; }, 60s));
        }
    }
    void pause(std::chrono::milliseconds in_short) {
        std::this_thread::sleep_for(fault_time(in_short));
    }
    /// Clients of this server go to that one.
    void move_clients(std::size_t from, std::size_t to) { ports_[from] = ports_[to].load(); }
    [[nodiscard]] UnixProxy& proxy() noexcept { return proxy_; }
    [[nodiscard]] bool is_ready(std::size_t i) { return readiness(*servers[i]).status == 200; }

    Verdict finish() {
        go_on();
        Published published;
        for (const auto& each : publishers) each->stop_into(published);
        // Everybody who was told of no gap gets everything.
        for (const auto& each : subscribers) {
            CHECK(eventually(
                [&] {
                    if (each->gaps() != 0) return true;
                    for (const std::string& text : published.acknowledged) {
                        if (!each->has(text)) return false;
                    }
                    return true;
                },
                30s));
        }
        std::vector<Story> stories;
        for (const auto& each : subscribers) stories.push_back(each->stop());
        Verdict verdict = check(stories, published);
        for (const std::string& problem : verdict.problems) FAIL_CHECK(problem);
        CHECK(verdict.publications >= published.acknowledged.size());
        std::cout << "chaos: " << name_ << ": " << published.tried.size() << " published, "
                  << published.acknowledged.size() << " acknowledged, " << verdict.publications
                  << " delivered, " << verdict.recoveries << " recoveries, " << verdict.gaps
                  << " gaps told, " << verdict.problems.size() << " problems\n";
        return verdict;
    }
};

}  // namespace

TEST_CASE("chaos: a server is killed, and its clients recover on another", "[e2e][redis][chaos]") {
    Scene scene("node killed");
    scene.servers[1]->signal(SIGKILL);
    CHECK(scene.servers[1]->wait() == killed_by(SIGKILL));
    scene.pause(200ms);
    scene.move_clients(1, 0);
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
    CHECK(verdict.recoveries >= 2);
}

TEST_CASE("chaos: Redis is restarted and has lost its memory", "[e2e][redis][chaos]") {
    Scene scene("Redis restarted");
    scene.redis.kill();
    scene.pause(300ms);
    scene.redis.start();
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps >= 6);
}

TEST_CASE("chaos: Redis is paused for longer than servers wait", "[e2e][redis][chaos]") {
    Scene scene("Redis paused");
    scene.redis.pause();
    scene.pause(2500ms);
    scene.redis.resume();
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos: a server's connections to Redis are cut again and again", "[e2e][redis][chaos]") {
    Scene scene("connection cut");
    const auto end = std::chrono::steady_clock::now() + fault_time(1s);
    while (std::chrono::steady_clock::now() < end) {
        scene.proxy().cut();
        std::this_thread::sleep_for(70ms);
    }
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos: a server cannot reach Redis for a while", "[e2e][redis][chaos]") {
    Scene scene("server cut off");
    scene.proxy().set_open(false);
    CHECK(eventually([&] { return !scene.is_ready(2); }));
    scene.pause(500ms);
    scene.proxy().set_open(true);
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos: a server cannot reach Redis for longer than the history reaches",
          "[e2e][redis][chaos]") {
    Scene scene("history too short", "few");
    scene.proxy().set_open(false);
    CHECK(eventually([&] { return !scene.is_ready(2); }));
    const std::uint64_t before = scene.publishers[0]->acknowledged();
    CHECK(eventually([&] { return scene.publishers[0]->acknowledged() >= before + 30; }, 30s));
    scene.proxy().set_open(true);
    const Verdict verdict = scene.finish();
    // Both clients of that server, and of the others none.
    CHECK(verdict.gaps >= 2);
    for (std::size_t i = 0; i < 4; ++i) CHECK(scene.subscribers[i]->gaps() == 0);
}

TEST_CASE("chaos: a server is slow, so that everything waits for it", "[e2e][redis][chaos]") {
    Scene scene("slow server");
    scene.servers[1]->signal(SIGSTOP);
    scene.pause(2s);
    scene.servers[1]->signal(SIGCONT);
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}
