// SPDX-License-Identifier: MIT OR Apache-2.0
#include "echo_cluster.hpp"

#include <deque>

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

using Cluster = EchoCluster;

}  // namespace

TEST_CASE("a client whose key is this node's talks to the dialect itself", "[cluster][relay]") {
    Cluster c;
    auto peer = c.connect(0, "key=k");
    CHECK(c.read(*peer, 1) == Lines{"a /websocket?key=k 127.0.0.1 head"});
    CHECK(c.ask(*peer, "x") == Lines{"text x"});
    CHECK_FALSE(peer->is_paused);
    CHECK(c.nodes[0].relay->stats().owned == 1);
    CHECK(c.nodes[0].relay->stats().pieces_sent_total == 0);
    auto without = c.connect(0, "other=k");
    CHECK(without->take().empty());
    CHECK(c.read(*without, 1) == Lines{"a /websocket?other=k 127.0.0.1 head"});
}

TEST_CASE("a client whose key is another node's is carried there", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto peer = c.connect(1, "key=k&more=1", 1);
    // Said before anybody knows whose it is.
    peer->say("early");
    CHECK(c.read(*peer, 2) == Lines{"a /websocket?key=k&more=1 127.0.0.1 head", "text early"});
    CHECK(c.ask(*peer, "x") == Lines{"text x"});
    peer->conversation->on_message(protocol::as_bytes("y"), core::MessageKind::binary);
    CHECK(c.read(*peer, 1) == Lines{"binary y"});
    CHECK_FALSE(peer->is_paused);
    CHECK(c.nodes[1].relay->stats().relayed == 1);
    CHECK(c.nodes[0].relay->stats().hosted == 1);
    peer->drop();
    CHECK(c.becomes([&] { return !c.nodes[0].echo.ended.empty(); }));
    CHECK(c.becomes([&] { return c.nodes[0].relay->stats().hosted == 0; }));
    CHECK(c.nodes[1].relay->stats().relayed == 0);
    CHECK(c.nodes[0].relay->stats().losses_total == 0);
}

