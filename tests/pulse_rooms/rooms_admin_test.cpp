// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Admins, the server's side, and limits.
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

TEST_CASE("admins prove it with a key that is good once, for this room, for five minutes",
          "[rooms][admin]") {
    RoomFixture f(signed_options());
    const auto a = f.join("room=r&session=a");
    const auto b = f.join("room=r&session=b", 1);
    const std::uint64_t now = f.clock.unix_ms();
    const std::string key = authentication("r", now);
    CHECK(f.ask(*a, authentication("other", now)).empty());
    CHECK(f.ask(*a, authentication("r", now, "wrong")).empty());
    CHECK(f.ask(*a, R"({"type":"authenticate"})").empty());
    CHECK(f.ask(*a, R"({"type":"authenticate","data":{}})").empty());
    CHECK(f.ask(*a, authentication("r", now - 300'001)).at(0) ==
          R"({"data":"Wrong timestamp. Received )" + std::to_string(now - 300'001) +
              " but now is " + std::to_string(now) + R"( Diff is 300001","type":"error"})");
    CHECK(f.ask(*a, R"({"type":"authenticate","data":{"ts":"abc","key":"x"}})")
              .at(0)
              .find("Wrong timestamp. Received abc") != std::string::npos);
    CHECK(f.ask(*a, key) == Lines{profile_of(1, "a", "{}", "admin")});
    // Again by the same connection: no harm, no news.
    CHECK(f.ask(*a, key) == Lines{profile_of(1, "a", "{}", "admin")});
    CHECK(f.ask(*b, key).empty());
    a->drop();
    b->drop();
    f.restart();
    const auto c = f.join("room=r&session=a");
    CHECK(f.ask(*c, key).empty());
    CHECK(f.ask(*c, authentication("r", now + 1)).size() == 1);
}

TEST_CASE("the published example of a signature is accepted", "[rooms][admin]") {
    rooms::RoomsOptions options;
    options.signing_key = "deadbeef";
    RoomFixture f(options);
    f.clock.set_unix_ms(1'631'756'233'000);
    const auto a = f.join("room=testRoom&session=a");
    CHECK(f.ask(*a, R"({"type":"authenticate","data":{"ts":"1631756233699","key":)"
                    R"("89D88bb54565ea81c0d31c817eddba48c2fbbb0414fb4bb87c799bb2e824804a"}})") ==
          Lines{profile_of(1, "a", "{}", "admin")});
}

TEST_CASE("a key for one room is none for another whose name it could be read as",
          "[rooms][admin]") {
    RoomFixture f(signed_options());
    const auto a = f.join("room=demo&session=a");
    const std::string now = std::to_string(f.clock.unix_ms());
    const std::string key = rooms::sha256_hex("demo0" + now + "CHANGEME");
    for (const std::string& ts : {"0" + now, "+" + now, " " + now, now + ".0"}) {
        const Lines got = f.ask(
            *a, R"({"type":"authenticate","data":{"ts":")" + ts + R"(","key":")" + key + R"("}})");
        REQUIRE(got.size() == 1);
        CHECK(got[0].find("Wrong timestamp. Received " + ts) != std::string::npos);
    }
}

TEST_CASE("without a signing key nobody becomes admin", "[rooms][admin]") {
    RoomFixture f;
    const auto a = f.join();
    CHECK(f.ask(*a, authentication("r", f.clock.unix_ms(), "")).empty());
    CHECK(f.ask(*a, authentication("r", f.clock.unix_ms(), "undefined")).empty());
    CHECK(f.ask(*a, R"({"type":"config","data":"x"})").empty());
    CHECK(f.ask(*a, R"({"type":"broadcast","data":{"type":"t"}})").empty());
}

TEST_CASE("an admin broadcasts to all or to subscribers, and relays listen in", "[rooms][admin]") {
    RoomFixture f(signed_options());
    const auto a = f.join("room=r&session=a");
    const auto b = f.join("room=r&session=b", 1);
    const auto c = f.join("room=r&session=c");
    become_admin(f, *a);
    b->say(R"({"type":"subscribe","data":"weather"})");
    c->say(R"({"type":"subscribe","data":"weather:paris"})");
    f.run();
    CHECK(f.ask(*a, R"({"type":"broadcast","data":{"type":"t","data":[1]}})") ==
          Lines{R"({"type":"t","data":[1]})"});
    CHECK(b->take().size() == 1);
    CHECK(c->take().size() == 1);
    (void)f.ask(*a, R"({"type":"broadcast","data":{"to":"weather","type":"w"}})");
    CHECK(b->take() == Lines{R"({"type":"w"})"});
    CHECK(c->take().empty());
    (void)f.ask(*a, R"({"type":"broadcast","data":{"to":"weather:paris","type":"w","data":null}})");
    CHECK(b->take() == Lines{R"({"type":"w","data":null})"});
    CHECK(c->take() == Lines{R"({"type":"w","data":null})"});

    a->say(R"({"type":"relay","data":"report"})");
    a->say(R"({"type":"relay","data":"report"})");
    f.run();
    CHECK(f.ask(*b, R"({"type":"report","data":{"why":[1]}})").empty());
    const std::string profile = profile_of(2, "b");
    CHECK(a->take() ==
          Lines{R"({"data":{"type":"report","data":{"why":[1]},"user":)" +
                profile.substr(25, profile.size() - 26) + R"(},"type":"relay:report"})"});
    // Somebody else's is not theirs to end.
    CHECK(f.ask(*b, R"({"type":"deleteRelay"})").empty());
    (void)f.ask(*b, R"({"type":"report"})");
    CHECK(a->take().size() == 1);
    (void)f.ask(*a, R"({"type":"deleteRelay"})");
    (void)f.ask(*b, R"({"type":"report"})");
    CHECK(a->take().empty());
}

