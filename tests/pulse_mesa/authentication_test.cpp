// SPDX-License-Identifier: MIT OR Apache-2.0
#include "mesa_fixture.hpp"

#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;
using mesa::ClientPtr;
using mesa::Message;

/// Keeps what it is asked until the test answers.
class Asked {
  public:
    explicit Asked(mesa::Server& server) {
        server.on_connection([this](const ClientPtr& each) {
            client = each;
            each->authenticate([this](std::string_view with, mesa::AuthDone done) {
                data = with;
                waiting.push_back(std::move(done));
            });
        });
    }
    ClientPtr client;
    std::string data;
    std::vector<mesa::AuthDone> waiting;
};

TEST_CASE("the answer may come later and from another thread", "[mesa][authentication]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    Asked asked(server);
    MesaPeer peer(server, fixture.lane());
    (void)peer.take();
    peer.say(R"({"op":2,"d":{"a":1}})");
    CHECK(asked.data == R"({"a":1})");
    CHECK(peer.take().empty());
    std::thread([&] { asked.waiting[0]({mesa::Id("A"), R"({"n":1})"}); }).join();
    CHECK_FALSE(asked.client->is_authenticated());
    CHECK(peer.take() == Texts{R"({"op":22,"d":{"n":1}})"});
    CHECK(asked.client->is_authenticated());
    CHECK(asked.client->id() == mesa::Id("A"));
}

TEST_CASE("a client that nobody could judge is closed as if it might come again",
          "[mesa][authentication]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    mesa::Server closing(fixture.hub, config);
    config.authentication.disconnects_on_failure = false;
    mesa::Server patient(fixture.hub, config);
    const auto unavailable = mesa::make_error_code(mesa::Error::authentication_unavailable);
    for (mesa::Server* each : {&closing, &patient}) {
        Asked asked(*each);
        MesaPeer peer(*each, fixture.lane());
        (void)peer.take();
        peer.say(log_in("1"));
        asked.waiting.at(0).fail(unavailable);
        if (each == &closing) CHECK(peer.connection->close_code == 1013);
        if (each == &patient) CHECK_FALSE(peer.connection->close_code);
        CHECK(peer.take().empty());
        CHECK(each->stats().authentications_unavailable_total == 1);
        CHECK(each->stats().authentication_failures_total == 0);
    }
}

TEST_CASE("a second success changes the id without a second answer", "[mesa][authentication]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    accept_everybody(server);
    MesaPeer peer(server, fixture.lane());
    peer.say(log_in("1"));
    (void)peer.take();
    peer.say(log_in("2"));
    CHECK(peer.take().empty());
    server.send(Message(0), {1});
    CHECK(peer.take().empty());
    server.send(Message(0), {2});
    CHECK(peer.take().size() == 1);
    CHECK(server.stats().authenticated_clients == 1);
}

TEST_CASE("a refused client is closed, or may try again", "[mesa][authentication]") {
    MesaFixture fixture;
    mesa::Server strict(fixture.hub, {});
    Asked asked(strict);
    MesaPeer a(strict, fixture.lane());
    a.say(R"({"op":2})");
    asked.waiting[0].fail();
    CHECK(a.connection->close_code == 1008);

    mesa::ServerConfig config;
    config.authentication.disconnects_on_failure = false;
    mesa::Server patient(fixture.hub, config);
    Asked again(patient);
    MesaPeer b(patient, fixture.lane());
    (void)b.take();
    b.say(R"({"op":2})");
    again.waiting[0].fail();
    CHECK(b.take().empty());
    CHECK_FALSE(b.connection->close_code);
    b.say(R"({"op":2})");
    again.waiting[1]({mesa::Id("B")});
    CHECK(b.take() == Texts{R"({"op":22,"d":{}})"});
}

TEST_CASE("without an id of its own, or with a user that is no JSON, nobody is authenticated",
          "[mesa][authentication]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    Asked asked(server);
    std::vector<std::error_code> errors;
    server.on_error(
        [&](const mesa::ErrorEvent& error, const ClientPtr&) { errors.push_back(error.code); });
    MesaPeer peer(server, fixture.lane());
    (void)peer.take();
    for (int i = 0; i < 3; ++i) peer.say(R"({"op":2})");
    asked.waiting[0]({std::nullopt, "{}"});
    asked.waiting[1]({mesa::Id("A"), "{"});
    asked.waiting[2]({mesa::Id("*"), "{}"});
    CHECK(peer.take().empty());
    CHECK(errors == std::vector<std::error_code>{mesa::make_error_code(mesa::Error::no_id),
                                                 mesa::make_error_code(mesa::Error::invalid_user),
                                                 mesa::make_error_code(mesa::Error::reserved_id)});
    CHECK_FALSE(asked.client->id());
}

TEST_CASE("authentications that wait are bounded, and one that is dropped frees its place",
          "[mesa][authentication]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.limits.max_pending_authentications = 2;
    mesa::Server server(fixture.hub, config);
    Asked asked(server);
    std::size_t errors = 0;
    server.on_error([&](const mesa::ErrorEvent&, const ClientPtr&) { ++errors; });
    MesaPeer peer(server, fixture.lane());
    for (int i = 0; i < 3; ++i) peer.say(R"({"op":2})");
    CHECK(asked.waiting.size() == 2);
    CHECK(errors == 1);
    asked.waiting.pop_back();
    peer.say(R"({"op":2})");
    CHECK(asked.waiting.size() == 2);
    CHECK_FALSE(peer.connection->close_code);
}

TEST_CASE("a client that never tries is closed where somebody would judge it",
          "[mesa][authentication]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.authentication.timeout = 300ms;
    mesa::Server server(fixture.hub, config);
    Asked asked(server);
    MesaPeer silent(server, fixture.lane());
    MesaPeer trying(server, fixture.lane());
    trying.say(R"({"op":2})");
    mesa::Server open(fixture.hub, config);
    MesaPeer unasked(open, fixture.lane());
    fixture.pass(299ms);
    CHECK_FALSE(silent.connection->close_code);
    fixture.pass(1ms);
    CHECK(silent.connection->close_code == 1008);
    CHECK_FALSE(trying.connection->close_code);
    CHECK_FALSE(unasked.connection->close_code);
}

TEST_CASE("sends skip clients that are not authenticated where that is required",
          "[mesa][authentication]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.authentication.is_required = true;
    mesa::Server server(fixture.hub, config);
    Asked asked(server);
    MesaPeer peer(server, fixture.lane());
    (void)peer.take();
    server.send(Message(0));
    asked.client->send(Message(0));
    CHECK(peer.take().empty());
    asked.client->send_direct(Message(0));
    CHECK(peer.take().size() == 1);
}

TEST_CASE("an answer for a client that has gone is nothing", "[mesa][authentication]") {
    MesaFixture fixture;
    mesa::Server server(fixture.hub, {});
    Asked asked(server);
    {
        MesaPeer peer(server, fixture.lane());
        peer.say(R"({"op":2})");
    }
    asked.waiting[0]({mesa::Id("A")});
    fixture.flush();
    CHECK_FALSE(asked.client->is_authenticated());
    CHECK_FALSE(asked.client->id());
}

}  // namespace
