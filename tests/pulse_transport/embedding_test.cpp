// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The engine inside a program that has an event loop of its own.
#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/eventually.hpp"
#include "support/hook_dialect.hpp"
#include "support/mailbox.hpp"
#include "support/pulse_client.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/core/receiver.hpp>
#include <pulse/core/session.hpp>

using namespace pulse::test;
using pulse::transport::Loop;
using pulse::transport::Server;
namespace core = pulse::core;

namespace {

/// A host: an io_context run by one thread of its own.
class Host {
  public:
    Host() : guard_(asio::make_work_guard(io)) {}
    ~Host() { stop(); }
    void start() {
        thread_ = std::thread([this] { io.run(); });
    }
    void stop() {
        io.stop();
        if (thread_.joinable()) thread_.join();
    }
    /// Runs `function` on the host's thread and waits for it.
    template <typename Function>
    void run(Function&& function) {
        Mailbox<int> done;
        asio::post(io, [&] {
            function();
            done.put(1);
        });
        (void)done.take();
    }

    asio::io_context io{1};

  private:
    asio::executor_work_guard<asio::io_context::executor_type> guard_;
    std::thread thread_;
};

struct Embedded {
    Embedded() : loop(host.io, core.hub), server(std::in_place, core.hub, std::vector{&loop}) {
        auto listener = server->listen({}, {{{"/ws", &core.native}}, nullptr});
        REQUIRE(listener.has_value());
        port = (*listener)->port();
        host.start();
    }
    ~Embedded() { host.stop(); }

    Host host;
    EngineCore core;
    Loop loop;
    std::optional<Server> server;
    std::uint16_t port = 0;
};

void publish(core::Hub& hub, std::string_view text) {
    core::PublicationView publication{"c"};
    publication.payload = pulse::protocol::as_bytes(text);
    (void)hub.publish(publication);
}

}  // namespace

TEST_CASE("the engine serves on an io_context that belongs to the host", "[transport][embed]") {
    Embedded embedded;
    PulseClient client(embedded.port);
    client.subscribe("c");
    client.send(publication("c", "echo"));
    CHECK(client.receive() == publication("c", "echo"));
    // The host's own handlers run between the engine's.
    std::atomic<int> ticks{0};
    embedded.host.run([&] { ++ticks; });
    CHECK(ticks == 1);
}

TEST_CASE("a host publishes from any thread", "[transport][embed]") {
    Embedded embedded;
    PulseClient client(embedded.port);
    client.subscribe("c");
    constexpr int kThreads = 3;
    constexpr int kEach = 200;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kEach; ++i) {
                publish(embedded.core.hub, std::to_string(t) + ":" + std::to_string(i));
            }
        });
    }
    // One of them is the loop's own.
    embedded.host.run([&] { publish(embedded.core.hub, "9:0"); });
    std::vector<int> next(10, 0);
    for (int i = 0; i < kThreads * kEach + 1; ++i) {
        const std::string text = text_of(client.receive().payload);
        REQUIRE(text.substr(2) == std::to_string(next[static_cast<std::size_t>(text[0] - '0')]++));
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(client.is_quiet());
}

TEST_CASE("a host listens to what clients publish", "[transport][embed]") {
    Embedded embedded;
    auto receiver = embedded.core.hub.subscribe("c");
    REQUIRE(receiver.has_value());
    PulseClient client(embedded.port);
    CHECK(client.ask(Frame::publish_with_ack(1, "c", payload_of("to the host"))) == Frame::ack(1));
    const core::PublicationPtr* got = receiver->receive(kPatience);
    REQUIRE(got != nullptr);
    CHECK(text_of((*got)->payload) == "to the host");
}

TEST_CASE("a server may end inside a handler of the host's loop", "[transport][embed]") {
    Embedded embedded;
    PulseClient client(embedded.port);
    client.subscribe("c");
    embedded.host.run([&] { embedded.server.reset(); });
    CHECK(client.tcp().is_ended_by_peer());
    CHECK(embedded.core.hub.subscriber_count("c") == 0);
    // The loop is still good for another one.
    std::uint16_t port = 0;
    embedded.host.run([&] {
        embedded.server.emplace(embedded.core.hub, std::vector{&embedded.loop});
        auto listener = embedded.server->listen({}, {{{"/ws", &embedded.core.native}}, nullptr});
        if (listener) port = (*listener)->port();
    });
    CHECK(PulseClient(port).is_quiet());
}

TEST_CASE("everything may end in the order it was made, with clients connected",
          "[transport][embed]") {
    std::vector<std::unique_ptr<PulseClient>> clients;
    {
        Embedded embedded;
        for (int i = 0; i < 5; ++i) {
            clients.push_back(std::make_unique<PulseClient>(embedded.port));
            clients.back()->subscribe("c");
        }
        clients[0]->send_binary(std::string(3, '\0'));  // half a frame
        publish(embedded.core.hub, "undelivered, perhaps");
    }
    for (auto& client : clients) CHECK(client->tcp().is_ended_by_peer());
}

TEST_CASE("a loop that goes before its server takes the connections along", "[transport][embed]") {
    Host host;
    EngineCore core;
    auto loop = std::make_unique<Loop>(host.io, core.hub);
    HookDialect hooks;
    std::atomic<int> closed{0};
    hooks.closed = [&](const core::CloseEvent&) { ++closed; };
    {
        Server server(core.hub, {loop.get()});
        auto listener = server.listen({}, {{{"/ws", &hooks}}, nullptr});
        REQUIRE(listener.has_value());
        host.start();
        WsClient client((*listener)->port());
        host.stop();
    }
    // The server went first, as it must; now the loop, with nothing left on it.
    CHECK(closed == 1);
    loop.reset();
}

TEST_CASE("two loops of two hosts serve one hub", "[transport][embed]") {
    Host one;
    Host two;
    EngineCore core;
    Loop first(one.io, core.hub);
    Loop second(two.io, core.hub);
    Server server_one(core.hub, {&first});
    Server server_two(core.hub, {&second});
    auto at_one = server_one.listen({}, {{{"/ws", &core.native}}, nullptr});
    auto at_two = server_two.listen({}, {{{"/ws", &core.native}}, nullptr});
    REQUIRE(at_one.has_value());
    REQUIRE(at_two.has_value());
    one.start();
    two.start();
    PulseClient a((*at_one)->port());
    PulseClient b((*at_two)->port());
    a.subscribe("c");
    b.subscribe("c");
    for (int i = 0; i < 50; ++i) {
        (i % 2 == 0 ? a : b).send(publication("c", std::to_string(i)));
        CHECK(a.receive() == publication("c", std::to_string(i)));
        CHECK(b.receive() == publication("c", std::to_string(i)));
    }
    one.stop();
    two.stop();
}
