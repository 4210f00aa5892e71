// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Conversations, on two lanes and with a store that can be made to wait and to fail.
#include "admission.hpp"
#include "digest.hpp"
#include "room.hpp"
#include "support/catch.hpp"
#include "support/room_fixture.hpp"
#include "support/room_texts.hpp"

#include <algorithm>
#include <string>

using namespace pulse;
using namespace pulse::test;

TEST_CASE("config and profile greet a connection, suffixes count up", "[rooms]") {
    RoomFixture f;
    const auto a = f.connect("room=r&session=s1");
    CHECK(a->take() == Lines{R"({"type":"config","data":""})", profile_of(1, "s1")});
    const auto b = f.connect("room=r&session=s2", 1);
    CHECK(b->take() == Lines{R"({"type":"config","data":""})", profile_of(2, "s2")});
    // A second tab keeps the suffix, but the count goes on.
    const auto tab = f.connect("room=r&session=s1", 1);
    CHECK(tab->take().at(1) == profile_of(1, "s1"));
    CHECK(f.connect("room=r&session=s4")->take().at(1) == profile_of(4, "s4"));
    CHECK(a->take().empty());
}

TEST_CASE("nobody is greeted before the session is stored, and nothing is read", "[rooms]") {
    RoomFixture f;
    f.store.is_held = true;
    const auto a = f.connect();
    CHECK(a->is_paused);
    a->say(R"({"type":"subscribe","data":"chat"})");
    a->say(R"({"type":"chat","data":1})");
    f.run();
    CHECK(a->take().empty());
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    const Lines got = a->take();
    REQUIRE(got.size() == 3);
    CHECK(got[2] == R"({"type":"chat","data":{"message":1,"user":{"suffix":1,"properties":{}}}})");
    CHECK_FALSE(a->is_paused);
}

TEST_CASE("the session comes from the query, else from the cookie, else it is new", "[rooms]") {
    RoomFixture f;
    const std::string cookie = rooms::room_id("r") + "_session=a%20b";
    const auto a = f.connect("room=r", 0, {{"cookie", "x=1; " + cookie}});
    CHECK(a->take().at(1) == profile_of(1, "a b"));
    REQUIRE(a->response_headers.size() == 3);
    CHECK(a->response_headers[0].second == cookie + "; SameSite=None; Secure");
    CHECK(a->response_headers[1].second == "a b");
    const auto b = f.connect("room=r&session=q", 0, {{"cookie", cookie}});
    CHECK(b->take().at(1) == profile_of(2, "q"));
    const auto c = f.connect("room=r&session=%0d%0aset-cookie:x");
    CHECK(c->response_headers[1].second == "%0D%0Aset-cookie%3Ax");
    const auto d = f.connect("room=r");
    CHECK(d->response_headers[1].second.size() == 36);
    CHECK(d->response_headers[1].second[14] == '4');
}

TEST_CASE("chat goes to subscribers on every lane, once, and only while they are", "[rooms]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a", 0);
    const auto b = f.join("room=r&session=b", 1);
    const auto other = f.join("room=other", 1);
    other->say(R"({"type":"subscribe","data":"chat"})");
    b->say(R"({"type":"subscribe","data":"chat"})");
    b->say(R"({"type":"subscribe","data":"chat:x"})");
    f.run();
    CHECK(f.ask(*a, R"({"type":"chat","data":{"x": [1e400,"\ud800"]}})").empty());
    CHECK(b->take() ==
          Lines{R"({"type":"chat","data":{"message":{"x": [1e400,"\ud800"]},"user":{"suffix":1,)"
                R"("properties":{}}}})"});
    CHECK(f.ask(*b, R"({"type":"unsubscribe","data":"chat"})").empty());
    (void)f.ask(*a, R"({"type":"chat"})");
    CHECK(b->take().empty());
    CHECK(other->take().empty());
}

