// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Routes that answer later, from other threads, or never.
#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/mailbox.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace pulse::test;
using namespace std::chrono_literals;
using pulse::transport::HttpRequest;
using pulse::transport::HttpResponder;
using pulse::transport::HttpResponse;
using pulse::transport::HttpRouter;
using pulse::transport::Route;

namespace {

using Pending = std::shared_ptr<HttpResponder>;

/// GET and POST on /later put their responders into the mailbox; /now answers at once.
HttpRouter routes(Mailbox<Pending>& pending) {
    HttpRouter router;
    for (const char* method : {"GET", "POST"}) {
        router.add({method, "/later", [&pending](const HttpRequest&, HttpResponder responder) {
                        pending.put(std::make_shared<HttpResponder>(std::move(responder)));
                    }});
    }
    router.add(Route::immediate("*", "/now", [](const HttpRequest& request) {
        return HttpResponse::text(200, request.method + ":" + request.body);
    }));
    return router;
}

}  // namespace

TEST_CASE("an answer may come later and from another thread", "[transport][responder]") {
    Mailbox<Pending> pending;
    EmbeddedEngine engine({}, routes(pending));
    TcpClient tcp(engine.port());
    tcp.send(get_request("/later"));
    const Pending responder = pending.take();
    CHECK_FALSE(tcp.has_input(20ms));
    std::thread([&] {
        HttpResponse response = HttpResponse::json(201, R"({"a":1})");
        response.headers.emplace_back("x-extra", "yes");
        responder->respond(std::move(response));
        // A second answer to the same request is none.
        responder->respond(HttpResponse::text(200, "again"));
    }).join();
    const HttpAnswer answer = read_answer(tcp);
    CHECK(answer.status == 201);
    CHECK(answer.body == R"({"a":1})");
    CHECK(answer.header("x-extra") == "yes");
    CHECK(answer.header("content-type") == "application/json");
    tcp.send(get_request("/now"));
    CHECK(read_answer(tcp).body == "GET:");
}

TEST_CASE("requests sent ahead wait for an answer that comes late", "[transport][responder]") {
    Mailbox<Pending> pending;
    EmbeddedEngine engine({}, routes(pending));
    TcpClient tcp(engine.port());
    tcp.send(get_request("/later") + get_request("/now") +
             "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" +
             "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\ndef");
    const Pending first = pending.take();
    CHECK(pending.size() == 0);
    first->respond(HttpResponse::text(200, "first"));
    CHECK(read_answer(tcp).body == "first");
    CHECK(read_answer(tcp).body == "GET:");
    pending.take()->respond(HttpResponse::text(200, "second"));
    CHECK(read_answer(tcp).body == "second");
    CHECK(read_answer(tcp).body == "POST:def");
}

TEST_CASE("a responder that is dropped answers 500", "[transport][responder]") {
    Mailbox<Pending> pending;
    EmbeddedEngine engine({}, routes(pending));
    TcpClient tcp(engine.port());
    tcp.send(get_request("/later"));
    (void)pending.take();
    CHECK(read_answer(tcp).status == 500);
    tcp.send(get_request("/now"));
    CHECK(read_answer(tcp).status == 200);
}

TEST_CASE("an answer to a connection that is gone goes nowhere", "[transport][responder]") {
    Mailbox<Pending> pending;
    EmbeddedEngine engine({}, routes(pending));
    std::vector<Pending> late;
    for (int i = 0; i < 20; ++i) {
        TcpClient tcp(engine.port());
        tcp.send(get_request("/later"));
        late.push_back(pending.take());
        if (i % 2 == 0) tcp.reset();
    }
    // A reset is noticed at once; half-closed ones are kept for their answer.
    CHECK(eventually([&] { return engine.server->stats().sockets <= 10; }));
    std::thread([&] {
        for (const Pending& responder : late) responder->respond(HttpResponse::text(200, "late"));
    }).join();
    CHECK(eventually([&] { return engine.server->stats().sockets == 0; }));
}

TEST_CASE("an answer goes to its own request, not to the next one", "[transport][responder]") {
    Mailbox<Pending> pending;
    EmbeddedEngine engine({}, routes(pending));
    TcpClient tcp(engine.port());
    tcp.send(get_request("/later") + get_request("/later"));
    const Pending first = pending.take();
    first->respond(HttpResponse::text(200, "one"));
    CHECK(read_answer(tcp).body == "one");
    const Pending second = pending.take();
    first->respond(HttpResponse::text(200, "one again"));
    CHECK_FALSE(tcp.has_input(20ms));
    second->respond(HttpResponse::text(200, "two"));
    CHECK(read_answer(tcp).body == "two");
}

