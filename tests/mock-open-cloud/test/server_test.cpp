// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The control interface over real sockets: attached servers, the clock, the network, the reports.
#include "server_fixture.hpp"
#include "support/eventually.hpp"

namespace pulse::mock::test {

namespace {

const std::string kServer = "/control/universes/42/servers/job-1";

json data_of(const json& answer) {
    json list = json::array();
    for (const json& message : answer["messages"]) list.push_back(message["data"]);
    return list;
}

struct AttachedFixture : ServerFixture {
    AttachedFixture() {
        control("PUT", kServer, R"({"players":2})");
        control("PUT", kServer + "/topics/chat%2Froom");
    }
    json fetch(std::uint64_t after) {
        return control("GET", kServer + "/messages?after=" + std::to_string(after));
    }
};

}  // namespace

TEST_CASE("an attached server fetches what was published to its topics", "[mock]") {
    AttachedFixture mock;
    CHECK(mock.publish("chat/room", "one").status == 200);
    CHECK(mock.publish("elsewhere", "no").status == 200);
    CHECK(mock.fetch(0) == json::parse(R"({"messages":[],"after":0})"));
    mock.advance(2'000);
    const double sent = mock.control("GET", "/control/stats")["now"].get<double>() - 2;
    CHECK(mock.publish("chat/room", "two").status == 200);
    const json first = mock.fetch(0);
    CHECK(data_of(first) == json{"one"});
    CHECK(first["messages"][0]["n"] == 1);
    CHECK(first["messages"][0]["topic"] == "chat/room");
    CHECK(first["messages"][0]["sent"].get<double>() == Approx(sent).epsilon(0).margin(0.001));
    CHECK(first["after"] == 1);
    CHECK(data_of(mock.fetch(0)) == json{"one"});  // until it is acknowledged
    mock.advance(2'000);
    CHECK(data_of(mock.fetch(1)) == json{"two"});
    CHECK(mock.fetch(2)["messages"].empty());

    mock.control("DELETE", kServer + "/topics/chat%2Froom");
    CHECK(mock.publish("chat/room", "three").status == 200);
    mock.advance(2'000);
    CHECK(mock.fetch(2)["messages"].empty());
}

TEST_CASE("a poll waits until something arrives, or its time is over", "[mock]") {
    AttachedFixture mock;
    TcpClient waiting(mock.mock->port());
    waiting.send(pulse::test::get_request(kServer + "/messages?after=0&wait=60000"));
    CHECK(mock.publish("chat/room", "hello").status == 200);
    CHECK_FALSE(waiting.has_input(std::chrono::milliseconds(0)));
    mock.advance(2'000);
    CHECK(data_of(json::parse(read_answer(waiting).body)) == json{"hello"});

    waiting.send(pulse::test::get_request(kServer + "/messages?after=1&wait=1"));
    CHECK(json::parse(read_answer(waiting).body)["messages"].empty());

    waiting.send(pulse::test::get_request(kServer + "/messages?after=1&wait=60000"));
    mock.control("DELETE", kServer);
    CHECK(read_answer(waiting).status == 404);
}

TEST_CASE("on the real clock messages arrive by themselves", "[mock]") {
    AttachedFixture mock;
    mock.control("POST", "/control/clock", R"({"mode":"real"})");
    mock.control("PUT", "/control/network", R"({"minDelayMs":20,"maxDelayMs":40})");
    TcpClient waiting(mock.mock->port());
    waiting.send(pulse::test::get_request(kServer + "/messages?after=0&wait=30000"));
    CHECK(mock.publish("chat/room", "hello").status == 200);
    CHECK(data_of(json::parse(read_answer(waiting).body)) == json{"hello"});
    mock.script({"slow:20"});
    CHECK(mock.publish("chat/room", "x").status == 200);
}

TEST_CASE("game servers publish to each other under their own limit", "[mock]") {
    AttachedFixture mock;
    const std::string path = kServer + "/publish";
    mock.control("POST", path, R"({"topic":"chat/room","message":"from the game"})");
    mock.advance(2'000);
    CHECK(data_of(mock.fetch(0)) == json{"from the game"});
    CHECK(mock.ask("POST", path, R"({"topic":"","message":"x"})").status == 400);
    CHECK(mock.ask("POST", path, R"({"topic":1})").status == 400);
    CHECK(mock.ask("POST", "/control/universes/42/servers/nobody/publish",
                   R"({"topic":"t","message":"x"})")
              .status == 404);
    mock.control("PUT", "/control/limits", R"({"sent":1,"sentPerPlayer":0})");
    const HttpAnswer refused = mock.ask("POST", path, R"({"topic":"t","message":"x"})");
    CHECK(refused.status == 429);
    const json stats = mock.control("GET", "/control/stats");
    CHECK(stats["violations"]["engine"]["server_sent"] == 1);
    CHECK(stats["violations"]["cloud"].empty());
    CHECK(stats["peaks"]["engine"]["server_sent"] == json::parse(R"({"used":1,"allowed":1080})"));
}

TEST_CASE("the log and the deliveries are read from where one left off", "[mock]") {
    ServerFixture mock;
    mock.control("PUT", "/control/universes/42",
                 R"({"servers":2,"topics":["t"],"ownTopicPrefix":""})");
    mock.control("PUT", "/control/network", R"({"duplicate":1,"minDelayMs":0,"maxDelayMs":0})");
    CHECK(mock.publish("t", "a").status == 200);
    CHECK(mock.publish("t", std::string(2'000, 'x')).status == 400);
    const json log = mock.control("GET", "/control/log?after=0");
    REQUIRE(log["log"].size() == 2);
    CHECK(log["log"][0]["universe"] == "42");
    CHECK(log["log"][0]["topic"] == "t");
    CHECK(log["log"][0]["message"] == "a");
    CHECK(log["log"][0]["status"] == 200);
    CHECK(log["log"][0]["receivers"] == 2);
    CHECK(log["log"][1]["status"] == 400);
    CHECK(log["log"][1]["delivered"] == false);
    CHECK(mock.control("GET", "/control/log?after=2")["log"].empty());

    const json deliveries = mock.control("GET", "/control/deliveries?after=1");
    CHECK(deliveries["deliveries"].size() == 3);
    CHECK(deliveries["after"] == 4);
    const json universe = mock.control("GET", "/control/universes/42");
    CHECK(universe["servers"] == 2);
    CHECK(universe["received"] == 4);
    CHECK(universe["duplicates"] == 2);
    const json stats = mock.control("GET", "/control/stats");
    CHECK(stats["publishes"] == json::parse(R"({"200":1,"400":1})"));
    CHECK(stats["violations"]["cloud"] == json::parse(R"({"message_size":1})"));
    CHECK(stats["violations"]["recent"][0]["used"] == 2'000);
    CHECK(stats["peaks"]["cloud"]["topic_received"] == json::parse(R"({"used":2,"allowed":200})"));
}

TEST_CASE("a reset forgets everything and makes time real", "[mock]") {
    AttachedFixture mock;
    CHECK(mock.publish("chat/room", "x").status == 200);
    mock.control("POST", "/control/reset");
    CHECK(mock.publish("chat/room", "x").status == 401);
    CHECK(mock.ask("GET", kServer + "/messages").status == 404);
    CHECK(mock.control("GET", "/control/log")["log"].size() == 1);
    CHECK(mock.control("POST", "/control/clock")["mode"] == "real");
}

TEST_CASE("control requests that make no sense change nothing", "[mock]") {
    ServerFixture mock;
    struct Row {
        const char* method;
        const char* path;
        const char* body;
        int status;
    };
    for (const Row row : {
             Row{"PUT", "/control/keys", R"({"owner":1})", 400},
             Row{"PUT", "/control/keys", R"({"key":"k","owner":-1})", 400},
             Row{"PUT", "/control/keys", R"({"key":"k","more":1})", 400},
             Row{"PUT", "/control/keys", R"({"key":"k","scopes":[{"universes":["007"]}]})", 400},
             Row{"POST", "/control/clock", R"({"mode":"slow"})", 400},
             Row{"POST", "/control/clock", "[1]", 400},
             Row{"PUT", "/control/network", R"({"loss":1.5})", 400},
             Row{"PUT", "/control/limits", R"({"counting":"words"})", 400},
             Row{"PUT", "/control/universes/042", "{}", 400},
             Row{"PUT", "/control/universes/42", R"({"servers":5001})", 400},
             Row{"PUT", "/control/universes/42", R"({"servers":1,"topics":[1]})", 400},
             Row{"PUT", "/control/universes/42/servers/%ff", "{}", 400},
             Row{"GET", "/control/universes/43", "", 404},
             Row{"DELETE", "/control/universes/42/servers/x", "", 404},
             Row{"PUT", "/control/universes/42/servers/x/topics/t", "", 404},
             Row{"GET", "/control/log?after=x", "", 400},
             Row{"GET", "/control/universes/42/servers/x/messages?wait=-1", "", 400},
             Row{"GET", "/control/nothing", "", 404},
         }) {
        INFO(row.path << " " << row.body);
        const HttpAnswer answer = mock.ask(row.method, row.path, row.body);
        CHECK(answer.status == row.status);
        CHECK(json::parse(answer.body)["error"].is_string());
    }
    CHECK(mock.ask("POST", kV2, "{}").status == 401);
    CHECK(mock.publish("t", "x").status == 200);
}

TEST_CASE("a test can give the mock its own time and look inside", "[mock]") {
    pulse::test::ManualClock clock;
    auto mock = MockOpenCloud::start({.clock = &clock});
    REQUIRE(mock.has_value());
    CHECK((*mock)->url() == "http://127.0.0.1:" + std::to_string((*mock)->port()));
    REQUIRE((*mock)->cloud()->put_key("key", {.scopes = {Scope{.universes = {"42"}}}}));
    REQUIRE((*mock)->cloud()->simulate(42, {.servers = 3}));
    const auto answer = pulse::test::http_exchange((*mock)->port(), publish_request("pulse", "x"));
    CHECK(answer.status == 200);
    CHECK((*mock)->cloud()->records().deliveries.empty());
    clock.advance(std::chrono::seconds(2));
    (*mock)->tick();
    CHECK((*mock)->cloud()->records().deliveries.size() == 3);
    const auto refused = pulse::test::http_exchange(
        (*mock)->port(), wire("POST", "/control/clock", R"({"mode":"virtual"})"));
    CHECK(refused.status == 409);
}

TEST_CASE("it listens on loopback alone", "[mock]") {
    for (const char* host : {"0.0.0.0", "192.0.2.1", "localhost", ""}) {
        CHECK_FALSE(MockOpenCloud::start({.host = host}).has_value());
    }
    const auto first = MockOpenCloud::start();
    REQUIRE(first.has_value());
    CHECK_FALSE(MockOpenCloud::start({.port = (*first)->port()}).has_value());
}

}  // namespace pulse::mock::test
