// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "timestamp.hpp"

#include <string>
#include <vector>

#include <pulse/roblox/error.hpp>
#include <pulse/roblox/open_cloud.hpp>

using namespace pulse::roblox;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kNow = 1'784'000'000'000;

CloudError answer(int status, std::string body,
                  std::vector<std::pair<std::string, std::string>> headers = {}) {
    return read_answer({.status = status, .headers = std::move(headers), .body = std::move(body)},
                       kNow);
}

std::string header_of(const CloudRequest& request, std::string_view name) {
    for (const auto& [key, value] : request.headers) {
        if (key == name) return value;
    }
    return {};
}

}  // namespace

TEST_CASE("Publish requests are those of the two interfaces", "[roblox][cloud]") {
    const std::string text = R"({"topic":"test","message":"hello world"})";
    const CloudRequest v1 =
        build_publish(CloudApi::v1, kOpenCloudUrl, {42}, "pulse", text, "the-key");
    CHECK(v1.method == "POST");
    CHECK(v1.url == "https://apis.roblox.com/messaging-service/v1/universes/42/topics/pulse");
    CHECK(v1.body == R"({"message":"{\"topic\":\"test\",\"message\":\"hello world\"}"})");
    CHECK(header_of(v1, "x-api-key") == "the-key");
    CHECK(header_of(v1, "content-type") == "application/json");
    const CloudRequest v2 =
        build_publish(CloudApi::v2, "http://127.0.0.1:1", {42}, "pulse", text, "the-key");
    CHECK(v2.url == "http://127.0.0.1:1/cloud/v2/universes/42:publishMessage");
    CHECK(v2.body ==
          R"({"topic":"pulse","message":"{\"topic\":\"test\",\"message\":\"hello world\"}"})");
    CHECK(build_publish(CloudApi::v1, "", {1}, "a b/\xc3\xa9?", "", "").url ==
          "/messaging-service/v1/universes/1/topics/a%20b%2F%C3%A9%3F");
    const CloudRequest introspect = build_introspect(kOpenCloudUrl, "k\"ey");
    CHECK(introspect.url == "https://apis.roblox.com/api-keys/v1/introspect");
    CHECK(introspect.body == R"({"apiKey":"k\"ey"})");
    CHECK(header_of(introspect, "x-api-key").empty());
}

TEST_CASE("Every documented error shape is read", "[roblox][cloud]") {
    CloudError error = answer(401, R"({"errors":[{"code":0,"message":"Invalid API Key"}]})");
    CHECK(error.code == "0");
    CHECK(error.message == "Invalid API Key");
    error = answer(400, R"({"code":"INVALID_ARGUMENT","message":"m","details":[{"x":[]}]})");
    CHECK(error.code == "INVALID_ARGUMENT");
    CHECK(error.message == "m");
    error = answer(403, R"({"error":"INSUFFICIENT_SCOPE","message":"m","errorDetails":[]})");
    CHECK(error.code == "INSUFFICIENT_SCOPE");
    error = answer(400, R"({"errors":{"message":["The field is required."]},"type":"t",)"
                        R"("title":"One or more validation errors occurred.","status":400})");
    CHECK(error.message == "message: The field is required.");
    CHECK(error.http == 400);
}