TEST_CASE("private properties go to nobody else", "[rooms]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    const auto b = f.join("room=r&session=b", 1);
    b->say(R"({"type":"subscribe","data":"chat"})");
    CHECK(f.ask(*a, R"({"type":"login","data":{"name":"Ann","_s":1}})") ==
          Lines{profile_of(1, "a", R"({"name":"Ann","_s":1})")});
    (void)f.ask(*a, R"({"type":"chat","data":0})");
    CHECK(b->take() == Lines{R"({"type":"chat","data":{"message":0,"user":{"suffix":1,)"
                             R"("properties":{"name":"Ann"}}}})"});
    CHECK(f.ask(*a, R"({"type":"login"})") == Lines{profile_of(1, "a")});
}

TEST_CASE("a vote is published after its commit, in order with the rest", "[rooms]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    const auto b = f.join("room=r&session=b", 1);
    for (const auto* const peer : {a.get(), b.get()}) {
        const_cast<test::RoomPeer*>(peer)->say(R"({"type":"subscribe","data":"chat"})");
    }
    (void)f.ask(*b, R"({"type":"subscribe","data":"poll"})");
    f.store.is_held = true;
    a->say(vote("3", "\"x\""));
    a->say(R"({"type":"chat","data":"behind"})");
    a->say(R"({"type":"profile"})");
    b->say(R"({"type":"chat","data":"free"})");
    f.run();
    // Only what does not depend on the vote is out.
    CHECK(a->take() == Lines{R"({"type":"chat","data":{"message":"free","user":{"suffix":2,)"
                             R"("properties":{}}}})"});
    CHECK(b->take().size() == 1);
    f.store.let_go();
    f.run();
    const Lines got = b->take();
    REQUIRE(got.size() == 2);
    CHECK(got[0] == R"({"type":"poll","data":{"id":3,"stats":{"x":1}}})");
    CHECK(got[1].find("behind") != std::string::npos);
    CHECK(a->take().size() == 2);
    // Whoever subscribes gets the id as text.
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"poll:3"})") ==
          Lines{R"({"type":"poll","data":{"id":"3","stats":{"x":1}}})"});
}

TEST_CASE("a publication goes to those who listened when it took effect", "[rooms]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    f.store.is_held = true;
    a->say(vote("\"p\"", "\"x\""));
    f.run();
    a->say(R"({"type":"subscribe","data":"poll"})");
    a->say(vote("\"p\"", "\"y\""));
    a->say(R"({"type":"unsubscribe","data":"poll"})");
    a->say(vote("\"p\"", "\"z\""));
    f.run();
    CHECK(a->take().empty());
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    CHECK(a->take() == Lines{R"({"type":"poll","data":{"id":"p","stats":{"x":1}}})",
                             R"({"type":"poll","data":{"id":"p","stats":{"y":1}}})"});
}

TEST_CASE("increments that come while one is stored share the next commit, each with its value",
          "[rooms]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    (void)f.ask(*a, R"({"type":"subscribe","data":"counter:c"})");
    const std::size_t before = f.store.commits;
    f.store.is_held = true;
    a->say(counter("17.75"));
    f.run();
    a->say(counter("-15.14"));
    a->say(counter("\"1e0\""));
    a->say(counter("null"));
    a->say(counter("true"));
    a->say(counter("{}"));
    a->say(counter("\"abc\""));
    f.run();
    CHECK(f.store.held() == 1);
    f.store.let_go();
    f.run();
    CHECK(a->take() == Lines{counted("\"17.75\"")});
    f.store.let_go();
    f.run();
    CHECK(a->take() == Lines{counted("\"2.61\""), counted("\"3.61\""), counted("\"3.61\""),
                             counted("\"4.61\"")});
    CHECK(f.store.commits == before + 2);
}

