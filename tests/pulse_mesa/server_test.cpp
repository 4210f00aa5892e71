// SPDX-License-Identifier: MIT OR Apache-2.0
#include "mesa_fixture.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;
using mesa::ClientPtr;
using mesa::Message;

constexpr const char* kHello =
    R"({"op":10,"d":{"c_authentication_timeout":10000,"rules":["sends_user_object"]}})";

TEST_CASE("the first frame is the hello, and says what the options say", "[mesa][server]") {
    MesaFixture fixture;
    mesa::Server plain(fixture.hub, {});
    MesaPeer a(plain, fixture.lane());
    CHECK(a.take() == Texts{kHello});

    mesa::ServerConfig config;
    config.authentication.timeout = 0ms;
    config.authentication.sends_user_object = false;
    mesa::Server silent(fixture.hub, config);
    MesaPeer b(silent, fixture.lane());
    CHECK(b.take() == Texts{R"({"op":10,"d":{"rules":[]}})"});
}

TEST_CASE("every connection has a server id of its own, from the hub's random numbers",
          "[mesa][server]") {
    // Each comes when the one before has gone, and may be where that was.
    const auto ids_of_clients_in_turn = [] {
        MesaFixture fixture;
        mesa::Server server(fixture.hub, {});
        std::vector<std::string> ids;
        server.on_connection([&ids](const ClientPtr& client) {
            ids.push_back(client->server_id());
            client->on_disconnect([&ids, client = client.get()](std::uint16_t, std::string_view) {
                CHECK(client->server_id() == ids.back());
            });
        });
        for (int i = 0; i < 20; ++i) MesaPeer(server, fixture.lane()).leave(1000);
        return ids;
    };
    const std::vector<std::string> ids = ids_of_clients_in_turn();
    REQUIRE(ids.size() == 20);
    CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == ids.size());
    CHECK(ids.front().size() == 16);
    // Numbers that can be repeated give ids that can be: no address is in them.
    CHECK(ids_of_clients_in_turn() == ids);
}

TEST_CASE("only the configured path is served", "[mesa][server]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.path = "/ws";
    mesa::Server server(fixture.hub, config);
    MesaPeer right(server, fixture.lane(), "/ws");
    CHECK_FALSE(right.refusal);
    MesaPeer wrong(server, fixture.lane(), "/ws/");
    REQUIRE(wrong.refusal);
    CHECK(wrong.refusal->status == 400);
}

TEST_CASE("a message reaches the client's listener, then the server's, then the hooks",
          "[mesa][server]") {
    class Hook : public mesa::Middleware {
      public:
        explicit Hook(std::vector<std::string>& said) : said_(said) {}
        void on_message_received(const Message& message, const ClientPtr&) override {
            said_.push_back("hook " + *message.type);
        }

      private:
        std::vector<std::string>& said_;
    };
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    std::vector<std::string> said;
    server.on_connection([&](const ClientPtr& client) {
        client->on_message(
            [&](const Message& message) { said.push_back("client " + *message.type); });
    });
    server.on_message([&](const ClientPtr&, const Message& message) {
        said.push_back("server " + *message.type);
    });
    server.use(std::make_shared<Hook>(said));
    MesaPeer peer(server, fixture.lane());
    peer.say(R"({"op":0,"d":{},"t":"X"})");
    peer.say(R"({"op":11})");
    CHECK(said == std::vector<std::string>{"client X", "server X", "hook X"});
    CHECK(server.stats().messages_received_total == 1);
}

