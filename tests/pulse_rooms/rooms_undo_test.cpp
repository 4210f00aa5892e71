// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the store does not take has not happened: nobody is told that it has.
#include "support/catch.hpp"
#include "support/room_fixture.hpp"
#include "support/room_texts.hpp"

#include <algorithm>
#include <string>

using namespace pulse;
using namespace pulse::test;

namespace {

bool is_error(const std::string& line) {
    return line.find(R"("type":"error")") != std::string::npos;
}

void fail_commits(RoomFixture& f) {
    f.run();
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    f.store.commit_error = {};
}

}  // namespace

TEST_CASE("what tells of undone changes fails with them", "[rooms][undo]") {
    RoomFixture f(signed_options());
    const auto a = f.join("room=r&session=a");
    const auto b = f.join("room=r&session=b", 1);
    for (const char* const event : {"poll", "chat", "counter", "ephemeralPoll"}) {
        (void)f.ask(*b, R"({"type":"subscribe","data":")" + std::string(event) + R"("})");
    }
    f.store.is_held = true;
    f.store.commit_error = make_error_code(core::Error::store_unavailable);
    a->say(vote("\"p\"", "\"x\""));
    a->say(vote("\"p\"", "\"x\""));
    a->say(R"({"type":"login","data":{"name":"Undone"}})");
    a->say(R"({"type":"profile"})");
    a->say(R"({"type":"chat","data":1})");
    a->say(authentication("r", f.clock.unix_ms()));
    a->say(R"({"type":"broadcast","data":{"type":"news","data":1}})");
    a->say(R"({"type":"ephemeralPoll","data":{"id":"e","answer":"x"}})");
    fail_commits(f);
    const Lines told = a->take();
    CHECK(told.size() == 7);
    CHECK(std::all_of(told.begin(), told.end(), is_error));
    // This one depends on nothing that is stored.
    CHECK(b->take() == Lines{R"({"type":"ephemeralPoll","data":{"id":"e","stats":{"x":1}}})"});
    CHECK(f.ask(*a, R"({"type":"profile"})") == Lines{profile_of(1, "a")});
    CHECK(f.ask(*a, R"({"type":"chat","data":2})").empty());
    CHECK(b->take() ==
          Lines{R"({"type":"chat","data":{"message":2,"user":{"suffix":1,"properties":{}}}})"});
}

TEST_CASE("a key for many admins makes none when what came before fails", "[rooms][undo]") {
    rooms::RoomsOptions options = signed_options();
    options.has_single_use_keys = false;
    RoomFixture f(options);
    const auto a = f.join("room=r&session=a");
    f.store.is_held = true;
    f.store.commit_error = make_error_code(core::Error::store_unavailable);
    a->say(counter("1"));
    a->say(authentication("r", f.clock.unix_ms()));
    fail_commits(f);
    const Lines told = a->take();
    CHECK(told.size() == 2);
    CHECK(std::all_of(told.begin(), told.end(), is_error));
    CHECK(f.ask(*a, R"({"type":"profile"})") == Lines{profile_of(1, "a")});
}

TEST_CASE("admins who listen in hear nothing of what failed", "[rooms][undo]") {
    RoomFixture f(signed_options());
    const auto admin = f.join("room=r&session=admin", 1);
    become_admin(f, *admin);
    (void)f.ask(*admin, R"({"type":"relay","data":"thing"})");
    const auto a = f.join("room=r&session=a");
    f.store.is_held = true;
    f.store.commit_error = make_error_code(core::Error::store_unavailable);
    a->say(R"({"type":"login","data":{"name":"Undone"}})");
    a->say(R"({"type":"thing"})");
    fail_commits(f);
    CHECK(admin->take().empty());
    CHECK(a->take().size() == 1);
    (void)f.ask(*a, R"({"type":"thing"})");
    CHECK(admin->take().size() == 1);
}

TEST_CASE("another tab is not told of properties before they are stored", "[rooms][undo]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=s");
    const auto tab = f.join("room=r&session=s", 1);
    const auto other = f.join("room=r&session=o");
    (void)f.ask(*other, R"({"type":"subscribe","data":"chat"})");
    f.store.is_held = true;
    a->say(R"({"type":"login","data":{"name":"Ann"}})");
    f.run();
    CHECK(f.ask(*tab, R"({"type":"profile"})").empty());
    CHECK(f.ask(*tab, R"({"type":"chat","data":1})").empty());
    CHECK(other->take().empty());
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    CHECK(tab->take() == Lines{profile_of(1, "s", R"({"name":"Ann"})")});
    CHECK(other->take().size() == 1);
}

