// SPDX-License-Identifier: MIT OR Apache-2.0
#include "endpoint.hpp"

#include "support/catch.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace pulse::transport;
namespace core = pulse::core;

namespace {

class NamedDialect final : public core::Dialect {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "named"; }
    [[nodiscard]] std::unique_ptr<core::Conversation> open(core::Connection&,
                                                           const core::OpenRequest&) override {
        return nullptr;
    }
};

Endpoint endpoint_with(std::vector<std::string> origins, bool is_loopback) {
    ConnectionOptions options;
    options.allowed_origins = std::move(origins);
    Endpoint endpoint;
    endpoint.shared = std::make_shared<Shared>(options, ClientLimits{}, core::MonotonicTime{});
    endpoint.is_loopback = is_loopback;
    return endpoint;
}

bool allows(const Endpoint& endpoint, const std::string& origin,
            const std::string& host = "pulse.example") {
    http::RequestHead head;
    head.authority = host;
    head.headers.push_back({"Origin", origin});
    return endpoint.is_origin_allowed(head);
}

}  // namespace

TEST_CASE("a request without an origin comes from no browser and is let in",
          "[transport][origin]") {
    http::RequestHead head;
    head.authority = "pulse.example";
    CHECK(endpoint_with({}, false).is_origin_allowed(head));
    CHECK(endpoint_with({"https://app.example"}, false).is_origin_allowed(head));
}

TEST_CASE("without a list the own host is allowed, scheme and case aside", "[transport][origin]") {
    const Endpoint endpoint = endpoint_with({}, false);
    CHECK(allows(endpoint, "https://pulse.example"));
    CHECK(allows(endpoint, "http://PULSE.example"));
    CHECK(allows(endpoint, "https://pulse.example:8443", "pulse.example:8443"));
    for (const char* origin :
         {"https://pulse.example:8443", "https://evil.example", "https://pulse.example.evil",
          "https://sub.pulse.example", "null", "file://", "", "pulse.example",
          "https://pulse.example/", "http://localhost", "http://127.0.0.1:80"}) {
        INFO(origin);
        CHECK_FALSE(allows(endpoint, origin));
    }
}

TEST_CASE("a loopback listener also trusts pages of this machine", "[transport][origin]") {
    const Endpoint endpoint = endpoint_with({}, true);
    for (const char* origin :
         {"http://localhost", "https://LOCALHOST:5173", "http://127.0.0.1:3000",
          "http://127.8.9.10", "http://[::1]", "http://[::1]:8080", "null", "file://"}) {
        INFO(origin);
        CHECK(allows(endpoint, origin, "127.0.0.1:8080"));
        // A name that somebody has pointed at this machine.
        CHECK_FALSE(allows(endpoint, origin, "pulse.example"));
        CHECK_FALSE(allows(endpoint, origin, ""));
    }
    for (const char* origin :
         {"http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://127.0.0.1000",
          "http://[::1", "http://[::1].evil.example", "http://evil.example#localhost",
          "http://localhost@evil.example", "localhost", "http://", "file:///etc/passwd", "NULL",
          "http://pulse.example"}) {
        INFO(origin);
        CHECK_FALSE(allows(endpoint, origin, "127.0.0.1:8080"));
        CHECK_FALSE(allows(endpoint, origin));
    }
}

TEST_CASE("a list replaces the defaults", "[transport][origin]") {
    const Endpoint endpoint = endpoint_with({"https://app.example", "null"}, true);
    CHECK(allows(endpoint, "https://app.example"));
    CHECK(allows(endpoint, "HTTPS://APP.example"));
    CHECK(allows(endpoint, "null"));
    CHECK_FALSE(allows(endpoint, "https://pulse.example"));
    CHECK_FALSE(allows(endpoint, "http://localhost"));
    CHECK_FALSE(allows(endpoint, "https://app.example.evil"));
    CHECK(allows(endpoint_with({"*"}, false), "https://any.example"));
}

TEST_CASE("dialects are found by their exact path, the star only when asked for",
          "[transport][endpoint]") {
    NamedDialect a;
    NamedDialect rest;
    Endpoint endpoint = endpoint_with({}, false);
    CHECK(endpoint.dialect_at("/a") == nullptr);
    CHECK(endpoint.fallback_dialect() == nullptr);
    endpoint.mounts.dialects = {{"/a", &a}, {"*", &rest}};
    CHECK(endpoint.dialect_at("/a") == &a);
    CHECK(endpoint.dialect_at("/a/") == nullptr);
    CHECK(endpoint.dialect_at("*") == nullptr);
    CHECK(endpoint.fallback_dialect() == &rest);
}

TEST_CASE("segments in braces match any segment that is there", "[transport][endpoint]") {
    NamedDialect a;
    NamedDialect b;
    Endpoint endpoint = endpoint_with({}, false);
    endpoint.mounts.dialects = {{"/universe/{id}/connect", &a}, {"/universe/{id}", &b}};
    CHECK(endpoint.dialect_at("/universe/12/connect") == &a);
    CHECK(endpoint.dialect_at("/universe/%2F/connect") == &a);
    CHECK(endpoint.dialect_at("/universe/12") == &b);
    CHECK(endpoint.dialect_at("/universe//connect") == nullptr);
    CHECK(endpoint.dialect_at("/universe/") == nullptr);
    CHECK(endpoint.dialect_at("/universe/12/") == nullptr);
    CHECK(endpoint.dialect_at("/universe/12/connect/") == nullptr);
    CHECK(endpoint.dialect_at("/universe/12/send") == nullptr);
    CHECK(endpoint.dialect_at("") == nullptr);
}

TEST_CASE("a dialect's path has a route when one is made for it, not one for everything",
          "[transport][endpoint]") {
    Endpoint endpoint = endpoint_with({}, false);
    CHECK_FALSE(endpoint.has_route("/ws"));
    const auto route = [](std::string method, std::string path) {
        return pulse::core::Route::immediate(
            std::move(method), std::move(path),
            [](const pulse::core::HttpRequest&) { return pulse::core::HttpResponse{}; });
    };
    auto routes = std::make_shared<HttpRouter>();
    routes->add(route("GET", "/a"));
    routes->add(route("POST", "/b"));
    routes->add(route("GET", "/c/*"));
    routes->add(route("*", "/*"));
    endpoint.mounts.routes = routes;
    CHECK(endpoint.has_route("/a"));
    CHECK(endpoint.has_route("/c/d"));
    CHECK(endpoint.has_route("/b"));
    CHECK_FALSE(endpoint.has_route("/ws"));
}

TEST_CASE("options that replaced others are seen at once, and the old ones stay readable",
          "[transport][endpoint]") {
    const Endpoint endpoint = endpoint_with({}, false);
    const ConnectionOptions& before = endpoint.shared->options();
    ConnectionOptions next;
    next.max_head_bytes = 4711;
    endpoint.shared->set_options(next);
    CHECK(endpoint.shared->options().max_head_bytes == 4711);
    CHECK(before.max_head_bytes == ConnectionOptions{}.max_head_bytes);
}
