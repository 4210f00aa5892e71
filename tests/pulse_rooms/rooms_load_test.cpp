// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What one client asks for, however much it is, costs the others of its loop little.
#include "support/catch.hpp"
#include "support/room_fixture.hpp"
#include "support/room_texts.hpp"

#include <algorithm>
#include <string>

using namespace pulse;
using namespace pulse::test;

namespace {

std::string ephemeral(const std::string& id, const std::string& answer) {
    return R"({"type":"ephemeralPoll","data":{"id":")" + id + R"(","answer":")" + answer + R"("}})";
}

/// One turn of a lane; the bytes that it framed as replies and publications.
std::uint64_t turn(RoomFixture& f, std::size_t lane = 0) {
    core::Lane& at = *f.hub.lanes()[lane];
    const auto bytes = [&] {
        return at.stats().reply_bytes.get() + at.stats().delivered_bytes.get();
    };
    const std::uint64_t before = bytes();
    at.begin_turn();
    at.flush();
    return bytes() - before;
}

void make_polls(RoomFixture& f, test::RoomPeer& peer, int count, std::size_t bytes) {
    for (int i = 0; i < count; ++i) {
        peer.say(ephemeral("p" + std::to_string(i), std::string(bytes, 'a')));
    }
    f.run();
}

}  // namespace

TEST_CASE("a large snapshot comes in runs, in front of what was asked behind it", "[rooms][load]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    make_polls(f, *a, 3'000, 400);
    const auto b = f.join("room=r&session=b");
    b->say(R"({"type":"subscribe","data":"ephemeralPoll"})");
    b->say(R"({"type":"profile"})");
    CHECK(b->is_paused);
    std::uint64_t most = 0;
    while (f.hub.lanes()[0]->has_work()) most = std::max(most, turn(f));
    CHECK(most < 600 * 1024);
    const Lines got = b->take();
    REQUIRE(got.size() == 3'001);
    for (std::size_t i = 0; i < 3'000; ++i) {
        REQUIRE(got[i].find("\"p" + std::to_string(i) + "\"") != std::string::npos);
    }
    CHECK(got.back() == profile_of(2, "b"));
    CHECK_FALSE(b->is_paused);
}

TEST_CASE("a refused subscription shows nothing in any of its runs", "[rooms][load]") {
    rooms::RoomsOptions options;
    options.limits.max_subscriptions = 1;
    RoomFixture f(options);
    const auto a = f.join("room=r&session=a");
    make_polls(f, *a, 3'000, 400);
    (void)f.ask(*a, R"({"type":"subscribe","data":"chat"})");
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"ephemeralPoll"})") ==
          Lines{R"({"data":"There are too many subscriptions","type":"error"})"});
}