TEST_CASE("a client that half-closes still gets the answer that is due", "[transport][responder]") {
    Mailbox<Pending> pending;
    EmbeddedEngine engine({}, routes(pending));
    TcpClient tcp(engine.port());
    tcp.send(get_request("/later"));
    const Pending responder = pending.take();
    tcp.shutdown_write();
    CHECK_FALSE(tcp.has_input(20ms));
    responder->respond(HttpResponse::text(200, "for you"));
    CHECK(read_answer(tcp).body == "for you");
    CHECK(tcp.read_to_end().empty());
}

TEST_CASE("a large answer is sent whole to a slow reader, also one that half-closed",
          "[transport][responder]") {
    HttpRouter router;
    const std::string body(8'000'000, 'b');
    router.add(Route::immediate(
        "GET", "/large", [&body](const HttpRequest&) { return HttpResponse::text(200, body); }));
    EmbeddedEngine engine({}, std::move(router));
    for (const bool is_half_closed : {false, true}) {
        INFO((is_half_closed ? "half-closed" : "open"));
        TcpOptions slow;
        slow.receive_buffer_bytes = 4096;
        TcpClient tcp(engine.port(), slow);
        tcp.send(get_request("/large"));
        if (is_half_closed) tcp.shutdown_write();
        // Let the server meet the full socket before anything is read.
        CHECK(eventually([&] { return engine.loop().lane().stats().backlog_bytes.get() > 0; }));
        CHECK(read_answer(tcp).body == body);
        if (!is_half_closed) {
            tcp.send(get_request("/large", "Connection: close\r\n"));
            CHECK(read_answer(tcp).body == body);
        }
        CHECK(tcp.read_to_end().empty());
    }
}

TEST_CASE("HEAD gets the length and no body, from late answers too", "[transport][responder]") {
    Mailbox<Pending> pending;
    EmbeddedEngine engine({}, routes(pending));
    TcpClient tcp(engine.port());
    tcp.send("HEAD /later HTTP/1.1\r\nHost: h\r\n\r\n" + get_request("/now"));
    pending.take()->respond(HttpResponse::text(200, "12345"));
    const HttpAnswer answer = read_answer(tcp, true);
    CHECK(answer.header("content-length") == "5");
    CHECK(read_answer(tcp).body == "GET:");
}

TEST_CASE("statuses without a body have none", "[transport][responder]") {
    HttpRouter router;
    router.add(Route::immediate("GET", "/{status}", [](const HttpRequest& request) {
        return HttpResponse::text(std::stoi(std::string(request.parameter("status"))), "body");
    }));
    EmbeddedEngine engine({}, std::move(router));
    TcpClient tcp(engine.port());
    tcp.send(get_request("/204") + get_request("/304") + get_request("/418"));
    for (const int status : {204, 304}) {
        const HttpAnswer answer = read_answer(tcp);
        CHECK(answer.status == status);
        CHECK_FALSE(answer.has_header("content-length"));
    }
    CHECK(read_answer(tcp).body == "body");
}

TEST_CASE("header values that would break out of their line are left out",
          "[transport][responder]") {
    HttpRouter router;
    router.add(Route::immediate("GET", "/", [](const HttpRequest&) {
        HttpResponse response = HttpResponse::text(200, "x");
        response.headers = {{"good", "value"}, {"bad", "a\r\nSet-Cookie: b"}, {"b:d", "x"}};
        response.content_type = "text/plain\r\nx: y";
        return response;
    }));
    EmbeddedEngine engine({}, std::move(router));
    const HttpAnswer answer = http_get(engine.port(), "/");
    CHECK(answer.status == 200);
    CHECK(answer.header("good") == "value");
    CHECK_FALSE(answer.has_header("bad"));
    CHECK_FALSE(answer.has_header("set-cookie"));
    CHECK_FALSE(answer.has_header("x"));
}

TEST_CASE("responders may be used when loops have stopped and connections are gone",
          "[transport][responder]") {
    Mailbox<Pending> pending;
    EngineCore core;
    pulse::transport::LoopThreads loops(core.hub, 2);
    std::vector<Pending> late;
    {
        pulse::transport::Server server(core.hub, loops.loops());
        pulse::transport::Mounts mounts;
        mounts.routes = std::make_shared<const HttpRouter>(routes(pending));
        auto listener = server.listen({}, std::move(mounts));
        REQUIRE(listener.has_value());
        loops.start();
        std::vector<TcpClient> clients;
        for (int i = 0; i < 4; ++i) {
            clients.emplace_back((*listener)->port()).send(get_request("/later"));
            late.push_back(pending.take());
        }
        loops.stop();
        late[0]->respond(HttpResponse::text(200, "loops stopped"));
        late[1].reset();
    }
    late[2]->respond(HttpResponse::text(200, "server gone"));
    late[3].reset();
}