TEST_CASE("beginnings and ends are told in the documented order", "[mesa][server]") {
    class Hook : public mesa::Middleware {
      public:
        explicit Hook(std::vector<std::string>& said) : said_(said) {}
        void on_connection(const ClientPtr& client) override {
            said_.push_back(client->is_connected() ? "hook" : "?");
        }
        void on_disconnection(const ClientPtr& client, std::uint16_t code,
                              std::string_view reason) override {
            CHECK_FALSE(client->is_connected());
            said_.push_back("hook " + std::to_string(code) + " " + std::string(reason));
        }

      private:
        std::vector<std::string>& said_;
    };
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.bus = mesa::make_memory_bus();
    config.portal.is_enabled = true;
    mesa::Server server(fixture.hub, config);
    std::vector<std::string> said;
    mesa::PortalListeners listeners;
    listeners.on_connection = [&] { said.emplace_back("portal"); };
    listeners.on_disconnection = [&](const std::optional<mesa::Id>&) {
        said.emplace_back("portal gone");
    };
    mesa::Portal portal(config.bus, fixture.rng, listeners);
    portal.start({});
    server.on_connection([&](const ClientPtr& client) {
        said.emplace_back("server");
        client->on_disconnect(
            [&](std::uint16_t, std::string_view) { said.emplace_back("client gone"); });
    });
    server.on_disconnection([&](const ClientPtr&, std::uint16_t, std::string_view) {
        said.emplace_back("server gone");
        // It leaves the list behind the hooks.
        CHECK(server.stats().clients == 1);
    });
    server.use(std::make_shared<Hook>(said));
    MesaPeer peer(server, fixture.lane());
    CHECK(said == std::vector<std::string>{"server", "portal", "hook"});
    said.clear();
    peer.leave(4321, "why");
    CHECK(said ==
          std::vector<std::string>{"client gone", "server gone", "hook 4321 why", "portal gone"});
    CHECK(server.stats().clients == 0);
}

TEST_CASE("what cannot be read is an error of the client, which stays", "[mesa][server]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    std::vector<std::error_code> errors;
    server.on_error([&](const mesa::ErrorEvent& error, const ClientPtr& client) {
        CHECK(client != nullptr);
        errors.push_back(error.code);
    });
    MesaPeer peer(server, fixture.lane());
    peer.say("not json");
    peer.say("null");
    peer.say("\xff\xfe", core::MessageKind::binary);
    CHECK(errors ==
          std::vector<std::error_code>(3, mesa::make_error_code(mesa::Error::invalid_json)));
    CHECK_FALSE(peer.connection->close_code);
}

TEST_CASE("a message that is too long closes the connection", "[mesa][server]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.limits.max_message_bytes = 10;
    mesa::Server server(fixture.hub, config);
    MesaPeer peer(server, fixture.lane());
    peer.say(R"({"op":0, "d":1})");
    CHECK(peer.connection->close_code == 1009);
}

TEST_CASE("a client that sends too much is closed", "[mesa][server]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.limits.messages = {.per_second = 1, .burst = 2};
    mesa::Server server(fixture.hub, config);
    MesaPeer peer(server, fixture.lane());
    for (int i = 0; i < 2; ++i) peer.say("{}");
    CHECK_FALSE(peer.connection->close_code);
    peer.say("{}");
    CHECK(peer.connection->close_code == 1008);
}

TEST_CASE("code of the application that throws is an error event", "[mesa][server]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    std::vector<std::string> errors;
    server.on_error(
        [&](const mesa::ErrorEvent& error, const ClientPtr&) { errors.push_back(error.text); });
    server.on_message([](const ClientPtr&, const Message&) { throw std::runtime_error("oh"); });
    MesaPeer peer(server, fixture.lane());
    peer.say("{}");
    CHECK(errors == std::vector<std::string>{"oh"});
    CHECK_FALSE(peer.connection->close_code);
}

TEST_CASE("a silent client is closed after its last attempt", "[mesa][heartbeat]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.heartbeat = {.is_enabled = true, .interval = 200ms, .max_attempts = 2};
    mesa::Server server(fixture.hub, config);
    MesaPeer peer(server, fixture.lane());
    (void)peer.take();
    fixture.pass(199ms);
    CHECK(peer.take().empty());
    fixture.pass(1ms);
    CHECK(peer.take() == Texts{R"({"op":1,"d":{}})"});
    fixture.pass(200ms);
    CHECK(peer.take() == Texts{R"({"op":1,"d":{"tries":1,"max":2}})"});
    peer.say(R"({"op":11})");
    fixture.pass(200ms);
    CHECK(peer.take() == Texts{R"({"op":1,"d":{}})"});
    fixture.pass(200ms);
    fixture.pass(200ms);
    CHECK(peer.take() ==
          Texts{R"({"op":1,"d":{"tries":1,"max":2}})", R"({"op":1,"d":{"tries":2,"max":2}})"});
    fixture.pass(200ms);
    CHECK(peer.connection->close_code == 1005);
    // Until it has gone it is closed no more than that.
    for (int i = 0; i < 5; ++i) fixture.pass(200ms);
    CHECK(server.stats().heartbeat_closes_total == 1);
}