TEST_CASE("what passes a limit is refused with an error and has no effect", "[rooms][limits]") {
    rooms::RoomsOptions options;
    options.limits.max_connections_per_room = 2;
    options.limits.max_room_name_bytes = 5;
    options.limits.max_session_id_bytes = 5;
    options.limits.max_properties_bytes = 20;
    options.limits.max_polls = 1;
    options.limits.max_answers_per_poll = 2;
    options.limits.max_counters = 1;
    options.limits.max_name_bytes = 10;
    options.limits.max_subscriptions = 2;
    options.limits.messages = {100, 100};
    RoomFixture f(options);
    const auto a = f.join("room=r&session=a");
    const auto refused = [&](std::string_view message, std::string_view why) {
        const Lines got = f.ask(*a, message);
        REQUIRE(got.size() == 1);
        CHECK(got[0] == R"({"data":")" + std::string(why) + R"(","type":"error"})");
    };
    refused(R"({"type":"login","data":{"n":"01234567890123456789"}})",
            "The properties are too long");
    (void)f.ask(*a, vote("\"p\"", "\"x\""));
    refused(vote("\"q\"", "\"x\""), "The room has too many polls");
    refused(vote("\"12345678901\"", "1"), "The poll's id or answer is too long");
    (void)f.ask(*a, counter("1"));
    refused(R"({"type":"counter"})", "The room has too many counters");
    refused(counter("1e9999"), "The counter would have too many digits");
    (void)f.ask(*a, R"({"type":"subscribe","data":"x"})");
    (void)f.ask(*a, R"({"type":"subscribe","data":"y"})");
    (void)f.ask(*a, R"({"type":"subscribe","data":"y"})");
    refused(R"({"type":"subscribe","data":"z"})", "There are too many subscriptions");
    refused(R"({"type":"chat","data":)" + std::string(600, '[') + std::string(600, ']') + "}",
            "The message is nested too deeply");
    const auto b = f.join("room=r&session=b");
    const auto full = f.connect("room=r&session=c");
    CHECK(full->close_code == 1013);
    CHECK(full->take() == Lines{R"({"data":"The room is full","type":"error"})"});
    CHECK(f.connect("room=toolong")->close_code == 1008);
    CHECK(f.connect("room=r&session=toolong")->close_code == 1008);
    for (int i = 0; i < 200; ++i) b->say("{}");
    f.run();
    const Lines got = b->take();
    REQUIRE(got.size() == 100);
    CHECK(got[0] == R"({"data":"Too many messages; slow down","type":"error"})");
}

TEST_CASE("rooms and relays are limited, too, and idle rooms give way", "[rooms][limits]") {
    rooms::RoomsOptions options = signed_options();
    options.limits.max_rooms = 2;
    options.limits.max_relays = 1;
    options.limits.max_name_bytes = 5;
    RoomFixture f(options);
    const auto a = f.join("room=r&session=a");
    auto other = f.join("room=other");
    const auto late = f.connect("room=late");
    CHECK(late->close_code == 1013);
    CHECK(late->take() == Lines{R"({"data":"The server has too many rooms","type":"error"})"});
    std::error_code refused;
    f.rooms->set_config("late", "x", [&](std::error_code error) { refused = error; });
    f.run();
    CHECK(refused == core::Error::memory_exhausted);
    other->drop();
    f.run();
    CHECK(f.connect("room=late")->take().size() == 2);
    become_admin(f, *a);
    CHECK(f.ask(*a, R"({"type":"relay","data":"toolong"})") ==
          Lines{R"({"data":"The relay's name is too long","type":"error"})"});
    CHECK(f.ask(*a, R"({"type":"relay","data":"one"})").empty());
    CHECK(f.ask(*a, R"({"type":"relay","data":"one"})").empty());
    CHECK(f.ask(*a, R"({"type":"relay","data":"two"})") ==
          Lines{R"({"data":"There are too many relays","type":"error"})"});
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"toolong:x"})") ==
          Lines{R"({"data":"The subscription's name is too long","type":"error"})"});
}

TEST_CASE("a client that sends faster than the store keeps is not read from", "[rooms][limits]") {
    RoomFixture f;
    const auto a = f.join();
    f.store.is_held = true;
    for (int i = 0; i < 5'000; ++i) a->say(counter("1"));
    f.run();
    CHECK(a->is_paused);
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    CHECK_FALSE(a->is_paused);
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"counter"})") == Lines{counted("\"5000\"")});
}

