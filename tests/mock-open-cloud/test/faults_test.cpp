// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a script makes go wrong, as a client's socket sees it.
#include "server_fixture.hpp"
#include "support/eventually.hpp"

namespace pulse::mock::test {

namespace {

struct FaultFixture : ServerFixture {
    FaultFixture() {
        control("PUT", "/control/universes/42", R"({"servers":1})");
        control("PUT", "/control/network", R"({"minDelayMs":0,"maxDelayMs":0})");
    }
};

}  // namespace

TEST_CASE("scripted errors come one for each publish, in the documented shapes", "[mock]") {
    FaultFixture mock;
    mock.script({"429", "429+retry", "429+retry:7", "500", "503", "401", "403", "409", "200"});
    const auto next = [&] { return mock.publish("pulse", "x"); };
    HttpAnswer answer = next();
    CHECK(answer.status == 429);
    CHECK_FALSE(answer.has_header("retry-after"));
    CHECK(json::parse(answer.body)["code"] == "RESOURCE_EXHAUSTED");
    CHECK(next().header("retry-after") == "1");
    CHECK(next().header("retry-after") == "7");
    CHECK(json::parse(next().body)["code"] == "INTERNAL");
    CHECK(json::parse(next().body)["code"] == "UNAVAILABLE");
    CHECK(json::parse(next().body)["errors"][0]["message"] == "Invalid API Key");
    CHECK(json::parse(next().body)["code"] == "PERMISSION_DENIED");
    CHECK(json::parse(next().body)["code"] == "ABORTED");
    CHECK(mock.delivered() == 0);
    CHECK(next().status == 200);  // the script's
    CHECK(next().status == 200);  // and without one
    CHECK(mock.delivered() == 2);
    const json stats = mock.control("GET", "/control/stats");
    CHECK(stats["publishes"]["429"] == 3);
    CHECK(stats["violations"]["total"] == 0);
}

TEST_CASE("a refused request uses up no step of the script", "[mock]") {
    FaultFixture mock;
    mock.script({"500"});
    CHECK(mock.publish("", "x").status == 400);
    CHECK(mock.ask("POST", kV2, v2_body("pulse", "x")).status == 401);
    CHECK(mock.publish("pulse", "x").status == 500);
}

TEST_CASE("a script can be one universe's own", "[mock]") {
    FaultFixture mock;
    mock.script({"500"});
    mock.control("POST", "/control/faults", R"({"script":["503"],"universe":"42"})");
    CHECK(mock.publish("pulse", "x").status == 503);
    CHECK(mock.publish("pulse", "x").status == 500);
    CHECK(mock.publish("pulse", "x").status == 200);
}

TEST_CASE("a page in place of JSON", "[mock]") {
    FaultFixture mock;
    mock.script({"html"});
    const HttpAnswer answer = mock.publish("pulse", "x");
    CHECK(answer.status == 502);
    CHECK(answer.header("content-type") == "text/html");
    CHECK(answer.body.starts_with("<html>"));
    CHECK(mock.delivered() == 0);
}

TEST_CASE("a slow answer comes when its time has come, the message at once", "[mock]") {
    FaultFixture mock;
    mock.script({"slow:2000"});
    TcpClient tcp(mock.mock->port());
    tcp.send(publish_request("pulse", "x"));
    REQUIRE(pulse::test::eventually([&] { return mock.delivered() == 1; }));
    mock.advance(1'999);
    CHECK_FALSE(tcp.has_input(std::chrono::milliseconds(0)));
    mock.advance(1);
    CHECK(read_answer(tcp).status == 200);
}

TEST_CASE("a reset before the message is taken, and one after", "[mock]") {
    FaultFixture mock;
    mock.script({"reset", "reset+delivered"});
    for (const std::uint64_t delivered : {0U, 1U}) {
        TcpClient tcp(mock.mock->port());
        tcp.send(publish_request("pulse", "x"));
        CHECK_THROWS_AS(tcp.read_to_end(), pulse::test::ClientError);
        CHECK(mock.delivered() == delivered);
    }
    CHECK(mock.control("GET", "/control/stats")["publishes"]["reset"] == 2);
    CHECK(mock.publish("pulse", "x").status == 200);
}

TEST_CASE("an answer that ends half way through its body", "[mock]") {
    FaultFixture mock;
    mock.script({"truncated"});
    TcpClient tcp(mock.mock->port());
    tcp.send(publish_request("pulse", "x"));
    const std::string text = tcp.read_to_end();
    const std::size_t head = text.find("\r\n\r\n");
    REQUIRE(head != std::string::npos);
    CHECK(text.starts_with("HTTP/1.1 200 "));
    const std::string body = text.substr(head + 4);
    CHECK_FALSE(body.empty());
    CHECK(text.find("content-length: " + std::to_string(body.size() * 2)) != std::string::npos);
    CHECK(mock.delivered() == 1);
}

TEST_CASE("a script with a word that means nothing is refused whole", "[mock]") {
    FaultFixture mock;
    for (const char* bad : {"", "42", "418", "slow", "slow:x", "slow:600001", "429+",
                            "429+retry:", "429+retry:9999", "reset+", "truncated2"}) {
        INFO(bad);
        const HttpAnswer answer =
            mock.ask("POST", "/control/faults", json{{"script", {"500", bad}}}.dump());
        CHECK(answer.status == 400);
        CHECK(json::parse(answer.body)["error"] == "not understood: " + std::string(bad));
    }
    CHECK(mock.publish("pulse", "x").status == 200);
}

}  // namespace pulse::mock::test