TEST_CASE("a client that somebody else has closed is not closed for its silence",
          "[mesa][heartbeat]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.heartbeat = {.is_enabled = true, .interval = 100ms, .max_attempts = 1};
    mesa::Server server(fixture.hub, config);
    MesaPeer peer(server, fixture.lane());
    server.visit_clients([](mesa::Client& client) { client.disconnect(4000); });
    fixture.flush();
    CHECK(peer.connection->close_code == 4000);
    for (int i = 0; i < 5; ++i) fixture.pass(100ms);
    CHECK(server.stats().heartbeat_closes_total == 0);
}

TEST_CASE("beats do not drift, and those that were missed are left out", "[mesa][heartbeat]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.heartbeat = {.is_enabled = true, .interval = 100ms, .max_attempts = 100};
    mesa::Server server(fixture.hub, config);
    MesaPeer peer(server, fixture.lane());
    (void)peer.take();
    fixture.pass(130ms);
    CHECK(peer.take().size() == 1);
    fixture.pass(70ms);
    CHECK(peer.take().size() == 1);
    fixture.pass(1000ms);
    CHECK(peer.take().size() == 1);
}

TEST_CASE("everybody is sent to, or some, or everybody but some", "[mesa][send]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    accept_everybody(server);
    MesaPeer a(server, fixture.lane());
    MesaPeer b(server, fixture.lane());
    MesaPeer nobody(server, fixture.lane());
    a.say(log_in("\"A\""));
    b.say(log_in("5"));
    for (MesaPeer* each : {&a, &b, &nobody}) (void)each->take();

    const Texts text{R"({"op":0,"d":{},"t":"T"})"};
    const Message message(0, "{}", "T");
    server.send(message);
    CHECK(a.take() == text);
    CHECK(b.take() == text);
    CHECK(nobody.take() == text);
    server.send(message, {"A", "5", "A", "Z"});
    CHECK(a.take() == text);
    CHECK(b.take().empty());
    server.send(message, {5});
    CHECK(b.take() == text);
    const std::vector<mesa::Id> excluding{"A"};
    server.send(message, {"*"}, excluding);
    CHECK(a.take().empty());
    CHECK(b.take() == text);
    CHECK(nobody.take() == text);
    server.send(message, {"A", 5}, excluding);
    CHECK(a.take().empty());
    CHECK(b.take() == text);
    CHECK(server.stats().messages_sent_total == 8);
}

TEST_CASE("opcode 5 is carried out, not sent", "[mesa][send]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    accept_everybody(server);
    MesaPeer a(server, fixture.lane());
    a.say(log_in("\"A\""));
    (void)a.take();
    server.send(Message(5, "{}", "OTHER"), {"A"});
    CHECK(a.take().empty());
    CHECK_FALSE(a.connection->close_code);
    server.send(Message(5, "{}", "DISCONNECT_CLIENT"), {"A"});
    CHECK(a.connection->close_code == 1000);
}

TEST_CASE("clients on several loops are all served", "[mesa][send]") {
    MesaFixture fixture({.lanes = 2});
    mesa::Server server(fixture.hub, {});
    accept_everybody(server);
    MesaPeer a(server, fixture.lane(0));
    MesaPeer b(server, fixture.lane(1));
    a.say(log_in("\"A\""));
    b.say(log_in("\"A\""));
    (void)a.take();
    (void)b.take();
    server.send(Message(0), {"A"});
    CHECK(a.take() == Texts{R"({"op":0,"d":{}})"});
    CHECK(b.take() == Texts{R"({"op":0,"d":{}})"});
    std::size_t visited = 0;
    server.visit_clients(
        [&](mesa::Client& client) { visited += client.is_authenticated() ? 1U : 0U; });
    fixture.flush();
    CHECK(visited == 2);
}

