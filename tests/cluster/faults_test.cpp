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
#include "scene.hpp"
#include "support/redis_server.hpp"
#include "support/unix_proxy.hpp"

using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

struct RedisBus {
    using Server = RedisServer;
    using Proxy = UnixProxy;
    static std::string address(const Server& server) { return server.path(); }
};
using RedisScene = Scene<RedisBus>;

}  // namespace

TEST_CASE("chaos: a server is killed, and its clients recover on another", "[e2e][redis][chaos]") {
    RedisScene scene("node killed");
    scene.kill_a_server();
}

TEST_CASE("chaos: Redis is restarted and has lost its memory", "[e2e][redis][chaos]") {
    RedisScene scene("Redis restarted");
    scene.server.kill();
    scene.pause(300ms);
    scene.server.start();
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps >= 6);
}

TEST_CASE("chaos: Redis is paused for longer than servers wait", "[e2e][redis][chaos]") {
    RedisScene scene("Redis paused");
    scene.server.pause();
    scene.pause(2500ms);
    scene.server.resume();
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos: a server's connections to Redis are cut again and again", "[e2e][redis][chaos]") {
    RedisScene scene("connection cut");
    const auto end = std::chrono::steady_clock::now() + fault_time(1s);
    while (std::chrono::steady_clock::now() < end) {
        scene.proxy().cut();
        std::this_thread::sleep_for(70ms);
    }
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos: a server cannot reach Redis for a while", "[e2e][redis][chaos]") {
    RedisScene scene("server cut off");
    scene.proxy().set_open(false);
    CHECK(eventually([&] { return !scene.is_ready(2); }));
    scene.pause(500ms);
    scene.proxy().set_open(true);
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos: a server cannot reach Redis for longer than the history reaches",
          "[e2e][redis][chaos]") {
    RedisScene scene("history too short", "few");
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
    RedisScene scene("slow server");
    scene.servers[1]->signal(SIGSTOP);
    scene.pause(2s);
    scene.servers[1]->signal(SIGCONT);
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}