TEST_CASE("asking for a large snapshot again and again takes turns", "[rooms][load]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    make_polls(f, *a, 1'000, 400);
    const auto b = f.join("room=r&session=b");
    for (int i = 0; i < 100; ++i) b->say(R"({"type":"subscribe","data":"ephemeralPoll"})");
    std::uint64_t most = 0;
    std::size_t lines = 0;
    while (f.hub.lanes()[0]->has_work()) {
        most = std::max(most, turn(f));
        lines += b->take().size();
    }
    CHECK(most < 1024 * 1024);
    CHECK(lines == 100'000);
}

TEST_CASE("a snapshot that waits for the store stays whole when that fails", "[rooms][load]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    make_polls(f, *a, 1'500, 400);
    const auto b = f.join("room=r&session=b", 1);
    f.store.is_held = true;
    f.store.commit_error = make_error_code(core::Error::store_unavailable);
    a->say(counter("1"));
    f.run();
    b->say(R"({"type":"subscribe","data":"ephemeralPoll"})");
    b->say(R"({"type":"profile"})");
    f.run();
    CHECK(b->take().empty());
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    CHECK(b->take().size() == 1'501);
}

TEST_CASE("who lets much wait for the store is not read from, whatever it asks", "[rooms][load]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    make_polls(f, *a, 500, 400);
    const auto b = f.join("room=r&session=b");
    f.store.is_held = true;
    a->say(counter("1"));
    f.run();
    for (int i = 0; i < 50; ++i) b->say(R"({"type":"subscribe","data":"ephemeralPoll"})");
    f.run();
    CHECK(b->is_paused);
    f.store.is_held = false;
    f.store.let_go();
    std::uint64_t most = 0;
    std::size_t lines = 0;
    while (f.hub.lanes()[0]->has_work()) {
        most = std::max(most, turn(f));
        lines += b->take().size();
    }
    CHECK(lines == 25'000);
    CHECK(most < 5 * 1024 * 1024);
    CHECK_FALSE(b->is_paused);
}

TEST_CASE("what has waited leaves in several turns", "[rooms][load]") {
    RoomFixture f;
    const auto w = f.join("room=r&session=w");
    (void)f.ask(*w, R"({"type":"subscribe","data":"chat"})");
    std::vector<std::unique_ptr<test::RoomPeer>> peers;
    for (int i = 0; i < 20; ++i) peers.push_back(f.join("room=r&session=" + std::to_string(i)));
    f.store.is_held = true;
    const std::string chat = R"({"type":"chat","data":")" + std::string(900'000, 'x') + R"("})";
    for (const auto& each : peers) {
        each->say(counter("1"));
        each->say(chat);
    }
    f.run();
    f.store.is_held = false;
    f.store.let_go();
    std::uint64_t most = 0;
    while (f.hub.lanes()[0]->has_work()) most = std::max(most, turn(f));
    CHECK(most < 6 * 1024 * 1024);
    CHECK(w->take().size() == 20);
}

TEST_CASE("a failure spares what is stored and only waits for its turn to leave", "[rooms][load]") {
    RoomFixture f;
    const auto w = f.join("room=r&session=w");
    (void)f.ask(*w, R"({"type":"subscribe","data":"counter"})");
    (void)f.ask(*w, R"({"type":"subscribe","data":"chat"})");
    std::vector<std::unique_ptr<test::RoomPeer>> peers;
    for (int i = 0; i < 12; ++i) peers.push_back(f.join("room=r&session=" + std::to_string(i)));
    f.store.is_held = true;
    const std::string chat = R"({"type":"chat","data":")" + std::string(900'000, 'x') + R"("})";
    for (const auto& each : peers) {
        each->say(counter("1"));
        each->say(chat);
    }
    (void)turn(f);
    REQUIRE(f.store.held() == 1);
    peers[0]->say(counter("100"));
    f.store.let_go();
    (void)turn(f);
    // Part of the first set has left, and the second is under way.
    REQUIRE(f.store.held() == 1);
    const std::size_t left = w->take().size();
    CHECK(left > 0);
    CHECK(left < 24);
    f.store.commit_error = make_error_code(core::Error::store_unavailable);
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    CHECK(w->take().size() == 24 - left);
    CHECK(peers[0]->take().size() == 1);
    f.store.commit_error = {};
    (void)f.ask(*peers[0], counter("1"));
    CHECK(w->take() == Lines{counted("\"13\"")});
}

TEST_CASE("a vote is told to nobody where nobody listens", "[rooms][load]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    (void)f.ask(*a, vote("\"p\"", "\"x\""));
    (void)f.ask(*a, ephemeral("e", "x"));
    CHECK(f.rooms->stats().publications_total == 0);
    const auto b = f.join("room=r&session=b", 1);
    CHECK(f.ask(*b, R"({"type":"subscribe","data":"poll:p"})").size() == 1);
    (void)f.ask(*a, vote("\"p\"", "\"y\""));
    CHECK(f.rooms->stats().publications_total == 1);
    CHECK(b->take() == Lines{R"({"type":"poll","data":{"id":"p","stats":{"y":1}}})"});
    (void)f.ask(*b, R"({"type":"unsubscribe","data":"poll"})");
    (void)f.ask(*a, vote("\"p\"", "\"z\""));
    CHECK(f.rooms->stats().publications_total == 1);
    // The subscription is still on its way to its lane when the vote is given.
    b->say(R"({"type":"subscribe","data":"poll"})");
    a->say(vote("\"p\"", "\"w\""));
    f.run();
    CHECK(b->take().size() == 2);
}

TEST_CASE("the answers of one poll are limited together", "[rooms][limits]") {
    rooms::RoomsOptions options;
    options.limits.max_stats_bytes = 100;
    RoomFixture f(options);
    const auto a = f.join("room=r&session=a");
    const auto b = f.join("room=r&session=b");
    const auto c = f.join("room=r&session=c");
    const Lines refusal{R"({"data":"The poll's answers are too long together","type":"error"})"};
    CHECK(f.ask(*a, vote("\"p\"", '"' + std::string(80, 'x') + '"')) == refusal);
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"poll"})").empty());
    CHECK(f.ask(*a, vote("\"p\"", '"' + std::string(50, 'x') + '"')).size() == 1);
    CHECK(f.ask(*b, vote("\"p\"", "\"yyy\"")) == refusal);
    CHECK(f.ask(*b, vote("\"p\"", "\"yy\"")).empty());
    CHECK(f.ask(*c, vote("\"p\"", "\"yy\"")).empty());
}

TEST_CASE("an id is limited as it is written, too", "[rooms][limits]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    const std::string padded = "1." + std::string(100'000, '0');
    CHECK(f.ask(*a, vote(padded, "\"x\"")) ==
          Lines{R"({"data":"The poll's id or answer is too long","type":"error"})"});
    CHECK(f.ask(*a, R"({"type":"counter","data":{"id":)" + padded + R"(,"value":1}})") ==
          Lines{R"({"data":"The counter's id is too long","type":"error"})"});
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"poll"})").empty());
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"counter"})").empty());
}