TEST_CASE("a hook learns whom a message was sent to", "[mesa][send]") {
    class Hook : public mesa::Middleware {
      public:
        void on_message_sent(const Message&, std::span<const ClientPtr> clients,
                             bool is_from_this_replica) override {
            count += clients.size();
            is_ours = is_from_this_replica;
        }
        std::size_t count = 0;
        bool is_ours = false;
    };
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    const auto hook = std::make_shared<Hook>();
    server.use(hook);
    MesaPeer a(server, fixture.lane());
    MesaPeer b(server, fixture.lane());
    server.send(Message(0));
    CHECK(hook->count == 2);
    CHECK(hook->is_ours);
    server.send(Message(0), {"Z"});
    CHECK(hook->count == 2);
}

TEST_CASE("kept messages of a client are bounded", "[mesa][server]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.stores_messages = true;
    config.limits.max_stored_messages = 3;
    mesa::Server server(fixture.hub, config);
    ClientPtr client;
    server.on_connection([&](const ClientPtr& each) { client = each; });
    MesaPeer peer(server, fixture.lane());
    for (int i = 0; i < 5; ++i) peer.say(R"({"op":)" + std::to_string(i) + "}");
    peer.say(R"({"op":11})");
    const auto messages = client->messages();
    REQUIRE(messages.size() == 3);
    CHECK(messages.front().opcode == 2);
    CHECK(messages.back().opcode == 4);
}

TEST_CASE("a client held by the application outlives its connection without effect",
          "[mesa][server]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    ClientPtr client;
    std::uint16_t code = 0;
    server.on_connection([&](const ClientPtr& each) {
        client = each;
        each->on_disconnect([&](std::uint16_t with, std::string_view) { code = with; });
    });
    auto peer = std::make_unique<MesaPeer>(server, fixture.lane());
    peer->leave(4321, "why");
    CHECK(code == 4321);
    peer.reset();
    CHECK_FALSE(client->is_connected());
    client->send(Message(0));
    client->send_direct(Message(0));
    client->disconnect(1000);
    client->update_user({mesa::Id("A"), "{}"});
    CHECK(server.stats().clients == 0);
}

TEST_CASE("shutting down closes everybody, lets nobody in, and ends when all are gone",
          "[mesa][server]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    MesaPeer a(server, fixture.lane());
    bool is_done = false;
    server.shut_down([&] { is_done = true; });
    fixture.flush();
    CHECK(a.connection->close_code == 1001);
    CHECK_FALSE(is_done);
    MesaPeer late(server, fixture.lane());
    REQUIRE(late.refusal);
    CHECK(late.refusal->status == 503);
    a.leave(1001);
    CHECK(is_done);
    bool is_done_again = false;
    server.shut_down([&] { is_done_again = true; });
    CHECK(is_done_again);
}

TEST_CASE("a server may end before the connections of clients that do not go", "[mesa][server]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.heartbeat = {.is_enabled = true, .interval = 400ms, .max_attempts = 100};
    auto server = std::make_unique<mesa::Server>(fixture.hub, config);
    ClientPtr client;
    std::uint16_t code = 0;
    server->on_connection([&](const ClientPtr& each) {
        client = each;
        each->on_disconnect([&](std::uint16_t with, std::string_view) { code = with; });
    });
    MesaPeer peer(*server, fixture.lane());
    bool is_done = false;
    server->shut_down([&] { is_done = true; });
    fixture.flush();
    fixture.pass(1500ms);
    CHECK(is_done);
    CHECK(code == 1006);
    CHECK(server->stats().clients == 0);
    server.reset();

    bool has_run = false;
    client->post([&](mesa::Client& each) { has_run = !each.is_connected(); });
    fixture.pass(1s);
    CHECK(has_run);
    peer.conversation->on_message(protocol::as_bytes("{}"), core::MessageKind::text);
    peer.leave(1001);
    CHECK(code == 1006);
}

TEST_CASE("shutting down does not wait for clients that do not go", "[mesa][server]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    MesaPeer a(server, fixture.lane());
    bool is_done = false;
    server.shut_down([&] { is_done = true; });
    fixture.flush();
    fixture.pass(1499ms);
    CHECK_FALSE(is_done);
    fixture.pass(1ms);
    CHECK(is_done);
}

}  // namespace