TEST_CASE("responders may outlive everything they came from", "[.bug][transport][responder]") {
    Mailbox<Pending> pending;
    std::vector<Pending> late;
    {
        EngineCore core;
        {
            pulse::transport::LoopThreads loops(core.hub, 1);
            pulse::transport::Server server(core.hub, loops.loops());
            pulse::transport::Mounts mounts;
            mounts.routes = std::make_shared<const HttpRouter>(routes(pending));
            auto listener = server.listen({}, std::move(mounts));
            REQUIRE(listener.has_value());
            loops.start();
            std::vector<TcpClient> clients;
            for (int i = 0; i < 4; ++i) {
                clients.emplace_back((*listener)->port()).send(get_request("/later"));
                late.push_back(pending.take());
            }
            loops.stop();
        }
        late[0]->respond(HttpResponse::text(200, "loops gone"));
        late[1].reset();
    }
    late[2]->respond(HttpResponse::text(200, "hub gone"));
    late[3].reset();
}

TEST_CASE("a route that throws costs the connection alone, also on a request sent ahead",
          "[transport][responder]") {
    HttpRouter router;
    router.add(Route::immediate("GET", "/now",
                                [](const HttpRequest&) { return HttpResponse::text(200, "now"); }));
    router.add({"GET", "/throw", [](const HttpRequest&, HttpResponder) -> void {
                    throw std::runtime_error("the route's");
                }});
    router.add({"GET", "/odd", [](const HttpRequest&, HttpResponder) -> void { throw 1; }});
    EmbeddedEngine engine({}, std::move(router));
    TcpClient other(engine.port());
    for (const char* path : {"/throw", "/odd"}) {
        TcpClient alone(engine.port());
        alone.send(get_request(path));
        CHECK(read_answer(alone).status == 500);
        CHECK(alone.is_ended_by_peer());
        TcpClient ahead(engine.port());
        ahead.send(get_request("/now") + get_request(path) + get_request("/now"));
        CHECK(read_answer(ahead).body == "now");
        CHECK(read_answer(ahead).status == 500);
        CHECK(ahead.is_ended_by_peer());
    }
    other.send(get_request("/now"));
    CHECK(read_answer(other).body == "now");
}

TEST_CASE("an answer may come, or be dropped, when loop and hub are gone",
          "[transport][responder]") {
    Mailbox<Pending> pending;
    std::vector<Pending> late;
    {
        EmbeddedEngine engine({}, routes(pending));
        std::vector<TcpClient> clients;
        for (int i = 0; i < 4; ++i) {
            clients.emplace_back(engine.port());
            clients.back().send(get_request("/later"));
            late.push_back(pending.take());
        }
        engine.loops.stop();
        // The loops stand, but are still there.
        late[0]->respond(HttpResponse::text(200, "nobody reads this"));
        late[1].reset();
    }
    late[2]->respond(HttpResponse::text(200, "nor this"));
    late.clear();
}

TEST_CASE("an answer is given also when clients have used up all memory",
          "[transport][responder]") {
    HttpRouter router;
    router.add(Route::immediate("*", "/now", [](const HttpRequest& request) {
        return HttpResponse::text(200, std::to_string(request.body.size()));
    }));
    router.add({"POST", "/short",
                [](const HttpRequest&, HttpResponder responder) {
                    responder.respond(HttpResponse::text(200, "short"));
                },
                4});
    router.add({"POST", "/worded",
                [](const HttpRequest&, HttpResponder responder) {
                    responder.respond(HttpResponse::text(200, "worded"));
                },
                4,
                [](int status, std::string_view text) {
                    return HttpResponse::json(status, R"({"error":")" + std::string(text) + "\"}");
                }});
    EngineParts parts;
    parts.memory_limit = 256 * 1024;
    EmbeddedEngine engine(parts, std::move(router));
    const auto post = [](std::string_view path, const std::string& body) {
        return "POST " + std::string(path) +
               " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body;
    };
    TcpClient tcp(engine.port());
    // A body counts as long as it is held.
    tcp.send(post("/now", std::string(100'000, 'x')));
    CHECK(read_answer(tcp).body == "100000");
    CHECK(engine.budget.used() < 10'000);
    TcpClient greedy(engine.port());
    greedy.send(post("/now", std::string(500'000, 'x')));
    CHECK(read_answer(greedy).status == 503);
    // A route that wants no long bodies gets none.
    tcp.send(post("/short", "four"));
    CHECK(read_answer(tcp).body == "short");
    tcp.send(post("/short", "fives"));
    const HttpAnswer refused = read_answer(tcp);
    CHECK(refused.status == 413);
    CHECK(refused.body == "request body too large");
    // And says so in its own words, if it has any.
    TcpClient other(engine.port());
    other.send(post("/worded", "fives"));
    const HttpAnswer worded = read_answer(other);
    CHECK(worded.status == 413);
    CHECK(worded.header("content-type") == "application/json");
    CHECK(worded.body == R"({"error":"request body too large"})");
    REQUIRE(engine.budget.try_reserve(engine.budget.limit() - engine.budget.used()));
    TcpClient last(engine.port());
    last.send(get_request("/now"));
    CHECK(read_answer(last).body == "0");
    engine.budget.release(engine.budget.used());
}
