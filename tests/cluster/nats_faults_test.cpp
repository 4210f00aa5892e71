// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The fault table of faults_test.cpp, on NATS.
#include "scene.hpp"
#include "support/nats_server.hpp"
#include "support/pulse_client.hpp"

#include <deque>
#include <set>

using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

struct NatsBus {
    using Server = NatsServer;
    using Proxy = NatsProxy;
    static std::uint16_t address(const Server& server) { return server.port(); }
};
using NatsScene = Scene<NatsBus>;

std::vector<std::string> read_texts(PulseClient& client, std::size_t n) {
    std::vector<std::string> texts;
    while (texts.size() < n) {
        const Frame frame = client.receive();
        if (frame.type == FrameType::publish) texts.push_back(text_of(frame.payload));
    }
    return texts;
}

}  // namespace

TEST_CASE("two clients on each of three servers on NATS see all that all publish, in one order",
          "[e2e][nats][cluster]") {
    const NatsServer nats;
    std::deque<ServerProcess> servers;
    for (int i = 0; i < 3; ++i) servers.emplace_back(cluster_settings(nats.url()));
    for (const ServerProcess& server : servers) REQUIRE(becomes_ready(server));
    for (const std::string channel : {"plain", "kept"}) {
        std::deque<PulseClient> clients;
        for (const ServerProcess& server : servers) {
            for (int i = 0; i < 2; ++i) clients.emplace_back(server.port()).subscribe(channel);
        }
        constexpr std::size_t kEach = 50;
        for (std::size_t i = 0; i < kEach; ++i) {
            for (std::size_t c = 0; c < clients.size(); ++c) {
                clients[c].send(publication(channel, std::to_string(c) + ":" + std::to_string(i)));
            }
        }
        const auto order = read_texts(clients[0], kEach * clients.size());
        CHECK(std::set<std::string>(order.begin(), order.end()).size() == order.size());
        for (std::size_t c = 1; c < clients.size(); ++c) {
            CHECK(read_texts(clients[c], order.size()) == order);
        }
        for (PulseClient& client : clients) CHECK(client.is_quiet());
    }
}

TEST_CASE("a server whose NATS is not there says so, and why", "[e2e][nats][cluster]") {
    ServerProcess server(cluster_settings("nats://127.0.0.1:1"));
    CHECK(eventually([&] { return readiness(server).body.starts_with("degraded: broker: "); }));
    CHECK(http_get(server.port(), "/healthz").status == 200);
    server.signal(SIGTERM);
    CHECK(server.wait() == exited(0));
}

TEST_CASE("chaos on NATS: a server is killed, and its clients recover on another",
          "[e2e][nats][chaos]") {
    NatsScene scene("NATS, node killed");
    scene.kill_a_server();
}

TEST_CASE("chaos on NATS: it is restarted and has lost its memory", "[e2e][nats][chaos]") {
    NatsScene scene("NATS restarted");
    scene.server.kill();
    scene.pause(300ms);
    scene.server.start();
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps >= 6);
}

TEST_CASE("chaos on NATS: it is paused for longer than servers wait", "[e2e][nats][chaos]") {
    NatsScene scene("NATS paused");
    scene.server.pause();
    scene.pause(2500ms);
    scene.server.resume();
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos on NATS: a server's connection is cut again and again", "[e2e][nats][chaos]") {
    NatsScene scene("NATS, connection cut");
    const auto end = std::chrono::steady_clock::now() + fault_time(1s);
    while (std::chrono::steady_clock::now() < end) {
        scene.proxy().cut();
        std::this_thread::sleep_for(100ms);
    }
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos on NATS: a server cannot reach it for a while", "[e2e][nats][chaos]") {
    NatsScene scene("NATS, server cut off");
    scene.proxy().set_open(false);
    CHECK(eventually([&] { return !scene.is_ready(2); }));
    scene.pause(500ms);
    scene.proxy().set_open(true);
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos on NATS: a server cannot reach it for longer than the history reaches",
          "[e2e][nats][chaos]") {
    NatsScene scene("NATS, history too short", "few");
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

TEST_CASE("chaos on NATS: a server is slow, so that everything waits for it",
          "[e2e][nats][chaos]") {
    NatsScene scene("NATS, slow server");
    scene.servers[1]->signal(SIGSTOP);
    scene.pause(2s);
    scene.servers[1]->signal(SIGCONT);
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}