TEST_CASE("what cannot be stored is undone, and those who asked are told", "[rooms]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    const auto b = f.join("room=r&session=b", 1);
    (void)f.ask(*a, counter("5"));
    (void)f.ask(*a, vote("\"p\"", "\"x\""));
    f.store.is_held = true;
    f.store.commit_error = make_error_code(core::Error::store_unavailable);
    a->say(counter("1"));
    f.run();
    a->say(counter("1"));
    a->say(vote("\"p\"", "\"y\""));
    a->say(vote("\"q\"", "\"y\""));
    a->say(R"({"type":"login","data":{"n":1}})");
    b->say(R"({"type":"subscribe","data":"poll"})");
    f.run();
    CHECK(b->take().empty());
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    const Lines told = a->take();
    REQUIRE(told.size() == 5);
    for (const std::string& each : told) {
        CHECK(each.find(R"("type":"error")") != std::string::npos);
    }
    // The snapshot shows what is stored.
    CHECK(b->take() == Lines{R"({"type":"poll","data":{"id":"p","stats":{"x":1}}})"});
    f.store.commit_error = {};
    CHECK(f.ask(*a, R"({"type":"profile"})") == Lines{profile_of(1, "a")});
    (void)f.ask(*b, R"({"type":"subscribe","data":"counter"})");
    (void)f.ask(*a, counter("2"));
    CHECK(b->take() == Lines{counted("\"7\"")});
}

TEST_CASE("a connection that cannot be stored is told why and closed", "[rooms]") {
    RoomFixture f;
    f.store.commit_error = make_error_code(core::Error::store_full);
    const auto a = f.connect();
    REQUIRE(a->close_code == 1013);
    CHECK(a->take() == Lines{R"({"data":"Nothing was changed: the server's store is full",)"
                             R"("type":"error"})"});
    f.store.commit_error = {};
    f.store.read_error = make_error_code(core::Error::store_unavailable);
    const auto b = f.connect("room=unread");
    CHECK(b->close_code == 1013);
    f.store.read_error = {};
    CHECK(f.connect("room=unread")->take().size() == 2);
}

TEST_CASE("state comes back from the store, ephemeral polls and roles do not", "[rooms]") {
    RoomFixture f(signed_options());
    {
        const auto a = f.join("room=r&session=keep");
        (void)f.ask(*a, R"({"type":"login","data":{"name":"Ann","_s":1}})");
        (void)f.ask(*a, vote("\"p\"", "\"yes\""));
        (void)f.ask(*a, counter("2.5"));
        (void)f.ask(*a, R"({"type":"ephemeralPoll","data":{"id":"e","answer":"v"}})");
        become_admin(f, *a);
        (void)f.ask(*a, R"({"type":"config","data":{"a":1}})");
    }
    f.restart();
    const auto b = f.connect("room=r&session=keep");
    CHECK(b->take() == Lines{R"({"type":"config","data":"{\"a\":1}"})",
                             profile_of(1, "keep", R"({"name":"Ann","_s":1})")});
    CHECK(f.ask(*b, R"({"type":"subscribe","data":"poll"})") ==
          Lines{R"({"type":"poll","data":{"id":"p","stats":{"yes":1}}})"});
    CHECK(f.ask(*b, R"({"type":"subscribe","data":"counter"})") == Lines{counted("\"2.5\"")});
    CHECK(f.ask(*b, R"({"type":"subscribe","data":"ephemeralPoll"})").empty());
    CHECK(f.ask(*b, vote("\"p\"", "\"no\"")) ==
          Lines{R"({"type":"poll","data":{"id":"p","stats":{"no":1}}})"});
    CHECK(f.connect("room=r&session=new")->take().at(1) == profile_of(3, "new"));
}

TEST_CASE("more votes than fit a page come back in full", "[rooms][slow]") {
    RoomFixture f;
    constexpr int kVoters = 3'000;
    for (int i = 0; i < kVoters; ++i) {
        const auto peer = f.connect("room=r&session=" + std::to_string(i));
        peer->say(vote("\"p\"", i % 3 == 0 ? "\"x\"" : "\"y\""));
        f.run();
    }
    f.restart();
    const auto a = f.join("room=r&session=1");
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"poll"})") ==
          Lines{R"({"type":"poll","data":{"id":"p","stats":{"x":1000,"y":2000}}})"});
}

