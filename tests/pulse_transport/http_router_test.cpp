// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <string>
#include <utility>
#include <vector>

#include <pulse/transport/http.hpp>

using namespace pulse::transport;

namespace {

using Match = HttpRouter::Match;
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Routes are told apart by their path and method.
HttpRouter router_of(const std::vector<std::pair<std::string, std::string>>& routes) {
    HttpRouter router;
    for (const auto& [method, path] : routes) {
        router.add(
            Route::immediate(method, path, [](const HttpRequest&) { return HttpResponse{}; }));
    }
    return router;
}

std::string path_found(const HttpRouter& router, const char* method, const char* path) {
    const HttpRouter::Result result = router.find(method, path);
    return result.match == Match::found ? result.route->method + " " + result.route->path : "";
}

}  // namespace

TEST_CASE("literal segments match exactly", "[transport][router]") {
    const HttpRouter router = router_of({{"GET", "/"}, {"GET", "/a"}, {"GET", "/a/b"}});
    CHECK(path_found(router, "GET", "/") == "GET /");
    CHECK(path_found(router, "GET", "/a") == "GET /a");
    CHECK(path_found(router, "GET", "/a/b") == "GET /a/b");
    for (const char* path : {"/a/", "/A", "/a/b/c", "/b", "//a", "/a//b", "", "*", "/a/B"}) {
        INFO(path);
        if (std::string_view(path).empty()) continue;
        CHECK(router.find("GET", path).match == Match::not_found);
    }
}

TEST_CASE("a parameter takes one segment, decoded", "[transport][router]") {
    const HttpRouter router = router_of({{"GET", "/users/{id}/posts/{post}"}});
    const auto parameters = [&](const char* path) { return router.find("GET", path).parameters; };
    CHECK(parameters("/users/7/posts/x") == Parameters{{"id", "7"}, {"post", "x"}});
    CHECK(parameters("/users/a%20b%2Fc/posts/%E2%82%AC") ==
          Parameters{{"id", "a b/c"}, {"post", "\u20ac"}});
    // A segment has to be there, and to be decodable.
    for (const char* path : {"/users//posts/x", "/users/7/posts", "/users/7/posts/",
                             "/users/%zz/posts/x", "/users/%/posts/x", "/users/7/posts/x/"}) {
        INFO(path);
        CHECK(router.find("GET", path).match == Match::not_found);
    }
}

TEST_CASE("a final star takes the rest, whatever it is", "[transport][router]") {
    const HttpRouter router = router_of({{"GET", "/files/*"}, {"*", "/any/*"}});
    for (const char* path : {"/files/", "/files/a", "/files/a/b/c", "/files/%zz", "/files//"}) {
        INFO(path);
        CHECK(path_found(router, "GET", path) == "GET /files/*");
    }
    CHECK(path_found(router, "BREW", "/any/x") == "* /any/*");
    CHECK(path_found(router, "GET", "/file") == "");
    // A star elsewhere is a star.
    const HttpRouter literal = router_of({{"GET", "/*/x"}});
    CHECK(path_found(literal, "GET", "/y/x") == "");
    CHECK(path_found(literal, "GET", "/*/x") == "GET /*/x");
}

TEST_CASE("the first route that matches wins", "[transport][router]") {
    const HttpRouter router =
        router_of({{"GET", "/a/{x}"}, {"GET", "/a/b"}, {"POST", "/a/b"}, {"*", "/*"}});
    CHECK(path_found(router, "GET", "/a/b") == "GET /a/{x}");
    CHECK(path_found(router, "POST", "/a/b") == "POST /a/b");
    CHECK(path_found(router, "PUT", "/a/b") == "* /*");
    // Parameters of routes that did not match in the end are not left over.
    CHECK(router.find("POST", "/a/b").parameters.empty());
}

TEST_CASE("GET serves HEAD, and the methods of a path are listed once", "[transport][router]") {
    const HttpRouter router =
        router_of({{"GET", "/a"}, {"POST", "/a"}, {"GET", "/{x}"}, {"DELETE", "/b"}});
    CHECK(path_found(router, "HEAD", "/a") == "GET /a");
    const HttpRouter::Result a = router.find("PUT", "/a");
    CHECK(a.match == Match::method_not_allowed);
    CHECK(a.allow == "GET,HEAD,POST");
    CHECK(router.find("PUT", "/b").allow == "GET,HEAD,DELETE");
    CHECK(router.find("get", "/a").match == Match::method_not_allowed);
    CHECK(router_of({{"POST", "/a"}}).find("HEAD", "/a").allow == "POST");
}

TEST_CASE("a request is asked by name, ignoring case where HTTP does", "[transport][router]") {
    HttpRequest request;
    request.headers = {{"Content-Type", "text/plain"}, {"X-A", "1"}, {"x-a", "2"}};
    request.parameters = {{"id", "7"}};
    request.query = "a=1&b=two+words&b=3&c&d=%E2%82%AC";
    CHECK(request.header("content-type") == "text/plain");
    CHECK(request.header("X-a") == "1");
    CHECK_FALSE(request.header("missing").has_value());
    CHECK(request.parameter("id") == "7");
    CHECK(request.parameter("ID").empty());
    CHECK(request.query_value("a") == "1");
    CHECK(request.query_value("b") == "two words");
    CHECK(request.query_value("c") == "");
    CHECK(request.query_value("d") == "\u20ac");
    CHECK_FALSE(request.query_value("e").has_value());
}
