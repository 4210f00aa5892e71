// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests as the tests put them: to the model by a call, or to the server over a socket.
#pragma once

#include "mock-open-cloud/cloud.hpp"
#include "support/catch.hpp"
#include "support/http_client.hpp"
#include "support/manual_clock.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace pulse::mock::test {

using nlohmann::json;

inline constexpr UniverseId kUniverse = 42;
inline constexpr const char* kV2 = "/cloud/v2/universes/42:publishMessage";

inline std::string v1_path(std::string_view topic) {
    return "/messaging-service/v1/universes/42/topics/" + std::string(topic);
}

inline HttpRequest post(std::string path, std::string body, std::string key = "key") {
    HttpRequest request;
    request.method = "POST";
    request.path = std::move(path);
    request.headers = {{"content-type", "application/json"},
                       {"content-length", std::to_string(body.size())}};
    if (!key.empty()) request.headers.emplace_back("x-api-key", std::move(key));
    request.body = std::move(body);
    return request;
}

inline std::string v2_body(std::string_view topic, std::string_view message) {
    return json{{"topic", topic}, {"message", message}}.dump();
}

inline std::string header(const HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
        if (key == name) return value;
    }
    return {};
}

/// The model with a key that may publish everywhere, a universe, and time that stands still.
struct CloudFixture {
    CloudFixture() {
        REQUIRE(cloud.put_key("key", {}));
        REQUIRE(cloud.universe(kUniverse) != nullptr);
    }

    HttpResponse send(const HttpRequest& request) {
        return cloud.handle(request, "127.0.0.1").response;
    }
    HttpResponse publish(std::string_view topic, std::string_view message) {
        return send(post(kV2, v2_body(topic, message)));
    }
    HttpResponse publish_v1(std::string_view topic, std::string_view message) {
        return send(post(v1_path(topic), json{{"message", message}}.dump()));
    }
    void advance(std::chrono::milliseconds by) {
        clock.advance(by);
        cloud.run_due();
    }
    void simulate(std::uint32_t servers, std::uint32_t players = 0) {
        Simulated wanted;
        wanted.servers = servers;
        wanted.players = players;
        REQUIRE(cloud.simulate(kUniverse, wanted));
    }
    [[nodiscard]] std::uint64_t violations(Limit limit, Source source = Source::cloud) const {
        return cloud.records().violations_of(source, limit);
    }

    pulse::test::ManualClock clock;
    Cloud cloud{clock};
};

}  // namespace pulse::mock::test