TEST_CASE("without memory for a message, those who were to get it are closed", "[rooms][memory]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    const auto b = f.join("room=r&session=b", 1);
    const auto c = f.join("room=r&session=c");
    (void)f.ask(*b, R"({"type":"subscribe","data":"chat"})");
    f.budget.set_limit(f.budget.used() + 100'000);
    a->say(R"({"type":"chat","data":")" + std::string(500'000, 'x') + R"("})");
    f.run();
    CHECK(b->close_code == 1011);
    CHECK_FALSE(c->close_code);
    CHECK(f.hub.lanes()[1]->stats().lost_to_memory.get() == 1);
    const auto& lost = f.hub.lanes()[0]->stats().lost_to_memory;
    CHECK(lost.get() == 0);
    a->say(R"({"type":"login","data":{"n":")" + std::string(60'000, 'x') + R"("}})");
    f.budget.set_limit(1);
    a->say(R"({"type":"profile"})");
    f.run();
    CHECK(a->close_code == 1011);
    CHECK(lost.get() >= 1);
    f.budget.set_limit(0);
}

TEST_CASE("the users of a large room are told in several turns, in order", "[rooms][load]") {
    RoomFixture f;
    std::vector<std::unique_ptr<test::RoomPeer>> peers;
    for (int i = 0; i < 100; ++i) {
        peers.push_back(
            f.join("room=r&session=" + std::to_string(i), static_cast<std::size_t>(i % 2)));
        (void)f.ask(*peers.back(),
                    R"({"type":"login","data":{"n":")" + std::string(10'000, 'x') + R"("}})");
    }
    // A second tab stands beside the first one, and who comes back stands last.
    peers.push_back(f.join("room=r&session=7"));
    peers[3]->drop();
    peers.push_back(f.join("room=r&session=3"));
    std::string users;
    f.rooms->users("r", [&](core::Result<std::string> text) { users = text.value(); });
    std::size_t turns = 0;
    for (; users.empty() && turns < 1'000; ++turns) {
        (void)turn(f, 0);
        (void)turn(f, 1);
        // Who comes and goes meanwhile does no harm.
        if (turns == 4) peers[90]->drop();
        if (turns != 4) continue;
        peers.push_back(std::make_unique<RoomPeer>(*f.hub.lanes()[0], f.rooms->dialect(),
                                                   "room=r&session=late"));
    }
    CHECK(turns > 10);
    const auto list = nlohmann::json::parse(users).at("users");
    std::vector<int> suffixes;
    for (const auto& each : list) suffixes.push_back(each.at("suffix").get<int>());
    std::vector<int> expected;
    for (int i = 1; i <= 100; ++i) {
        if (i == 4 || i == 91) continue;
        expected.push_back(i);
        if (i == 8) expected.push_back(8);
    }
    expected.push_back(4);
    CHECK(suffixes == expected);
}

TEST_CASE("the last tab's many votes leave in several turns", "[rooms][load]") {
    RoomFixture f;
    const auto other = f.join("room=r&session=o");
    auto a = f.join("room=r&session=a");
    make_polls(f, *a, 6'000, 4);
    (void)f.ask(*other, R"({"type":"subscribe","data":"ephemeralPoll"})");
    a->drop();
    (void)turn(f);
    std::size_t removed = other->take().size();
    CHECK(removed <= 1'000);
    // One who comes back meanwhile and votes keeps that vote; of the old ones it has none.
    a = std::make_unique<RoomPeer>(*f.hub.lanes()[0], f.rooms->dialect(), "room=r&session=a");
    std::size_t turns = 0;
    std::string last;
    bool has_voted = false;
    for (; f.hub.lanes()[0]->has_work() && turns < 1'000; ++turns) {
        (void)turn(f);
        const Lines got = other->take();
        CHECK(got.size() <= 1'001);
        for (const std::string& each : got) {
            if (each.find(R"("stats":{})") != std::string::npos) ++removed;
            if (each.find(R"("p5999")") != std::string::npos) last = each;
        }
        if (has_voted || a->take().empty()) continue;
        REQUIRE(removed < 5'999);
        a->say(ephemeral("p5999", "new"));
        a->say(ephemeral("p5999", "newer"));
        has_voted = true;
    }
    CHECK(has_voted);
    CHECK(turns > 5);
    CHECK(removed == 5'999);
    CHECK(last == R"({"type":"ephemeralPoll","data":{"id":"p5999","stats":{"newer":1}}})");
    a->drop();
    f.run();
    CHECK(other->take() == Lines{R"({"type":"ephemeralPoll","data":{"id":"p5999","stats":{}}})"});
}
