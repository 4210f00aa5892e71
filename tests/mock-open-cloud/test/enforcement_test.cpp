// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Each check of the publish routes and of introspect, with the answer it gives.
#include "calls.hpp"

namespace pulse::mock::test {

TEST_CASE("both APIs take a publish with an empty 200", "[mock]") {
    CloudFixture mock;
    const HttpResponse v2 = mock.publish("chat", "hello");
    CHECK(v2.status == 200);
    CHECK(v2.body.empty());
    CHECK(v2.content_type.empty());
    CHECK(header(v2, "x-ratelimit-limit") == "5000, 5000;w=60");
    CHECK(header(v2, "x-ratelimit-remaining") == "4999");
    CHECK(header(v2, "x-ratelimit-reset") == "60");
    const HttpResponse v1 = mock.publish_v1("chat%2Froom", "hello");
    CHECK(v1.status == 200);
    CHECK(v1.body.empty());
    CHECK(header(v1, "x-ratelimit-limit").empty());
    CHECK(mock.cloud.records().log.back().topic == "chat/room");
    CHECK(mock.cloud.records().publishes(200) == 2);
}

TEST_CASE("unknown paths and wrong methods are answered by the gateway", "[mock]") {
    CloudFixture mock;
    for (const char* path :
         {"/", "/cloud/v2/universes/42", "/cloud/v2/universes/42:publish",
          "/cloud/v2/universes/4/2:publishMessage", "/messaging-service/v1/universes/42/topics",
          "/messaging-service/v1/universes/42/topics/a/b", "/api-keys/v1/introspect/"}) {
        INFO(path);
        const HttpResponse response = mock.send(post(path, "{}"));
        CHECK(response.status == 404);
        CHECK(json::parse(response.body) ==
              json::parse(R"({"errors":[{"code":0,"message":"Not Found"}]})"));
    }
    HttpRequest get = post(kV2, "");
    get.method = "GET";
    const HttpResponse response = mock.send(get);
    CHECK(response.status == 405);
    CHECK(header(response, "allow") == "POST");
    CHECK(json::parse(response.body)["errors"][0]["code"] == 0);
}

TEST_CASE("a key that is missing, unknown, disabled or expired is 401 in the gateway's shape",
          "[mock]") {
    CloudFixture mock;
    REQUIRE(mock.cloud.put_key("off", {.is_enabled = false}));
    REQUIRE(mock.cloud.put_key("old", {.is_expired = true}));
    for (const std::string key : {"", "nobody's", "off", "old"}) {
        for (const std::string& path : {std::string(kV2), v1_path("chat")}) {
            INFO(key << " " << path);
            const HttpResponse response = mock.send(post(path, v2_body("chat", "x"), key));
            CHECK(response.status == 401);
            CHECK(response.body == R"({"errors":[{"code":0,"message":"Invalid API Key"}]})");
        }
    }
}

TEST_CASE("a key without the scope or the universe is 403", "[mock]") {
    CloudFixture mock;
    REQUIRE(mock.cloud.put_key("other scope", {.scopes = {Scope{.operations = {"read"}}}}));
    REQUIRE(mock.cloud.put_key("other universe", {.scopes = {Scope{.universes = {"7"}}}}));
    CHECK(json::parse(mock.send(post(kV2, v2_body("t", "x"), "other scope")).body)["code"] ==
          "PERMISSION_DENIED");
    const HttpResponse v1 = mock.send(post(v1_path("t"), R"({"message":"x"})", "other scope"));
    CHECK(v1.status == 403);
    CHECK(json::parse(v1.body)["error"] == "INSUFFICIENT_SCOPE");
    const HttpResponse response = mock.send(post(kV2, v2_body("t", "x"), "other universe"));
    CHECK(response.status == 403);
    CHECK(json::parse(response.body)["code"] == "PERMISSION_DENIED");
    CHECK(
        mock.send(post("/cloud/v2/universes/7:publishMessage", v2_body("t", "x"), "other universe"))
            .status == 200);
    mock.cloud.find_universe(kUniverse)->is_publishing_allowed = false;
    CHECK(mock.publish("t", "x").status == 403);
}

TEST_CASE("a universe nobody made is 404, one that is no number 400", "[mock]") {
    CloudFixture mock;
    const auto status = [&](std::string_view id) {
        return mock
            .send(post("/cloud/v2/universes/" + std::string(id) + ":publishMessage",
                       v2_body("t", "x")))
            .status;
    };
    CHECK(status("43") == 404);
    for (const char* id : {"", "007", "-1", "x", "9223372036854775808", "%ff", "4%"}) {
        INFO(id);
        CHECK(status(id) == 400);
    }
}

TEST_CASE("content types are those each API documents", "[mock]") {
    CloudFixture mock;
    const auto status = [&](std::string path, const std::string& type) {
        HttpRequest request =
            post(path, path == kV2 ? v2_body("t", "x") : std::string(R"({"message":"x"})"));
        request.headers[0].second = type;
        return mock.send(request).status;
    };
    for (const char* type : {"application/json", "Application/JSON; charset=utf-8"}) {
        CHECK(status(kV2, type) == 200);
        CHECK(status(v1_path("t"), type) == 200);
    }
    for (const char* type : {"text/json", "application/problem+json"}) {
        CHECK(status(kV2, type) == 400);
        CHECK(status(v1_path("t"), type) == 200);
    }
    for (const char* type : {"text/plain", "", "application/x-www-form-urlencoded"}) {
        CHECK(status(kV2, type) == 400);
        CHECK(status(v1_path("t"), type) == 400);
    }
    HttpRequest request = post(kV2, v2_body("t", "x"));
    std::erase_if(request.headers, [](const auto& h) { return h.first == "content-length"; });
    CHECK(mock.send(request).status == 400);
}

TEST_CASE("a body is an object of the documented strings and nothing else", "[mock]") {
    CloudFixture mock;
    for (const char* body :
         {"", "null", "[]", "\"x\"", "{", R"({"topic":"t"})", R"({"message":"x"})",
          R"({"topic":1,"message":"x"})", R"({"topic":"t","message":null})",
          R"({"topic":"t","message":{}})", R"({"topic":"t","message":"x","more":1})",
          "{\"topic\":\"t\",\"message\":\"\xff\"}"}) {
        INFO(body);
        const HttpResponse response = mock.send(post(kV2, body));
        CHECK(response.status == 400);
        CHECK(json::parse(response.body)["code"] == "INVALID_ARGUMENT");
    }
    for (const char* body :
         {"", "[]", "{}", R"({"message":5})", R"({"message":"x","topic":"t"})"}) {
        INFO(body);
        const HttpResponse response = mock.send(post(v1_path("t"), body));
        CHECK(response.status == 400);
        const json error = json::parse(response.body);
        CHECK(error["status"] == 400);
        CHECK(error["errors"].is_object());
        CHECK(error["extensions"]["traceId"].is_string());
    }
    CHECK(mock.cloud.records().publishes(200) == 0);
    CHECK(mock.cloud.network().stats().sent == 0);
}

TEST_CASE("topics have 1 to 80 characters", "[mock]") {
    CloudFixture mock;
    std::string umlauts;
    for (int i = 0; i < 80; ++i) umlauts += "\xc3\xbc";
    CHECK(mock.publish(umlauts, "x").status == 200);
    CHECK(mock.violations(Limit::topic_name) == 0);
    CHECK(mock.publish(umlauts + "u", "x").status == 400);
    CHECK(mock.publish("", "x").status == 400);
    CHECK(mock.publish_v1("", "x").status == 400);
    CHECK(mock.publish_v1("%ff", "x").status == 400);
    CHECK(mock.violations(Limit::topic_name) == 3);
}

TEST_CASE("a message has at most 1,024 characters, however they are counted", "[mock]") {
    struct Row {
        Counting counting;
        std::string fits;
        std::string one_more;
    };
    const auto repeated = [](std::string_view unit, int times) {
        std::string text;
        for (int i = 0; i < times; ++i) text += unit;
        return text;
    };
    const Row rows[] = {
        {Counting::chars, repeated("\xf0\x9f\x98\x80", 1024), repeated("\xf0\x9f\x98\x80", 1025)},
        {Counting::chars, repeated("\"", 1024), repeated("\"", 1025)},
        {Counting::bytes, repeated("\xc3\xbc", 512), repeated("\xc3\xbc", 512) + "u"},
        {Counting::bytes, repeated("\"", 1024), repeated("\"", 1025)},
        {Counting::escaped, repeated("\"", 512), repeated("\"", 512) + "u"},
        {Counting::escaped, repeated("\x01", 170) + "four", repeated("\x01", 170) + "fives"},
        {Counting::escaped, repeated("\n", 512), repeated("\xc3\xbc", 512) + "u"},
    };
    for (const Row& row : rows) {
        CloudFixture mock;
        mock.cloud.limits.counting = row.counting;
        INFO(static_cast<int>(row.counting) << " " << row.fits.size());
        CHECK(mock.publish("t", row.fits).status == 200);
        CHECK(mock.violations(Limit::message_size) == 0);
        const HttpResponse v2 = mock.publish("t", row.one_more);
        CHECK(v2.status == 400);
        CHECK(json::parse(v2.body)["code"] == "INVALID_ARGUMENT");
        CHECK(json::parse(mock.publish_v1("t", row.one_more).body)["error"] == "INVALID_ARGUMENT");
        mock.cloud.limits.v1_errors = ErrorForm::b;
        CHECK(json::parse(mock.publish_v1("t", row.one_more).body)["code"] == "INVALID_ARGUMENT");
        CHECK(mock.violations(Limit::message_size) == 3);
    }
}

TEST_CASE("introspect says what a key may do, and publishes nothing", "[mock]") {
    CloudFixture mock;
    REQUIRE(mock.cloud.put_key("half", {.name = "bridge",
                                        .owner = 234,
                                        .is_enabled = false,
                                        .expires_utc = "2027-01-01T12:00:00.000Z",
                                        .scopes = {Scope{.universes = {"42", "43"}}}}));
    const HttpResponse known =
        mock.send(post("/api-keys/v1/introspect", R"({"apiKey":"half"})", ""));
    CHECK(known.status == 200);
    CHECK(json::parse(known.body) == json::parse(R"({"name":"bridge","authorizedUserId":234,
        "scopes":[{"name":"universe-messaging-service","operations":["publish"],
        "universeIds":["42","43"]}],"enabled":false,"expired":false,
        "expirationTimeUtc":"2027-01-01T12:00:00.000Z"})"));
    const HttpResponse unknown =
        mock.send(post("/api-keys/v1/introspect", R"({"apiKey":"other"})", ""));
    CHECK(unknown.status == 401);
    CHECK(json::parse(unknown.body)["errors"][0]["message"] == "Invalid API Key");
    for (const char* body : {"", "{}", R"({"apiKey":1})", R"({"apiKey":"half","x":1})"}) {
        CHECK(mock.send(post("/api-keys/v1/introspect", body, "")).status == 400);
    }
    CHECK(mock.cloud.records().log.empty());
    CHECK(mock.cloud.records().introspects == 6);
}

}  // namespace pulse::mock::test