TEST_CASE("what is asked over HTTP tells of nothing that is not stored", "[rooms][undo]") {
    RoomFixture f(signed_options());
    const auto admin = f.join("room=r&session=admin");
    become_admin(f, *admin);
    const auto a = f.join("room=r&session=a", 1);
    f.store.is_held = true;
    admin->say(R"({"type":"config","data":"unsure"})");
    a->say(R"({"type":"login","data":{"name":"Unsure"}})");
    f.run();
    std::string details;
    std::string users;
    f.rooms->details("r", [&](core::Result<std::string> text) { details = text.value(); });
    f.rooms->users("r", [&](core::Result<std::string> text) { users = text.value(); });
    f.run();
    CHECK(details.empty());
    CHECK(users.empty());
    SECTION("until it is") {
        f.store.is_held = false;
        f.store.let_go();
        f.run();
        CHECK(details.find(R"("config":"unsure")") != std::string::npos);
        CHECK(users.find(R"({"name":"Unsure"})") != std::string::npos);
    }
    SECTION("and never of what will not be") {
        f.store.commit_error = make_error_code(core::Error::store_unavailable);
        fail_commits(f);
        CHECK(details.find(R"("config":"")") != std::string::npos);
        CHECK(users.find(R"("properties":{})") != std::string::npos);
        CHECK(users.find("Unsure") == std::string::npos);
    }
}

TEST_CASE("a close leaves its place to the answers before it", "[rooms][order]") {
    RoomFixture f;
    const auto a = f.join();
    (void)f.ask(*a, R"({"type":"subscribe","data":"counter"})");
    a->say(counter("1"));
    a->say(R"({"type":"close"})");
    a->say(counter("1"));
    CHECK_FALSE(a->close_code);
    f.run();
    CHECK(a->close_code == 1000);
    CHECK(a->take() == Lines{counted("\"1\"")});
}

TEST_CASE("what no store document can hold is refused before it is tried", "[rooms][limits]") {
    rooms::RoomsOptions options = signed_options();
    options.limits.max_config_bytes = 0;
    options.limits.max_properties_bytes = 0;
    options.limits.max_message_bytes = std::size_t{4} * 1024 * 1024;
    RoomFixture f(options);
    const auto a = f.join("room=r&session=a");
    become_admin(f, *a);
    const auto b = f.join("room=r&session=b");
    const std::string big(f.store.limits().max_value_bytes + 1, 'x');
    f.store.is_held = true;
    b->say(counter("1"));
    a->say(R"({"type":"config","data":")" + big + R"("})");
    a->say(R"({"type":"login","data":{"n":")" + big + R"("}})");
    std::error_code done;
    f.rooms->set_config("r", big, [&](std::error_code error) { done = error; });
    f.run();
    CHECK(done == std::errc::message_size);
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    CHECK(a->take() == Lines{R"({"data":"The config is too long","type":"error"})",
                             R"({"data":"The properties are too long","type":"error"})"});
    CHECK(f.ask(*b, R"({"type":"subscribe","data":"counter"})") == Lines{counted("\"1\"")});
    CHECK(f.connect("room=r&session=c")->take().at(0) == R"({"type":"config","data":""})");
}

TEST_CASE("a big value that does not fit leaves alone what came before", "[rooms][undo]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    const auto b = f.join("room=r&session=b");
    (void)f.ask(*b, R"({"type":"subscribe","data":"counter"})");
    f.store.max_value_bytes = 10'000;
    b->say(counter("1"));
    a->say(R"({"type":"login","data":{"n":")" + std::string(20'000, 'x') + R"("}})");
    f.run();
    CHECK(b->take() == Lines{counted("\"1\"")});
    CHECK(a->take() == Lines{R"({"data":"Nothing was changed: the server's store is full",)"
                             R"("type":"error"})"});
}