TEST_CASE("long messages pass both ways, in pieces", "[cluster][relay]") {
    Cluster c;
    for (EchoNode& node : c.nodes) node.carrier.set_max_bytes(1'000);
    auto owner = c.join(0, "k");
    auto peer = c.join(1, "k");
    const std::string longest(300'000, 'x');
    CHECK(c.ask(*peer, longest) == Lines{"text " + longest});
    CHECK(c.nodes[0].relay->stats().pieces_sent_total > 300);
}

TEST_CASE("many messages keep their order both ways", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto peer = c.join(1, "k");
    Lines expected;
    for (int i = 0; i < 2'000; ++i) {
        peer->say(std::to_string(i));
        expected.push_back("text " + std::to_string(i));
        if (i % 7 == 0) c.turn();
    }
    CHECK(c.read(*peer, expected.size()) == expected);
}

TEST_CASE("the owner closes with its code and text, behind what it said", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto peer = c.join(1, "k");
    CHECK(c.ask(*peer, "close:4001") == Lines{"bye"});
    CHECK(c.becomes([&] { return peer->close_code == 4001; }));
    CHECK(c.becomes([&] { return c.nodes[0].relay->stats().hosted == 0; }));
    REQUIRE(c.nodes[0].echo.ended.size() == 1);
    CHECK(c.nodes[0].echo.ended[0].code == 4001);
    CHECK(c.becomes([&] { return c.nodes[1].relay->stats().relayed == 0; }));
}

TEST_CASE("a conversation that throws costs its own client the connection", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto peer = c.join(1, "k");
    auto other = c.join(1, "k");
    peer->say("throw");
    CHECK(c.becomes([&] { return peer->close_code == 1011; }));
    CHECK(c.ask(*other, "x") == Lines{"text x"});
}

TEST_CASE("a carried connection gets the tick it asked for", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto peer = c.join(1, "k");
    CHECK(c.ask(*peer, "tick") == Lines{"tock"});
}

TEST_CASE("what is for many clients of a node goes there once", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    std::deque<std::unique_ptr<RoomPeer>> peers;
    for (std::size_t i = 0; i < 20; ++i) peers.push_back(c.join(1, "k", i % 2));
    const auto before = c.nodes[0].relay->stats().bytes_sent_total;
    const std::string text = "all:" + std::string(50'000, 'x');
    peers[0]->say(text);
    for (const auto& peer : peers) CHECK(c.read(*peer, 1) == Lines{text});
    const auto sent = c.nodes[0].relay->stats().bytes_sent_total - before;
    CHECK(sent > text.size());
    CHECK(sent < text.size() + 2'000);
    // And in its place among what each gets alone.
    for (const auto& peer : peers) peer->say("1");
    peers[3]->say("all:2");
    for (const auto& peer : peers) peer->say("3");
    for (const auto& peer : peers) {
        const Lines got = c.read(*peer, 3);
        CHECK(got.size() == 3);
        CHECK(std::find(got.begin(), got.end(), "text 1") <
              std::find(got.begin(), got.end(), "text 3"));
    }
}

TEST_CASE("a dialect that does not want a client there is believed here", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "unwanted");
    c.nodes[0].echo.refuses = true;
    auto peer = c.connect(1, "key=unwanted");
    CHECK(c.becomes([&] { return peer->close_code == 1008; }));
    CHECK(c.becomes([&] { return c.nodes[0].relay->stats().hosted == 0; }));
}

TEST_CASE("a key that goes to another node takes nobody along: clients come back to the new owner",
          "[cluster][relay]") {
    Cluster c(quick_options(), 3);
    auto owner = c.join(0, "k");
    auto near = c.join(1, "k");
    auto far = c.join(2, "k");
    c.owners->move("k", "b");
    for (RoomPeer* const peer : {owner.get(), near.get(), far.get()}) {
        CHECK(c.becomes([&] { return peer->close_code == 1012; }));
    }
    CHECK(c.becomes([&] { return c.nodes[0].echo.released() == Lines{"k"}; }));
    owner->drop();
    auto back = c.connect(2, "key=k");
    CHECK(c.read(*back, 1) == Lines{"b /websocket?key=k 127.0.0.1 head"});
    auto again = c.connect(0, "key=k");
    CHECK(c.read(*again, 1) == Lines{"b /websocket?key=k 127.0.0.1 head"});
}

TEST_CASE("an owner begins anew only when what it had is put away", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto other = c.join(1, "k");
    c.nodes[0].echo.holds_back = true;
    c.owners->move("k", "b");
    CHECK(c.becomes([&] { return !c.nodes[0].echo.unreleased().empty(); }));
    c.owners->move("k", "a");
    owner->drop();
    auto back = c.connect(0, "key=k");
    CHECK_FALSE(c.becomes([&] { return !back->take().empty(); }, 100ms));
    c.nodes[0].echo.unreleased().front()();
    CHECK(c.read(*back, 1).size() == 1);
}

TEST_CASE("a key that nobody needs any more is given back after a while", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    owner->drop();
    CHECK(c.becomes([&] { return c.owners->owner_of("k").empty(); }));
    CHECK(c.nodes[0].echo.released() == Lines{"k"});
    CHECK(c.nodes[0].relay->stats().keys == 0);
    CHECK(c.nodes[0].relay->stats().handovers_total == 1);
    auto next = c.connect(1, "key=k");
    CHECK(c.read(*next, 1) == Lines{"b /websocket?key=k 127.0.0.1 head"});
}

TEST_CASE("a node that dies is noticed, and its keys are the next one's", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto peer = c.join(1, "k");
    c.net.cut("a");
    SECTION("by its silence") {
        CHECK(c.becomes([&] { return peer->close_code == 1012; }));
        CHECK(c.nodes[1].relay->stats().losses_total == 1);
        c.owners->bury("a");
    }
    SECTION("or because somebody else gets its keys") {
        c.owners->bury("a");
        CHECK(c.becomes([&] { return peer->close_code == 1012; }));
        CHECK(c.nodes[1].relay->stats().losses_total == 0);
    }
    auto back = c.connect(1, "key=k");
    CHECK(c.read(*back, 1) == Lines{"b /websocket?key=k 127.0.0.1 head"});
}

TEST_CASE("a loss on the way is noticed, and ends what it touched on both sides",
          "[cluster][relay]") {
    Cluster c(quick_options(), 3);
    auto owner = c.join(0, "k");
    auto peer = c.join(1, "k");
    auto other = c.join(2, "k");
    SECTION("by what comes next") {
        c.net.lose("a", 1);
        peer->say("lost");
        c.turn();
        c.turn();
        peer->say("next");
    }
    SECTION("or by a beat") {
        c.net.lose("a", 1);
        peer->say("lost");
    }
    SECTION("on the way back") {
        c.net.lose("b", 1);
        peer->say("x");
    }
    CHECK(c.becomes([&] { return peer->close_code == 1012; }));
    CHECK(c.becomes([&] { return c.nodes[0].relay->stats().hosted == 1; }));
    for (const auto& each : c.nodes[0].echo.ended) CHECK(each.code != 1000);
    CHECK(c.ask(*other, "x") == Lines{"text x"});
    CHECK(c.ask(*owner, "x") == Lines{"text x"});
    peer->drop();
    auto back = c.connect(1, "key=k");
    CHECK(c.read(*back, 1) == Lines{"a /websocket?key=k 127.0.0.1 head"});
    CHECK(c.ask(*back, "x") == Lines{"text x"});
}

TEST_CASE("a carrier that cannot send for a moment costs nothing but time", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto peer = c.join(1, "k");
    c.net.set_down("b", true);
    peer->say("x");
    CHECK_FALSE(c.becomes([&] { return peer->close_code.has_value(); }, 200ms));
    c.net.set_down("b", false);
    CHECK(c.read(*peer, 1) == Lines{"text x"});
    CHECK_FALSE(peer->close_code);
}

TEST_CASE("who finds no owner in time is told to try again", "[cluster][relay]") {
    Cluster c;
    SECTION("nobody has it") {
        c.owners->set_frozen(true);
        auto peer = c.connect(0, "key=k");
        auto asker = c.request(1, "k");
        CHECK(peer->is_paused);
        CHECK(c.becomes([&] { return peer->close_code == 1013; }));
        CHECK(c.becomes([&] { return asker->answer.has_value(); }));
        CHECK(asker->answer->status == 503);
        CHECK(c.nodes[0].relay->stats().timeouts_total == 1);
    }
    SECTION("somebody gets it in time") {
        c.owners->set_frozen(true);
        auto peer = c.connect(0, "key=k");
        CHECK_FALSE(c.becomes([&] { return !peer->take().empty(); }, 100ms));
        c.owners->set_frozen(false);
        CHECK(c.read(*peer, 1).size() == 1);
    }
    SECTION("the owner does not answer") {
        auto owner = c.join(0, "k");
        c.net.cut("a");
        auto peer = c.connect(1, "key=k");
        auto asker = c.request(1, "k");
        CHECK(c.becomes([&] { return peer->close_code == 1013; }));
        CHECK(c.becomes([&] { return asker->answer.has_value(); }));
        CHECK(asker->answer->status == 503);
    }
}

TEST_CASE("a client who leaves while it waits leaves nothing behind", "[cluster][relay]") {
    Cluster c;
    c.owners->set_frozen(true);
    auto peer = c.connect(0, "key=k");
    peer->say("x");
    c.turn();
    peer->drop();
    CHECK(c.becomes([&] { return c.nodes[0].relay->stats().keys == 0; }));
}

TEST_CASE("a client that says more than fits while it waits is closed", "[cluster][relay]") {
    auto options = quick_options();
    options.max_held_bytes = 1'000;
    Cluster c(options);
    c.owners->set_frozen(true);
    auto peer = c.connect(0, "key=k");
    peer->say(std::string(600, 'x'));
    CHECK_FALSE(peer->close_code);
    peer->say(std::string(600, 'x'));
    CHECK(peer->close_code == 1008);
}

TEST_CASE("a dialect that does not read on stops its client, not the others", "[cluster][relay]") {
    auto options = quick_options();
    options.session_window_bytes = 10'000;
    options.window_bytes = 100'000;
    Cluster c(options);
    auto owner = c.join(0, "k");
    auto peer = c.join(1, "k");
    auto other = c.join(1, "k");
    peer->say("pause");
    CHECK(c.becomes([&] {
        if (!peer->is_paused) peer->say("quiet" + std::string(995, 'x'));
        return peer->is_paused;
    }));
    const std::size_t got = c.nodes[0].echo.received_bytes;
    CHECK_FALSE(c.becomes([&] { return c.nodes[0].echo.received_bytes != got; }, 50ms));
    // What comes although it should not is held, in order.
    peer->say("held");
    CHECK(c.ask(*other, "x") == Lines{"text x"});
    CHECK(peer->is_paused);
    SECTION("until it goes on") {
        other->say("go on");
        CHECK(c.read(*peer, 1) == Lines{"text held"});
        CHECK(c.becomes([&] { return !peer->is_paused; }));
    }
    SECTION("and an orderly close waits behind that") {
        peer->conversation->on_close({1000, "", true});
        CHECK_FALSE(c.becomes([&] { return !c.nodes[0].echo.ended.empty(); }, 50ms));
        other->say("go on");
        CHECK(c.becomes([&] { return !c.nodes[0].echo.ended.empty(); }));
        CHECK(c.nodes[0].echo.ended[0].is_clean);
    }
}

TEST_CASE("a node that does not take what is sent is waited for, within bounds",
          "[cluster][relay]") {
    auto options = quick_options();
    options.window_bytes = 50'000;
    options.node_timeout = 10s;
    Cluster c(options);
    // On the lane where those of other nodes are, so that it tells them all.
    auto owner = c.join(0, "k", std::hash<std::string_view>{}("k") % 2);
    std::deque<std::unique_ptr<RoomPeer>> peers;
    for (std::size_t i = 0; i < 3; ++i) peers.push_back(c.join(1, "k"));
    c.net.hold("b");
    Lines expected;
    const auto tell = [&] {
        expected.push_back("all:" + std::to_string(expected.size()) + std::string(5'000, 'x'));
        CHECK(c.ask(*owner, expected.back()) == Lines{expected.back()});
    };
    SECTION("and gets all of it once it does") {
        for (int i = 0; i < 40; ++i) tell();
        CHECK(c.net.held("b") * 5'000 < 100'000);
        c.net.let_go("b");
        for (const auto& peer : peers) CHECK(c.read(*peer, expected.size()) == expected);
        // What waited goes once, too.
        CHECK(c.nodes[0].relay->stats().bytes_sent_total < 40 * 5'500);
    }
    SECTION("or its clients are closed as too slow") {
        core::OutletLimits limits;
        limits.max_bytes = 20'000;
        for (const auto& lane : c.nodes[0].hub.lanes()) lane->set_limits(limits);
        for (int i = 0; i < 40; ++i) tell();
        CHECK(c.becomes([&] { return c.nodes[0].relay->stats().hosted == 0; }));
        c.net.let_go("b");
        for (const auto& peer : peers) {
            CHECK(c.becomes([&] { return peer->close_code.has_value(); }));
            CHECK(*peer->close_code ==
                  protocol::close_info(core::CloseReason::slow_consumer).websocket_code);
        }
    }
}

TEST_CASE("a request is answered by the node that has its key", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto here = c.request(0, "k", "q");
    CHECK(c.becomes([&] { return here->answer.has_value(); }));
    CHECK(here->answer->body == "a GET /echo/k?q body value");
    auto there = c.request(1, "k", "q");
    CHECK(c.becomes([&] { return there->answer.has_value(); }));
    CHECK(there->answer->status == 201);
    CHECK(there->answer->content_type == "text/x");
    CHECK(there->answer->body == "a GET /echo/k?q body value");
    CHECK(there->answer->headers ==
          std::vector<std::pair<std::string, std::string>>{{"x-back", "1"}});
    CHECK(c.nodes[1].relay->stats().requests_total == 1);
    // Without anybody there yet.
    auto alone = c.request(1, "other");
    CHECK(c.becomes([&] { return alone->answer.has_value(); }));
    CHECK(alone->answer->body == "b GET /echo/other? body value");
    CHECK(c.becomes([&] { return c.owners->owner_of("other").empty(); }));
}

TEST_CASE("a request that is not answered in time, or cannot be, is answered all the same",
          "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto silent = c.request(1, "k", "silent");
    auto stream = c.request(1, "k", "stream");
    CHECK(c.becomes([&] { return stream->answer.has_value(); }));
    CHECK(stream->answer->status == 503);
    CHECK(c.becomes([&] { return silent->answer.has_value(); }));
    CHECK(silent->answer->status == 504);
    // Too late.
    REQUIRE(c.nodes[0].kept.size() == 1);
    c.nodes[0].kept.front().respond(core::HttpResponse::text(200, "late"));
    c.turn();
    auto lost = c.request(1, "k", "silent");
    CHECK(c.becomes([&] { return c.nodes[0].kept.size() == 2; }));
    c.net.cut("a");
    CHECK(c.becomes([&] { return lost->answer.has_value(); }));
    CHECK(lost->answer->status == 503);
}

TEST_CASE("an owner who does not know of it yet is asked again", "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    // b hears that a has the key before a does.
    c.nodes[0].relay->drop("k");
    auto peer = c.connect(1, "key=k");
    CHECK(c.becomes([&] { return owner->close_code == 1012; }));
    owner->drop();
    CHECK(c.read(*peer, 1).size() == 1);
}

TEST_CASE("a node that owns by another claim than the relay's serves those of other nodes",
          "[cluster][relay]") {
    auto options = quick_options();
    options.linger = 30s;  // longer than until it is asked again
    Cluster c(options);
    const auto claim = c.nodes[0].ownership->claim("k", [](const core::Owner&) {});
    auto client = c.connect(1, "key=k");
    CHECK(c.read(*client, 1) == Lines{"a /websocket?key=k 127.0.0.1 head"});
    const auto other = c.nodes[0].ownership->claim("l", [](const core::Owner&) {});
    auto asked = c.request(1, "l");
    CHECK(c.becomes([&] { return asked->answer.has_value(); }));
    CHECK(asked->answer->body == "a GET /echo/l? body value");
}

TEST_CASE("a node that ends closes what it carries for others, who find the next owner",
          "[cluster][relay]") {
    Cluster c;
    auto owner = c.join(0, "k");
    auto peer = c.join(1, "k");
    c.nodes[0].relay->drain();
    CHECK(c.read(*peer, 1) == Lines{"closing"});
    CHECK(c.becomes([&] { return peer->close_code == 1012; }));
    peer->drop();
    auto back = c.connect(1, "key=k");
    CHECK_FALSE(c.becomes([&] { return !back->take().empty(); }, 50ms));
    owner->drop();
    CHECK(c.read(*back, 1) == Lines{"b /websocket?key=k 127.0.0.1 head"});
}

TEST_CASE("more keys than there may be are refused", "[cluster][relay]") {
    auto options = quick_options();
    options.max_keys = 1;
    Cluster c(options);
    auto first = c.join(0, "k");
    auto second = c.connect(0, "key=l");
    CHECK(c.becomes([&] { return second->close_code == 1013; }));
    auto asker = c.request(0, "m");
    CHECK(c.becomes([&] { return asker->answer.has_value(); }));
    CHECK(asker->answer->status == 503);
    CHECK(c.ask(*first, "x") == Lines{"text x"});
}
