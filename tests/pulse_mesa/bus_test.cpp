// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Servers, dispatchers and portals that share a bus; the one in the process.
#include "mesa_fixture.hpp"

#include <string>
#include <vector>

namespace {

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;
using mesa::ClientPtr;
using mesa::Message;

struct Shared : MesaFixture {
    [[nodiscard]] mesa::ServerConfig config() const {
        mesa::ServerConfig result;
        result.bus = bus;
        return result;
    }
    const std::shared_ptr<mesa::Bus> bus = mesa::make_memory_bus();
};

std::string text(int n) { return R"({"op":0,"d":)" + std::to_string(n) + "}"; }
Message message(int n) { return Message(0, std::to_string(n)); }

TEST_CASE("two servers serve one id together, once per connection", "[mesa][bus]") {
    Shared shared;
    mesa::Server one(shared.hub, shared.config());
    mesa::Server two(shared.hub, shared.config());
    accept_everybody(one);
    accept_everybody(two);
    MesaPeer a(one, shared.lane());
    MesaPeer b(two, shared.lane());
    MesaPeer c(two, shared.lane());
    a.say(log_in("\"A\""));
    b.say(log_in("\"A\""));
    c.say(log_in("\"C\""));
    for (MesaPeer* each : {&a, &b, &c}) (void)each->take();
    one.send(message(1), {"A", "C"});
    for (MesaPeer* each : {&a, &b, &c}) CHECK(each->take() == Texts{text(1)});
    const std::vector<mesa::Id> excluding{"A"};
    two.send(message(2), mesa::Recipients::all(), excluding);
    CHECK(a.take().empty());
    CHECK(b.take().empty());
    CHECK(c.take() == Texts{text(2)});
}

TEST_CASE("a recipient that is here alone is not published", "[mesa][bus]") {
    Shared shared;
    std::vector<std::string> published;
    const auto ear = shared.bus->subscribe(
        {"ws"},
        {[&](std::string_view, std::string_view each) { published.emplace_back(each); }, {}});
    mesa::Server server(shared.hub, shared.config());
    accept_everybody(server);
    MesaPeer a(server, shared.lane());
    a.say(log_in("\"A\""));
    server.send(message(1), {"A"});
    CHECK(published.empty());
    server.send(message(1), {"A", "Z"});
    REQUIRE(published.size() == 1);
    CHECK(published[0].starts_with(R"({"message":{"op":0,"d":1},"recipients":["Z"],"origin":")"));
}

TEST_CASE("a dispatcher reaches the clients of servers, and can have them closed", "[mesa][bus]") {
    Shared shared;
    mesa::Server server(shared.hub, shared.config());
    accept_everybody(server);
    MesaPeer a(server, shared.lane());
    a.say(log_in("\"A\""));
    (void)a.take();
    mesa::Dispatcher dispatcher(shared.bus);
    dispatcher.dispatch(message(1));
    dispatcher.dispatch(message(2), {"A"});
    const std::vector<mesa::Id> excluding{"A"};
    dispatcher.dispatch(message(3), {"A"}, excluding);
    dispatcher.dispatch(message(4), mesa::Recipients::all(), excluding);
    CHECK(a.take() == Texts{text(1), text(2)});
    dispatcher.dispatch(mesa::DispatchEvent::disconnect_client(), {"A"});
    CHECK(a.connection->close_code == 1000);
}

TEST_CASE("messages to ids that are offline are kept and replayed in order", "[mesa][sync]") {
    Shared shared;
    mesa::ServerConfig config = shared.config();
    config.sync = {.is_enabled = true, .redelivery_interval = 100ms};
    mesa::Server server(shared.hub, config);
    accept_everybody(server);
    mesa::Dispatcher dispatcher(shared.bus, {.is_sync_enabled = true});
    server.send(message(1), {"A"});
    dispatcher.dispatch(message(2), {"A"});
    Message unkept = message(9);
    unkept.options = mesa::MessageOptions{false};
    server.send(unkept, {"A"});

    const auto first = std::make_unique<MesaPeer>(server, shared.lane());
    MesaPeer second(server, shared.lane());
    (void)first->take();
    (void)second.take();
    first->say(log_in("\"A\""));
    second.say(log_in("\"A\""));
    CHECK(first->take().size() == 1);
    CHECK(second.take().size() == 1);
    shared.pass(100ms);
    CHECK(first->take() == Texts{R"({"op":0,"d":1,"s":1})"});
    // Breaks off: the rest is for the next time, and numbered anew.
    first->leave(1006);
    shared.pass(500ms);
    CHECK(second.take().empty());
    MesaPeer third(server, shared.lane());
    third.say(log_in("\"A\""));
    (void)third.take();
    shared.pass(100ms);
    CHECK(third.take() == Texts{R"({"op":0,"d":2,"s":1})"});
    shared.pass(500ms);
    CHECK(third.take().empty());
    CHECK(server.stats().replayed_total == 2);
}

TEST_CASE("a client that does not want what was kept has it thrown away", "[mesa][sync]") {
    Shared shared;
    mesa::ServerConfig config = shared.config();
    config.sync.is_enabled = true;
    mesa::Server server(shared.hub, config);
    accept_everybody(server);
    server.send(message(1), {"A"});
    for (const char* how :
         {R"({"op":2,"d":{"id":"A","shouldSync":false}})", R"({"op":2,"d":{"id":"A"}})"}) {
        MesaPeer peer(server, shared.lane());
        peer.say(how);
        (void)peer.take();
        shared.pass(10ms);
        CHECK(peer.take().empty());
    }
}

TEST_CASE("a message as deep as clients may send it passes everywhere", "[mesa][bus]") {
    Shared shared;
    mesa::ServerConfig config = shared.config();
    config.sync.is_enabled = true;
    config.portal.is_enabled = true;
    mesa::Server one(shared.hub, config);
    mesa::Server two(shared.hub, config);
    std::vector<std::error_code> errors;
    const auto note = [&](const mesa::ErrorEvent& error, const ClientPtr&) {
        errors.push_back(error.code);
    };
    for (mesa::Server* each : {&one, &two}) {
        accept_everybody(*each);
        each->on_error(note);
    }
    std::size_t heard = 0;
    mesa::PortalListeners listeners;
    listeners.on_message = [&](const Message&, const std::optional<mesa::Id>&) { ++heard; };
    listeners.on_error = [&](const mesa::ErrorEvent& error) { errors.push_back(error.code); };
    mesa::Portal portal(shared.bus, shared.rng, listeners);
    portal.start({});
    one.on_message([&](const ClientPtr&, const Message& each) {
        one.send(each, {"A", "Z"});
        one.send(each);
    });
    MesaPeer a(one, shared.lane());
    MesaPeer b(two, shared.lane());
    for (MesaPeer* each : {&a, &b}) {
        each->say(log_in("\"A\""));
        (void)each->take();
    }
    one.send(message(1), {"Z"});
    // The message's own object is one of the 512.
    const std::string deep =
        R"({"op":0,"d":)" + std::string(511, '[') + std::string(511, ']') + "}";
    a.say(deep);
    CHECK(a.take() == Texts{deep, deep});
    CHECK(b.take() == Texts{deep, deep});
    CHECK(heard == 1);

    MesaPeer z(two, shared.lane());
    z.say(log_in("\"Z\""));
    (void)z.take();
    shared.pass(1ms);
    shared.pass(1ms);
    const std::string numbered = deep.substr(0, deep.size() - 1) + R"(,"s":2})";
    CHECK(z.take() == Texts{R"({"op":0,"d":1,"s":1})", numbered});
    CHECK(errors.empty());
    a.say(R"({"op":0,"d":)" + std::string(512, '[') + std::string(512, ']') + "}");
    CHECK(errors ==
          std::vector<std::error_code>{mesa::make_error_code(mesa::Error::nested_too_deeply)});
}

TEST_CASE("data that are no JSON are not put among what is kept", "[mesa][sync]") {
    Shared shared;
    mesa::ServerConfig config = shared.config();
    config.sync.is_enabled = true;
    mesa::Server server(shared.hub, config);
    accept_everybody(server);
    std::vector<std::error_code> errors;
    server.on_error(
        [&](const mesa::ErrorEvent& error, const ClientPtr&) { errors.push_back(error.code); });
    server.send(message(1), {"A"});
    server.send(Message(0, "oops"), {"A"});
    mesa::Dispatcher dispatcher(shared.bus, {.is_sync_enabled = true});
    std::error_code why;
    dispatcher.dispatch(Message(0, "]"), {"A"}, {}, [&](std::error_code error) { why = error; });
    const auto invalid = mesa::make_error_code(mesa::Error::invalid_json);
    CHECK(errors == std::vector<std::error_code>{invalid});
    CHECK(why == invalid);
    MesaPeer a(server, shared.lane());
    a.say(log_in("\"A\""));
    (void)a.take();
    shared.pass(1ms);
    CHECK(a.take() == Texts{R"({"op":0,"d":1,"s":1})"});
}

TEST_CASE("a long replay that breaks off leaves what was not sent, and that alone",
          "[mesa][sync]") {
    Shared shared;
    mesa::ServerConfig config = shared.config();
    config.sync.is_enabled = true;
    mesa::Server server(shared.hub, config);
    accept_everybody(server);
    constexpr int kMessages = 500;
    constexpr int kSent = 200;
    for (int i = 0; i < kMessages; ++i) server.send(message(i), {"A"});
    {
        MesaPeer a(server, shared.lane());
        a.say(log_in("\"A\""));
        (void)a.take();
        for (int i = 0; i < kSent; ++i) shared.pass(1ms);
        CHECK(a.take().size() == kSent);
    }
    MesaPeer again(server, shared.lane());
    again.say(log_in("\"A\""));
    (void)again.take();
    for (int i = kSent; i < kMessages; ++i) shared.pass(1ms);
    const Texts rest = again.take();
    REQUIRE(rest.size() == kMessages - kSent);
    CHECK(rest.front() == R"({"op":0,"d":200,"s":1})");
    CHECK(rest.back() == R"({"op":0,"d":499,"s":300})");
    shared.pass(10ms);
    CHECK(again.take().empty());
}

TEST_CASE("what is kept for one id is bounded, and more is an error", "[mesa][sync]") {
    Shared shared;
    const auto bus = mesa::make_memory_bus({.max_kept_bytes = 40});
    mesa::ServerConfig config;
    config.bus = bus;
    config.sync.is_enabled = true;
    mesa::Server server(shared.hub, config);
    std::vector<std::error_code> errors;
    server.on_error(
        [&](const mesa::ErrorEvent& error, const ClientPtr&) { errors.push_back(error.code); });
    for (int i = 0; i < 3; ++i) server.send(message(i), {"A"});
    CHECK(errors == std::vector<std::error_code>{mesa::make_error_code(mesa::Error::store_full)});
}

TEST_CASE("portals take turns, beginning with the second", "[mesa][portal]") {
    Shared shared;
    mesa::ServerConfig config = shared.config();
    config.portal.is_enabled = true;
    mesa::Server server(shared.hub, config);
    accept_everybody(server);
    std::vector<std::string> heard;
    const auto listeners = [&](const std::string& name) {
        mesa::PortalListeners result;
        result.on_connection = [&heard, name] { heard.push_back(name + " connection"); };
        result.on_authentication = [&heard, name](const mesa::Id& id) {
            heard.push_back(name + " authentication " + id.name());
        };
        result.on_message = [&heard, name](const Message& each, const std::optional<mesa::Id>& id) {
            heard.push_back(name + " message " + each.data + (id ? " " + id->name() : ""));
        };
        result.on_disconnection = [&heard, name](const std::optional<mesa::Id>& id) {
            heard.push_back(name + " disconnection" + (id ? " " + id->name() : ""));
        };
        return result;
    };
    mesa::Portal one(shared.bus, shared.rng, listeners("1"));
    mesa::Portal two(shared.bus, shared.rng, listeners("2"));
    one.start({});
    two.start({});
    CHECK(server.stats().portals == 2);
    {
        MesaPeer peer(server, shared.lane());
        peer.say(text(7));
        peer.say(log_in("\"A\""));
        peer.say(text(8));
    }
    CHECK(heard == std::vector<std::string>{"2 connection", "1 message 7", "2 authentication A",
                                            "1 message 8 A", "2 disconnection A"});
    heard.clear();
    two.close([](std::error_code) {});
    CHECK(server.stats().portals == 1);
    MesaPeer peer(server, shared.lane());
    CHECK(heard == std::vector<std::string>{"1 connection"});
}

TEST_CASE("without turns portals are chosen at random", "[mesa][portal]") {
    Shared shared;
    mesa::ServerConfig config = shared.config();
    config.portal = {.is_enabled = true, .distributes_load = false};
    mesa::Server server(shared.hub, config);
    std::string heard;
    const auto listeners = [&](char name) {
        mesa::PortalListeners result;
        result.on_message = [&heard, name](const Message&, const std::optional<mesa::Id>&) {
            heard += name;
        };
        return result;
    };
    mesa::Portal one(shared.bus, shared.rng, listeners('1'));
    mesa::Portal two(shared.bus, shared.rng, listeners('2'));
    one.start({});
    two.start({});
    MesaPeer peer(server, shared.lane());
    constexpr std::size_t kMessages = 64;
    for (std::size_t i = 0; i < kMessages; ++i) peer.say("{}");
    CHECK(heard.size() == kMessages);
    // Neither in turns nor one alone.
    CHECK(heard.find("11") != std::string::npos);
    CHECK(heard.find("22") != std::string::npos);
}

TEST_CASE("what is no envelope is an error of the server", "[mesa][bus]") {
    Shared shared;
    mesa::Server server(shared.hub, shared.config());
    std::size_t errors = 0;
    server.on_error([&](const mesa::ErrorEvent&, const ClientPtr& client) {
        CHECK(client == nullptr);
        ++errors;
    });
    for (const char* each : {"not json", "[]", "\xff", R"({"message":{},"recipients":5})"}) {
        shared.bus->publish("ws", each, {});
    }
    CHECK(errors == 4);
}

TEST_CASE("middleware has names for keys of its own", "[mesa][bus]") {
    MesaFixture fixture;
    mesa::Server plain(fixture.hub, {});
    CHECK(plain.middleware_key("p", "name") == "p_mw-name");
    mesa::ServerConfig config;
    config.bus = mesa::make_memory_bus({.name_space = "ex"});
    mesa::Server named(fixture.hub, config);
    CHECK(named.middleware_key("p", "name") == "p_mw-name_ex");
}

}  // namespace
