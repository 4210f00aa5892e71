// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Owners that change while somebody is on the way to them, and ways that are full.
#include "echo_cluster.hpp"
#include "relay/remote_connection.hpp"

#include <future>

#include <asio/post.hpp>

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

/// What the loops of all nodes have to do is done, and what that leads to on the others.
void run_loops(EchoCluster& c) {
    for (int i = 0; i < 5; ++i) {
        for (EchoNode& node : c.nodes) {
            std::promise<void> done;
            asio::post(node.loop.io(), [&done] { done.set_value(); });
            done.get_future().wait();
        }
    }
}

}  // namespace

TEST_CASE("what waited for room and what was sent just before it are told apart",
          "[cluster][relay]") {
    auto options = quick_options();
    options.window_bytes = 50'000;
    options.node_timeout = 10s;
    EchoCluster c(options);
    const std::size_t on = std::hash<std::string_view>{}("k") % 2;  // where those of b are
    auto owner = c.join(0, "k", on);
    auto quick = c.join(1, "k");
    auto slow = c.join(1, "k");
    core::Lane& lane = *c.nodes[0].hub.lanes()[on];
    // The way to b is full, and one of its clients waits for that.
    c.net.hold("b");
    const std::string to_all = "all:" + std::string(60'000, 'x');
    CHECK(c.ask(*owner, to_all) == Lines{to_all});
    REQUIRE(c.becomes([&] { return c.net.held("b") != 0; }));
    slow->say("first");
    REQUIRE(c.becomes([&] { return c.nodes[0].echo.received_bytes == to_all.size() + 5; }));
    // There is room again after the lane has looked for what others want of it, and before the
    // other client is written to.
    quick->say("for one");
    c.nodes[1].turn();
    run_loops(c);
    lane.post([&] {
        slow->say("for two");
        c.nodes[1].turn();
        run_loops(c);
        c.net.let_go("b");
        run_loops(c);
        c.nodes[1].turn();
        run_loops(c);
    });
    lane.begin_turn();
    lane.flush();
    CHECK(c.read(*quick, 2) == Lines{to_all, "text for one"});
    CHECK(c.read(*slow, 3) == Lines{to_all, "text first", "text for two"});
}

TEST_CASE("a client is asked for anew though its last question is not answered",
          "[cluster][relay]") {
    EchoCluster c;
    auto owner = c.join(0, "k");
    auto owner_too = c.join(0, "l");
    auto bystander = c.join(1, "l");
    c.net.hold("a");
    auto peer = c.connect(1, "key=k");
    peer->say("early");
    REQUIRE(c.becomes([&] { return c.net.held("a") != 0; }));
    c.owners->hide("k", "b");
    SECTION("of the same owner, who is known again") {
        c.owners->show("k", "b");
        run_loops(c);
        c.net.let_go("a");
        CHECK(c.read(*peer, 2) == Lines{"a /websocket?key=k 127.0.0.1 head", "text early"});
        CHECK(c.ask(*peer, "x") == Lines{"text x"});
        CHECK(c.becomes([&] { return c.nodes[0].relay->stats().hosted == 2; }));
        peer->drop();
    }
    SECTION("or given up, if nobody is") {
        run_loops(c);
        c.net.let_go("a");
        CHECK(c.becomes([&] { return peer->close_code == 1013; }));
    }
    // Nothing of it stays, and nobody else noticed.
    CHECK(c.becomes([&] { return c.nodes[0].relay->stats().hosted == 1; }));
    CHECK(c.ask(*bystander, "x") == Lines{"text x"});
    for (const EchoNode& node : c.nodes) CHECK(node.relay->stats().losses_total == 0);
}

TEST_CASE("a client hears nothing of an owner that has lost it before it was let in",
          "[cluster][relay]") {
    EchoCluster c(quick_options(), 3);
    auto owner = c.join(0, "k");
    auto next = c.join(2, "k");
    c.net.hold("b");
    auto peer = c.connect(1, "key=k");
    REQUIRE(c.becomes([&] { return c.nodes[0].relay->stats().hosted == 2; }));
    c.owners->move("k", "c");
    REQUIRE(c.becomes([&] { return c.nodes[2].relay->stats().hosted == 1; }));
    c.net.let_go("b");
    CHECK(c.read(*peer, 1) == Lines{"c /websocket?key=k 127.0.0.1 head"});
    CHECK(c.ask(*peer, "x") == Lines{"text x"});
    CHECK_FALSE(peer->close_code);
    CHECK(c.becomes([&] { return c.nodes[0].relay->stats().hosted == 0; }));
}

TEST_CASE("late word that a key is lost ends nobody who is with its next owner already",
          "[cluster][relay]") {
    EchoCluster c;
    auto owner = c.join(0, "k");
    auto next = c.join(1, "k");
    c.owners->move("k", "b");
    for (RoomPeer* const peer : {owner.get(), next.get()}) {
        REQUIRE(c.becomes([&] { return peer->close_code == 1012; }));
    }
    auto back = c.join(0, "k");
    const auto handovers = c.nodes[0].relay->stats().handovers_total;
    c.nodes[0].relay->drop("k");
    run_loops(c);
    CHECK(c.ask(*back, "x") == Lines{"text x"});
    CHECK_FALSE(back->close_code);
    CHECK(c.nodes[0].relay->stats().handovers_total == handovers);
    // What the dialect may still have of it goes all the same.
    CHECK(c.nodes[0].echo.released() == Lines{"k", "k"});
}

TEST_CASE("a client ends when its key does, whatever its conversation does about it",
          "[cluster][relay]") {
    EchoCluster c;
    auto owner = c.join(0, "k");
    auto near = c.join(0, "k");
    auto far = c.join(1, "k");
    near->say("throw when closing");
    far->say("throw when closing");
    CHECK(c.ask(*far, "x") == Lines{"text x"});
    c.owners->move("k", "b");
    CHECK(c.becomes([&] { return near->close_code.has_value(); }));
    CHECK(c.becomes([&] { return far->close_code.has_value(); }));
    CHECK(c.becomes([&] { return c.nodes[0].relay->stats().hosted == 0; }));
    near->say("y");
    CHECK_FALSE(c.becomes([&] { return !near->take().empty(); }, 50ms));
}

TEST_CASE("a tick that is asked for again and again costs one timer", "[cluster][relay]") {
    TestNet net;
    const auto owners = std::make_shared<TestOwners>();
    RelayNode node(net, *owners, "a", quick_options());
    const cluster::RelayOptions options;
    const auto desk = std::make_shared<cluster::Desk>(*node.hub.lanes()[0], options,
                                                      std::weak_ptr<cluster::Switchboard>{});
    const auto peer = std::make_shared<cluster::Peer>("b");
    cluster::RemoteConnection connection(*desk, peer, 1, {});
    for (int i = 0; i < 1'000; ++i) connection.request_tick(30s);
    CHECK(peer.use_count() < 10);
}