TEST_CASE("the server's side reaches connections, and rooms without any", "[rooms][api]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a", 1);
    CHECK_FALSE(f.rooms->broadcast("r", {"", "news", R"({"n":1})"}));
    CHECK(f.rooms->broadcast("r", {"", "", ""}) == std::errc::invalid_argument);
    CHECK(f.rooms->broadcast("r", {"", "t", "{"}) == std::errc::invalid_argument);
    CHECK_FALSE(f.rooms->broadcast("nobody", {"", "t", ""}));
    // No client's room is called so: their names are read as text.
    for (const std::string_view name : {"", "a\xff"}) {
        CHECK(f.rooms->broadcast(name, {"", "t", ""}) == std::errc::invalid_argument);
        std::error_code refused;
        f.rooms->set_config(name, "x", [&](std::error_code error) { refused = error; });
        CHECK(refused == std::errc::invalid_argument);
    }
    std::error_code done = std::make_error_code(std::errc::interrupted);
    f.rooms->set_config("r", "x", [&](std::error_code error) { done = error; });
    f.run();
    CHECK_FALSE(done);
    CHECK(a->take() ==
          Lines{R"({"type":"news","data":{"n":1}})", R"({"type":"config","data":"x"})"});
    f.rooms->set_config("empty", "y", [&](std::error_code error) { done = error; });
    f.run();
    CHECK(f.connect("room=empty")->take().at(0) == R"({"type":"config","data":"y"})");
    f.store.commit_error = make_error_code(core::Error::store_full);
    f.rooms->set_config("r", "z", [&](std::error_code error) { done = error; });
    f.run();
    CHECK(done == core::Error::store_full);
    CHECK(a->take().empty());
}

TEST_CASE("options can be changed while rooms are in use", "[rooms][reload]") {
    rooms::RoomsOptions options = signed_options();
    options.limits.max_counters = 1;
    RoomFixture f(options);
    const auto a = f.join("room=r&session=a");
    (void)f.ask(*a, counter("1"));
    const std::string second = R"({"type":"counter","data":{"id":"d","value":1}})";
    CHECK(f.ask(*a, second).size() == 1);
    options.limits.max_counters = 2;
    options.signing_key = "another";
    options.counter_form = rooms::CounterForm::number;
    options.ping_interval = std::chrono::milliseconds{0};
    f.rooms->set_options(options);
    CHECK(f.ask(*a, second).empty());
    CHECK(f.ask(*a, authentication("r", f.clock.unix_ms())).empty());
    CHECK(f.ask(*a, authentication("r", f.clock.unix_ms(), "another")).size() == 1);
    // The form stays: sums of both kinds would not add up.
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"counter:c"})") == Lines{counted("\"1\"")});
    f.clock.advance(std::chrono::hours{1});
    a->conversation->on_tick(f.clock.now());
    f.run();
    CHECK(a->take().empty());
}

TEST_CASE("details and users tell who is there", "[rooms][api]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    f.clock.advance(std::chrono::milliseconds{1'000});
    const auto b = f.join("room=r&session=b", 1);
    const auto tab = f.join("room=r&session=a", 1);
    (void)f.ask(*b, R"({"type":"login","data":{"n":1,"_p":2}})");
    std::string details;
    std::string users;
    f.rooms->details("r", [&](core::Result<std::string> text) { details = text.value(); });
    f.rooms->users("r", [&](core::Result<std::string> text) { users = text.value(); });
    f.run();
    const std::string start = std::to_string(test::ManualClock::kStartMs);
    const std::string now = std::to_string(f.clock.unix_ms());
    CHECK(details == R"({"id":")" + rooms::room_id("r") +
                         R"(","name":"r","count":3,"uniqueCount":2,"increment":3,)"
                         R"("incrementSinceRestart":3,"pollCount":0,"config":"",)"
                         R"("ephemeralPollCount":0,"bootupTime":)" +
                         start + R"(,"uptime":1000})");
    CHECK(users == R"({"ts":)" + now +
                       R"(,"users":[{"suffix":1,"properties":{},"lastCommunication":)" + start +
                       R"(},{"suffix":1,"properties":{},"lastCommunication":)" + now +
                       R"(},{"suffix":2,"properties":{"n":1},"lastCommunication":)" + now + "}]}");
}
