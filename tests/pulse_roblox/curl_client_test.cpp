// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests over real sockets, to a server of our own in this process.
#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/mailbox.hpp"

#include <string>
#include <utility>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <pulse/roblox/http_client.hpp>

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;
using core::HttpRequest;
using core::HttpResponder;
using core::HttpResponse;
using core::Route;
using roblox::CloudRequest;
using roblox::CurlClientOptions;
using roblox::HttpResult;

namespace {

struct Cloud {
    Cloud() : engine({}, routes()) {}

    transport::HttpRouter routes() {
        transport::HttpRouter router;
        router.add(Route::immediate("*", "/echo", [](const HttpRequest& request) {
            HttpResponse response = HttpResponse::json(201, request.method + " " + request.body);
            response.headers.emplace_back("x-key", std::string(*request.header("x-api-key")));
            response.headers.emplace_back("Retry-After", "7");
            return response;
        }));
        router.add(Route::immediate("GET", "/long", [](const HttpRequest&) {
            return HttpResponse::text(200, std::string(100'000, 'x'));
        }));
        router.add(Route::immediate("GET", "/elsewhere", [](const HttpRequest&) {
            HttpResponse response = HttpResponse::text(302, "");
            response.headers.emplace_back("location", "/long");
            return response;
        }));
        router.add({"GET", "/never", [this](const HttpRequest&, HttpResponder responder) {
                        pending.put(std::make_shared<HttpResponder>(std::move(responder)));
                    }});
        return router;
    }
    [[nodiscard]] CloudRequest request(const std::string& path, std::string method = "GET",
                                       std::string body = "") const {
        return {std::move(method),
                "http://127.0.0.1:" + std::to_string(engine.port()) + path,
                {{"x-api-key", "secret"}},
                std::move(body)};
    }

    Mailbox<std::shared_ptr<HttpResponder>> pending;
    EmbeddedEngine engine;
};

/// A client on a loop that the test runs until there is an answer.
struct Client {
    explicit Client(CurlClientOptions options = {})
        : client(roblox::make_curl_client(io, std::move(options))) {}

    void send(CloudRequest request) {
        client->send(std::move(request),
                     [this](HttpResult result) { results.push_back(std::move(result)); });
    }
    HttpResult next() {
        const std::size_t wanted = taken + 1;
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (results.size() < wanted && std::chrono::steady_clock::now() < end) {
            io.restart();
            io.run_one_for(100ms);
        }
        REQUIRE(results.size() >= wanted);
        return results[taken++];
    }

    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::vector<HttpResult> results;
    std::size_t taken = 0;
    std::unique_ptr<roblox::HttpClient> client;
};

}  // namespace

TEST_CASE("a request arrives as it is and its answer comes back", "[roblox][curl]") {
    Cloud cloud;
    Client client;
    client.send(cloud.request("/echo", "POST", R"({"a":1})"));
    const HttpResult posted = client.next();
    CHECK(posted.response.status == 201);
    CHECK(posted.response.body == R"(POST {"a":1})");
    const auto& headers = posted.response.headers;
    CHECK(std::find(headers.begin(), headers.end(),
                    std::pair<std::string, std::string>("x-key", "secret")) != headers.end());
    client.send(cloud.request("/echo"));
    CHECK(client.next().response.body == "GET ");
    client.send(cloud.request("/echo", "DELETE"));
    CHECK(client.next().response.body == "DELETE ");
}

TEST_CASE("connections are kept for the requests that follow", "[roblox][curl]") {
    Cloud cloud;
    Client client;
    for (int i = 0; i < 20; ++i) {
        client.send(cloud.request("/echo", "POST", std::to_string(i)));
        CHECK(client.next().response.body == "POST " + std::to_string(i));
    }
    CHECK(cloud.engine.count(&transport::LoopStats::accepted) == 1);
}

TEST_CASE("many requests share as many connections as there may be", "[roblox][curl]") {
    Cloud cloud;
    CurlClientOptions options;
    options.max_connections = 4;
    Client client(options);
    for (int i = 0; i < 100; ++i) client.send(cloud.request("/echo", "POST", "x"));
    for (int i = 0; i < 100; ++i) CHECK(client.next().response.status == 201);
    CHECK(cloud.engine.count(&transport::LoopStats::accepted) <= 4);
}

TEST_CASE("an answer that does not come in time is none", "[roblox][curl]") {
    Cloud cloud;
    CurlClientOptions options;
    options.timeout = 1s;
    Client client(options);
    client.send(cloud.request("/never"));
    const HttpResult late = client.next();
    CHECK(late.response.status == 0);
    CHECK_FALSE(late.failure.empty());
    CHECK_FALSE(late.is_unsent);  // it may have been acted upon
    client.send(cloud.request("/echo"));
    CHECK(client.next().response.status == 201);
}

TEST_CASE("an answer that is too long is none", "[roblox][curl]") {
    Cloud cloud;
    Client client;
    client.send(cloud.request("/long"));
    const HttpResult result = client.next();
    CHECK(result.response.status == 0);
    CHECK(result.response.body.empty());
    CHECK(result.failure == "the answer is too long");
}

TEST_CASE("a redirect is an answer like any other", "[roblox][curl]") {
    Cloud cloud;
    Client client;
    client.send(cloud.request("/elsewhere"));
    CHECK(client.next().response.status == 302);
}

TEST_CASE("a server that is not there is told of without its address", "[roblox][curl]") {
    std::uint16_t port = 0;
    { port = Cloud().engine.port(); }
    Client client;
    client.send({"GET", "http://127.0.0.1:" + std::to_string(port) + "/x?secret", {}, ""});
    const HttpResult result = client.next();
    CHECK(result.response.status == 0);
    CHECK_FALSE(result.failure.empty());
    CHECK(result.failure.find("secret") == std::string::npos);
    CHECK(result.is_unsent);
}

TEST_CASE("only HTTP is spoken", "[roblox][curl]") {
    Client client;
    client.send({"GET", "file:///etc/hostname", {}, ""});
    CHECK(client.next().response.status == 0);
}

TEST_CASE("more requests than there may be fail at once", "[roblox][curl]") {
    Cloud cloud;
    CurlClientOptions options;
    options.max_requests = 2;
    Client client(options);
    for (int i = 0; i < 3; ++i) client.send(cloud.request("/never"));
    REQUIRE(client.results.size() == 1);
    const HttpResult refused = client.next();
    CHECK(refused.failure == "no room for another request");
    CHECK(refused.is_unsent);
}

TEST_CASE("what is under way when the client goes ends without an answer", "[roblox][curl]") {
    Cloud cloud;
    Client client;
    client.send(cloud.request("/never"));
    client.send(cloud.request("/never"));
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (cloud.pending.size() < 2 && std::chrono::steady_clock::now() < end) {
        client.io.restart();
        client.io.run_one_for(50ms);
    }
    client.client.reset();
    CHECK(client.next().response.status == 0);
    CHECK(client.next().response.status == 0);
    client.io.restart();
    client.io.poll();
}