TEST_CASE("Whatever a body is, it is no reason to fail", "[roblox][cloud]") {
    for (const std::string& body :
         {std::string(), std::string("<html>502</html>"), std::string("{"), std::string("[]"),
          std::string("null"), std::string(R"({"code":{},"message":[],"errors":7})"),
          std::string(R"({"errors":[7,{"code":[]}]})"), std::string(100'000, '{'),
          std::string("\xff\xfe")}) {
        CAPTURE(body.substr(0, 40));
        const CloudError error = answer(502, body);
        CHECK(error.http == 502);
        CHECK(error.code.empty());
        CHECK(error.message.empty());
    }
    const CloudError partly = answer(500, R"({"code":"INTERNAL","message":"cut o)");
    CHECK(partly.code == "INTERNAL");
    std::string long_text;
    for (int i = 0; i < 200; ++i) long_text += "\xe2\x82\xac";
    CHECK(answer(500, R"({"message":")" + long_text + "\"}").message.size() == 255);
    CHECK(answer(200, "{\"code\":\"X\"}").code.empty());
}

TEST_CASE("Quota headers are read in any case and with several values", "[roblox][cloud]") {
    QuotaReport quota = answer(429, "",
                               {{"Retry-After", "7"},
                                {"X-RateLimit-Remaining", "0, 12;w=60"},
                                {"x-ratelimit-reset", "3, 41"},
                                {"x-ratelimit-limit", "100, 5000;w=60"}})
                            .quota;
    CHECK(quota.is_throttled);
    CHECK(quota.retry_after == 7s);
    CHECK(quota.remaining == 0);
    CHECK(quota.reset == 41s);
    CHECK(answer(429, "", {{"retry-after", "1.5"}}).quota.retry_after == 1'500ms);
    CHECK(answer(429, "", {{"retry-after", "99999999999999"}}).quota.retry_after == 24h);
    for (const char* bad : {"", "soon", "-1", "nan", "1e3", "1 2"}) {
        CAPTURE(bad);
        CHECK_FALSE(answer(429, "", {{"retry-after", bad}}).quota.retry_after);
    }
    quota = answer(200, "", {{"x-ratelimit-remaining", "x, ,;"}}).quota;
    CHECK_FALSE(quota.remaining);
    CHECK_FALSE(quota.is_throttled);
    const auto date = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(date == 784'111'777'000);
    CHECK(
        read_answer({.status = 503, .headers = {{"retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"}}},
                    784'111'770'000)
            .quota.retry_after == 7s);
    CHECK(read_answer(
              {.status = 503, .headers = {{"retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"}}}, kNow)
              .quota.retry_after == 0s);
}

TEST_CASE("Each status has its verdict", "[roblox][cloud]") {
    for (const int status : {200, 201, 204}) CHECK(judge(status) == Verdict::accepted);
    for (const int status : {0, 408, 429, 499, 502, 503, 504}) {
        CHECK(judge(status) == Verdict::retry);
    }
    CHECK(judge(500) == Verdict::retry_few);
    CHECK(judge(409) == Verdict::retry_once);
    for (const int status : {401, 403}) CHECK(judge(status) == Verdict::key_rejected);
    for (const int status : {400, 404, 413, 501, 301, 418, -1, 1'000}) {
        CHECK(judge(status) == Verdict::rejected);
    }
}

TEST_CASE("Introspection says what a key may do", "[roblox][cloud]") {
    const auto info = read_introspection(
        R"({"name":"k","authorizedUserId":123,"enabled":true,"expired":false,)"
        R"("expirationTimeUtc":"2026-12-31T00:00:00Z","scopes":[)"
        R"({"name":"other","operations":["read"],"universeIds":["*"]},)"
        R"({"name":"universe-messaging-service","operations":["publish"],"universeIds":["42",43]}]})");
    REQUIRE(info);
    CHECK(info->owner == 123);
    CHECK(info->expires_at_ms == 1'798'675'200'000);
    CHECK(evaluate_key(*info, {42}, kNow) == KeyState::valid);
    CHECK(evaluate_key(*info, {43}, kNow) == KeyState::valid);
    CHECK(evaluate_key(*info, {44}, kNow) == KeyState::wrong_universe);
    CHECK(evaluate_key(*info, {42}, 1'798'675'200'000) == KeyState::expired);
    KeyInfo key = *info;
    key.is_enabled = false;
    CHECK(evaluate_key(key, {42}, kNow) == KeyState::rejected);
    key.is_expired = true;
    CHECK(evaluate_key(key, {42}, kNow) == KeyState::expired);
    key = *info;
    key.scopes.pop_back();
    CHECK(evaluate_key(key, {42}, kNow) == KeyState::missing_scope);
    key.scopes = {
        {.name = "universe-messaging-service:publish", .operations = {}, .universes = {"*"}}};
    CHECK(evaluate_key(key, {42}, kNow) == KeyState::valid);

    CHECK(read_introspection(R"({"authorizedUserId":"77","scopes":null,"x":{}})")->owner == 77);
    CHECK(read_introspection("[]").error() == Error::invalid_message);
    CHECK(read_introspection("").error() == Error::invalid_json);
    CHECK_FALSE(read_introspection(R"({"scopes":[7]})"));
    CHECK_FALSE(read_introspection(R"({"name":"k")"));
}

TEST_CASE("Timestamps are read with fractions and offsets", "[roblox][cloud]") {
    CHECK(parse_timestamp("1970-01-01T00:00:00Z") == 0);
    CHECK(parse_timestamp("2026-08-22T10:00:00.123Z") ==
          parse_timestamp("2026-08-22T10:00:00Z").value() + 123);
    CHECK(parse_timestamp("2026-08-22T10:00:00.1234567Z") ==
          parse_timestamp("2026-08-22T10:00:00.123Z"));
    CHECK(parse_timestamp("2026-08-22T12:00:00+02:00") == parse_timestamp("2026-08-22T10:00:00Z"));
    CHECK(parse_timestamp("2024-02-29T00:00:00Z"));
    for (const char* bad :
         {"", "2026", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
          "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00Zx",
          "1969-01-01T00:00:00Z", "1970-01-01T00:00:00+01:00"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_timestamp(bad));
    }
    for (const char* bad : {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT",
                            "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_http_date(bad));
    }
}