TEST_CASE("an ephemeral vote goes with the last tab of its user", "[rooms]") {
    RoomFixture f;
    const auto w = f.join("room=r&session=w", 1);
    (void)f.ask(*w, R"({"type":"subscribe","data":"ephemeralPoll:e"})");
    auto a = f.join("room=r&session=u");
    auto b = f.join("room=r&session=u", 1);
    (void)f.ask(*a, R"({"type":"ephemeralPoll","data":{"id":"e","answer":"x"}})");
    CHECK(w->take() == Lines{R"({"type":"ephemeralPoll","data":{"id":"e","stats":{"x":1}}})"});
    b->drop();
    f.run();
    CHECK(w->take().empty());
    a->say(R"({"type":"close"})");
    f.run();
    CHECK(a->close_code == 1000);
    CHECK(w->take() == Lines{R"({"type":"ephemeralPoll","data":{"id":"e","stats":{}}})"});
}

TEST_CASE("numbers as ECMAScript has them, when the operator wants them", "[rooms]") {
    rooms::RoomsOptions options;
    options.counter_form = rooms::CounterForm::number;
    RoomFixture f(options);
    const auto a = f.join();
    (void)f.ask(*a, R"({"type":"subscribe","data":"counter"})");
    CHECK(f.ask(*a, counter("0.1")) == Lines{counted("0.1")});
    CHECK(f.ask(*a, counter("0.2")) == Lines{counted("0.30000000000000004")});
    CHECK(f.ask(*a, counter("1e21")) == Lines{counted("1e+21")});
    CHECK(f.ask(*a, counter("1e400")) == Lines{counted("null")});
    CHECK(f.ask(*a, R"({"type":"counter","data":0})") ==
          Lines{R"({"type":"counter","data":{"id":"default","value":1}})"});
}

TEST_CASE("input without sense is ignored", "[rooms]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    (void)f.ask(*a, R"({"type":"subscribe","data":"poll"})");
    for (const char* const text :
         {"not json", "", "null", "5", "[]", "{}", R"({"type":5})", R"({"type":"nosuch"})",
          R"({"type":"poll"})", R"({"type":"poll","data":null})",
          R"({"type":"poll","data":{"id":"p"}})", R"({"type":"poll","data":{"answer":"p"}})",
          R"({"type":"poll","data":"p"})", R"({"type":"subscribe","data":["poll"]})",
          R"({"type":"counter","data":5})", R"({"type":"subscribe","data":":x"})"}) {
        CAPTURE(text);
        CHECK(f.ask(*a, text).empty());
    }
    a->conversation->on_message(protocol::as_bytes(R"({"type":"profile"})"),
                                core::MessageKind::binary);
    f.run();
    CHECK(a->take().empty());
    CHECK(f.ask(*a, R"({"type":"profile"})") == Lines{profile_of(1, "a")});
}