TEST_CASE("of what a full store refuses as a whole, the parts that fit are kept", "[rooms][undo]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    const auto b = f.join("room=r&session=b", 1);
    (void)f.ask(*a, vote("\"old\"", "\"x\""));
    for (const char* const event : {"poll", "counter"}) {
        (void)f.ask(*b, R"({"type":"subscribe","data":")" + std::string(event) + R"("})");
    }
    f.store.is_held = true;
    f.store.full_for = {"/r/2/00000002", "/r/3/00000002", "/s/"};
    a->say(counter("1"));                                         // counter 1
    a->say(R"({"type":"counter","data":{"id":"d","value":1}})");  // counter 2: no room
    a->say(vote("\"old\"", "\"y\""));                             // poll 1
    a->say(vote("\"new\"", "\"x\""));                             // poll 2: no room
    b->say(vote("\"new\"", "\"x\""));                             // nor for this, then
    a->say(R"({"type":"login","data":{"name":"Ann"}})");          // nor for this
    a->say(R"({"type":"chat","data":"as Ann"})");
    a->say(counter("1"));
    f.run();
    // The next set builds on it, and goes with it.
    a->say(counter("5"));
    f.run();
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    CHECK(b->take() == Lines{counted("\"1\""),
                             R"({"type":"poll","data":{"id":"old","stats":{"y":1}}})",
                             R"({"data":"Nothing was changed: the server's store is full",)"
                             R"("type":"error"})",
                             counted("\"2\"")});
    const Lines told = a->take();
    CHECK(told.size() == 5);
    CHECK(std::all_of(told.begin(), told.end(), is_error));
    CHECK(f.ask(*a, R"({"type":"profile"})") == Lines{profile_of(1, "a")});
    CHECK(f.ask(*a, counter("1")).empty());
    CHECK(b->take() == Lines{counted("\"3\"")});
    a->drop();
    b->drop();
    f.store.full_for.clear();
    f.restart();
    const auto c = f.join("room=r&session=c");
    CHECK(f.ask(*c, R"({"type":"subscribe","data":"counter"})") == Lines{counted("\"3\"")});
    CHECK(f.ask(*c, R"({"type":"subscribe","data":"poll"})") ==
          Lines{R"({"type":"poll","data":{"id":"old","stats":{"y":1}}})"});
}

TEST_CASE("a full store is not tried with every part of a set", "[rooms][undo]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    f.store.is_held = true;
    f.store.full_for = {"/r/2/"};
    for (int i = 0; i < 400; ++i) {
        a->say(R"({"type":"counter","data":{"id":)" + std::to_string(i) + R"(,"value":1}})");
    }
    a->say(vote("\"p\"", "\"x\""));
    f.run();
    const std::size_t before = f.store.commits;
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    CHECK(f.store.commits - before < 80);
    const Lines told = a->take();
    CHECK(told.size() >= 400);
    CHECK(std::all_of(told.begin(), told.end(), is_error));
    f.store.full_for.clear();
    (void)f.ask(*a, R"({"type":"subscribe","data":"counter"})");
    CHECK(f.ask(*a, counter("1")) == Lines{counted("\"1\"")});
}

TEST_CASE("a counter's failed sums are forgotten, whichever sets they are in", "[rooms][undo]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    (void)f.ask(*a, R"({"type":"subscribe","data":"counter"})");
    CHECK(f.ask(*a, counter("1")) == Lines{counted("\"1\"")});
    f.store.is_held = true;
    f.store.commit_error = make_error_code(core::Error::store_unavailable);
    a->say(counter("10"));
    a->say(R"({"type":"counter","data":{"id":"d","value":1}})");
    f.run();
    a->say(counter("10"));
    a->say(R"({"type":"counter","data":{"id":"d","value":1}})");
    fail_commits(f);
    CHECK(a->take().size() == 4);
    CHECK(f.ask(*a, counter("1")) == Lines{counted("\"2\"")});
    CHECK(f.ask(*a, R"({"type":"counter","data":{"id":"d","value":1}})") ==
          Lines{R"({"type":"counter","data":{"id":"d","value":"1"}})"});
}

TEST_CASE("many changes of one counter are one document", "[rooms][limits]") {
    RoomFixture f;
    const auto a = f.join("room=r&session=a");
    (void)f.ask(*a, R"({"type":"subscribe","data":"counter"})");
    const std::size_t before = f.store.commits;
    for (int i = 0; i < 2'000; ++i) a->say(counter("1"));
    f.run();
    CHECK(f.store.commits == before + 1);
    CHECK(a->take().back() == counted("\"2000\""));
}

TEST_CASE("what is written over again counts once", "[rooms][limits]") {
    RoomFixture f;
    std::vector<std::unique_ptr<test::RoomPeer>> tabs;
    for (int i = 0; i < 12; ++i) tabs.push_back(f.join("room=r&session=s"));
    const std::size_t before = f.store.commits;
    // 3 MB for one document, of which only the last 10 kB go to the store.
    const std::string login =
        R"({"type":"login","data":{"n":")" + std::string(10'000, 'x') + R"("}})";
    for (const auto& each : tabs) {
        for (int i = 0; i < 25; ++i) each->say(login);
    }
    f.run();
    CHECK(f.store.commits == before + 1);
    CHECK(tabs.back()->take().size() == 25);
}
