// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "calls.hpp"
#include "mock-open-cloud/mock_open_cloud.hpp"

#include <memory>

namespace pulse::mock::test {

using pulse::test::HttpAnswer;
using pulse::test::TcpClient;

/// A request's bytes.
inline std::string wire(std::string_view method, std::string_view path, std::string_view body,
                        std::string_view header_lines = {}) {
    std::string text(method);
    text.append(" ").append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    text.append("Content-Type: application/json\r\n").append(header_lines);
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
    return text.append(body);
}
inline std::string publish_request(std::string_view topic, std::string_view message) {
    return wire("POST", kV2, v2_body(topic, message), "x-api-key: key\r\n");
}

/// The mock as a server, with time that stands still, a key and a universe.
struct ServerFixture {
    ServerFixture() {
        auto started = MockOpenCloud::start();
        REQUIRE(started.has_value());
        mock = std::move(*started);
        CHECK(control("POST", "/control/clock", R"({"mode":"virtual"})")["mode"] == "virtual");
        control(
            "PUT", "/control/keys",
            R"({"key":"key","owner":"7","scopes":[{"universes":[42],"operations":["publish"]}]})");
    }

    HttpAnswer ask(std::string_view method, std::string_view path, std::string_view body = {}) {
        return pulse::test::http_exchange(mock->port(), wire(method, path, body));
    }
    /// What must work.
    json control(std::string_view method, std::string_view path, std::string_view body = {}) {
        const HttpAnswer answer = ask(method, path, body);
        INFO(path << " " << answer.body);
        REQUIRE(answer.status == 200);
        return json::parse(answer.body);
    }
    HttpAnswer publish(std::string_view topic, std::string_view message) {
        return pulse::test::http_exchange(mock->port(), publish_request(topic, message));
    }
    void script(const json& items) {
        control("POST", "/control/faults", json{{"script", items}}.dump());
    }
    void advance(int ms) { control("POST", "/control/clock", json{{"advanceMs", ms}}.dump()); }
    std::uint64_t delivered() {
        return control("GET", "/control/stats")["deliveries"]["delivered"].get<std::uint64_t>();
    }

    std::unique_ptr<MockOpenCloud> mock;
};

}  // namespace pulse::mock::test