TEST_CASE("a ping comes every 25 seconds and does not drift", "[rooms]") {
    RoomFixture f;
    const auto a = f.join();
    REQUIRE(a->tick_after == std::chrono::milliseconds{25'000});
    f.clock.advance(std::chrono::milliseconds{25'100});
    a->conversation->on_tick(f.clock.now());
    f.run();
    CHECK(a->take() ==
          Lines{R"({"type":"ping","data":)" + std::to_string(f.clock.unix_ms()) + "}"});
    CHECK(a->tick_after == std::chrono::milliseconds{24'900});
    // It counts as communication, as what makes no sense does.
    const auto last = [&] {
        std::string users;
        f.rooms->users("r", [&](core::Result<std::string> text) { users = text.value(); });
        f.run();
        return users;
    };
    const auto is_now = [&] {
        return last().find(R"("lastCommunication":)" + std::to_string(f.clock.unix_ms())) !=
               std::string::npos;
    };
    CHECK(is_now());
    f.clock.advance(std::chrono::milliseconds{100});
    CHECK_FALSE(is_now());
    CHECK(f.ask(*a, "no JSON").empty());
    CHECK(is_now());
    a->conversation->on_tick(f.clock.now());
    f.run();
    CHECK(a->take().empty());
}

TEST_CASE("a room without connections leaves memory, and comes back", "[rooms]") {
    RoomFixture f;
    auto a = f.join("room=r&session=a");
    (void)f.ask(*a, counter("1"));
    a->drop();
    f.run();
    CHECK(f.rooms->stats().rooms == 1);
    CHECK(f.rooms->stats().idle_rooms == 1);
    f.clock.advance(std::chrono::seconds{30});
    f.run();
    CHECK(f.rooms->stats().rooms == 1);
    f.clock.advance(std::chrono::seconds{32});
    f.run();
    CHECK(f.rooms->stats().rooms == 0);
    CHECK(f.rooms->stats().unloads_total == 1);
    const auto b = f.join("room=r&session=a");
    CHECK(f.ask(*b, R"({"type":"subscribe","data":"counter"})") == Lines{counted("\"1\"")});
}

TEST_CASE("connection details are those of a trusted proxy, else the operator's", "[rooms]") {
    rooms::RoomsOptions options;
    options.details = {{"latitude", "1.5"}};
    options.detail_headers = {{"country", "x-country"}, {"latitude", "x-lat"}, {"asn", "x-asn"}};
    std::map<std::string, std::string> headers{{"x-country", "FR"}, {"x-asn", "64500"}};
    RoomFixture untrusting(options);
    CHECK(untrusting.connect("room=r&session=a", 0, headers)
              ->take()
              .at(1)
              .find(R"("connectionDetails":{"httpProtocol":"HTTP/1.1","latitude":"1.5",)"
                    R"("longitude":"0"})") != std::string::npos);
    options.trusted_proxies = {"127.0.0.1"};
    RoomFixture trusting(options);
    CHECK(trusting.connect("room=r&session=a", 0, headers)
              ->take()
              .at(1)
              .find(R"("latitude":"1.5","longitude":"0","country":"FR","asn":64500})") !=
          std::string::npos);
}

TEST_CASE("a query is read as a browser's URLSearchParams reads it", "[rooms]") {
    CHECK(rooms::room_of_query("") == "default");
    CHECK(rooms::room_of_query("room=") == "default");
    CHECK(rooms::room_of_query("x=1&room=a+b%26c&room=no") == "a b&c");
    CHECK(rooms::room_of_query("room=100%&y") == "100%");
    CHECK(rooms::room_of_query("room=%zz%4") == "%zz%4");
    CHECK(rooms::room_of_query("room=a%ffb") ==
          "a\xEF\xBF\xBD"
          "b");
    CHECK(rooms::room_of_query("room=Caf%C3%A9") == "Caf\xC3\xA9");
    CHECK(rooms::encode_uri_component("a b/\xC3\xA9!~*'()") == "a%20b%2F%C3%A9!~*'()");
}

TEST_CASE("many clients on two lanes see one order", "[rooms]") {
    RoomFixture f;
    std::vector<std::unique_ptr<test::RoomPeer>> peers;
    for (std::size_t i = 0; i < 6; ++i) {
        peers.push_back(f.join("room=r&session=" + std::to_string(i), i % 2));
        peers.back()->say(R"({"type":"subscribe","data":"chat"})");
        peers.back()->say(R"({"type":"subscribe","data":"counter"})");
    }
    f.run();
    for (int i = 0; i < 300; ++i) {
        test::RoomPeer& peer = *peers[static_cast<std::size_t>(i * 7 % 6)];
        peer.say(i % 3 == 0 ? counter("1") : R"({"type":"chat","data":)" + std::to_string(i) + "}");
        if (i % 11 == 0) f.run();
    }
    f.run();
    const Lines first = peers[0]->take();
    CHECK(first.size() == 300);
    std::vector<std::string> counts;
    std::copy_if(first.begin(), first.end(), std::back_inserter(counts),
                 [](const std::string& line) { return line.find("counter") != std::string::npos; });
    for (std::size_t i = 0; i < counts.size(); ++i) {
        CHECK(counts[i] == counted("\"" + std::to_string(i + 1) + "\""));
    }
    for (std::size_t i = 1; i < peers.size(); ++i) CHECK(peers[i]->take() == first);
}
