// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A server on a bus that is slow, refuses, breaks, or has servers on it that say nothing of their
// clients.
#include "mesa_fixture.hpp"

#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;
using mesa::ClientPtr;
using mesa::Message;

/// Does nothing until the test says so.
class HeldBus final : public mesa::Bus {
  public:
    struct Publication {
        std::string channel;
        std::string text;
        Done done;
    };

    [[nodiscard]] const std::string& name_space() const noexcept override { return name_space_; }
    [[nodiscard]] bool is_up() const noexcept override { return is_up_; }
    [[nodiscard]] bool has_strangers() const noexcept override { return strangers; }
    Subscription subscribe(std::vector<std::string>, Subscriber subscriber) override {
        auto held = std::make_shared<Subscriber>(std::move(subscriber));
        subscriber_ = held;
        held->on_state(true);
        return held;
    }
    void publish(std::string_view channel, std::string text, Done done) override {
        publications.push_back({std::string(channel), std::move(text), std::move(done)});
    }
    void open_replica(const std::string&) override {}
    void count_connections(const std::string&, std::int64_t) override {}
    void add_client(const std::string&, const std::string&, Added done) override {
        added.push_back(std::move(done));
    }
    void remove_client(const std::string&, const std::string&) override {}
    void close_replica(const std::string&, Done done) override { done({}); }
    void keep_for_offline(std::vector<std::string>, std::string, Routed done) override {
        routed.push_back(std::move(done));
    }
    void begin_replay(const std::string&, const std::string&, Taken done) override {
        done(std::nullopt);
    }
    void drop_sent(const std::string&, std::vector<std::string>) override {}
    void end_replay(const std::string&, const std::string&) override {}
    void discard_kept(const std::string&) override {}
    void join_pool(const std::string&, Done done) override { done({}); }
    void leave_pool(const std::string&, Done done) override { done({}); }
    void list_pool(std::function<void(core::Result<std::vector<std::string>>)> done) override {
        lists.push_back(std::move(done));
    }
    void check_pool() override {}

    /// The oldest publication arrives where its channel is listened to.
    void release() {
        Publication first = std::move(publications.front());
        publications.pop_front();
        if (const auto held = subscriber_.lock()) held->on_message(first.channel, first.text);
        first.done({});
    }
    void refuse() {
        const Publication first = std::move(publications.front());
        publications.pop_front();
        first.done(mesa::make_error_code(mesa::Error::bus_unavailable));
    }
    void announce(std::string_view text) {
        if (const auto held = subscriber_.lock()) held->on_message(mesa::kPoolChannel, text);
    }
    void set_up(bool is_up) {
        is_up_ = is_up;
        if (const auto held = subscriber_.lock()) held->on_state(is_up);
    }

    bool strangers = false;
    std::deque<Publication> publications;
    std::vector<Added> added;
    std::vector<Routed> routed;
    std::vector<std::function<void(core::Result<std::vector<std::string>>)>> lists;

  private:
    const std::string name_space_;
    bool is_up_ = true;
    std::weak_ptr<Subscriber> subscriber_;
};

struct Held : MesaFixture {
    Held() {
        mesa::ServerConfig config;
        config.bus = bus;
        server = std::make_unique<mesa::Server>(hub, config);
        accept_everybody(*server);
        server->on_error([this](const mesa::ErrorEvent& error, const ClientPtr&) {
            errors.push_back(error.code);
        });
    }
    const std::shared_ptr<HeldBus> bus = std::make_shared<HeldBus>();
    std::unique_ptr<mesa::Server> server;
    std::vector<std::error_code> errors;
};

std::string text(int n) { return R"({"op":0,"d":)" + std::to_string(n) + "}"; }
Message message(int n) { return Message(0, std::to_string(n)); }

TEST_CASE("a message to everybody is delivered when it comes back, once", "[mesa][bus]") {
    Held held;
    MesaPeer a(*held.server, held.lane());
    (void)a.take();
    held.server->send(message(1));
    held.server->send(message(2));
    CHECK(a.take().empty());
    held.bus->release();
    CHECK(a.take() == Texts{text(1)});
    held.bus->release();
    CHECK(a.take() == Texts{text(2)});
    held.pass(5s);
    CHECK(a.take().empty());
    CHECK(held.errors.empty());
}

TEST_CASE("one that takes longer than a second is not waited for", "[mesa][bus]") {
    Held held;
    MesaPeer a(*held.server, held.lane());
    (void)a.take();
    held.server->send(message(1));
    held.flush();
    held.pass(500ms);
    held.server->send(message(2));
    held.pass(499ms);
    CHECK(a.take().empty());
    held.pass(1ms);
    CHECK(a.take() == Texts{text(1)});
    held.pass(499ms);
    CHECK(a.take().empty());
    held.pass(1ms);
    CHECK(a.take() == Texts{text(2)});
    held.bus->release();
    held.bus->release();
    CHECK(a.take().empty());
}

TEST_CASE("a bus that breaks loses nobody what was sent here, and says so", "[mesa][bus]") {
    Held held;
    MesaPeer a(*held.server, held.lane());
    (void)a.take();
    held.server->send(message(1));
    held.server->send(message(2));
    held.bus->set_up(false);
    CHECK(a.take() == Texts{text(1), text(2)});
    CHECK(held.errors.size() == 1);
    held.server->send(message(3));
    CHECK(a.take() == Texts{text(3)});
    held.bus->refuse();
    held.bus->set_up(true);
    // The second one did arrive, and the third went out afterwards.
    held.bus->release();
    held.bus->release();
    CHECK(a.take().empty());
    CHECK(held.errors.size() == 2);
    CHECK(held.errors.front() == mesa::make_error_code(mesa::Error::bus_unavailable));
}

TEST_CASE("a refused publication is delivered here, and is an error", "[mesa][bus]") {
    Held held;
    MesaPeer a(*held.server, held.lane());
    (void)a.take();
    held.server->send(message(1));
    held.bus->refuse();
    CHECK(a.take() == Texts{text(1)});
    CHECK(held.errors.size() == 1);
}

TEST_CASE("excluded ids stay excluded on every way", "[mesa][bus]") {
    Held held;
    MesaPeer a(*held.server, held.lane());
    MesaPeer b(*held.server, held.lane());
    a.say(log_in("\"A\""));
    held.bus->added.at(0)(false);
    (void)a.take();
    (void)b.take();
    const std::vector<mesa::Id> excluding{"A"};
    for (const bool is_released : {true, false}) {
        held.server->send(message(1), mesa::Recipients::all(), excluding);
        is_released ? held.bus->release() : held.bus->refuse();
        CHECK(a.take().empty());
        CHECK(b.take() == Texts{text(1)});
    }
}

TEST_CASE("who logs in does not wait for a slow bus", "[mesa][authentication]") {
    Held held;
    MesaPeer a(*held.server, held.lane());
    (void)a.take();
    a.say(log_in("\"A\""));
    held.pass(900ms);
    CHECK(a.take().empty());
    held.pass(200ms);
    CHECK(a.take() == Texts{R"({"op":22,"d":{"id":"A"}})"});
    held.bus->added.at(0)(false);
    CHECK(a.take().empty());
    CHECK(held.server->stats().authenticated_clients == 1);
}

TEST_CASE("where others may have an id as well it is published, too", "[mesa][bus]") {
    Held held;
    MesaPeer a(*held.server, held.lane());
    a.say(log_in("\"A\""));
    held.bus->added.at(0)(false);
    (void)a.take();
    held.server->send(message(1), {"A"});
    CHECK(a.take() == Texts{text(1)});
    CHECK(held.bus->publications.empty());
    held.bus->strangers = true;
    held.server->send(message(2), {"A"});
    REQUIRE(held.bus->publications.size() == 1);
    held.bus->release();
    // It has served its own already.
    CHECK(a.take() == Texts{text(2)});
}

TEST_CASE("a list of portals that is older than what they announced is asked for again",
          "[mesa][portal]") {
    MesaFixture fixture;
    const auto bus = std::make_shared<HeldBus>();
    mesa::ServerConfig config;
    config.bus = bus;
    config.portal.is_enabled = true;
    mesa::Server server(fixture.hub, config);
    bool is_ready = false;
    server.when_ready([&] { is_ready = true; });
    using Ids = std::vector<std::string>;
    REQUIRE(bus->lists.size() == 1);
    bus->announce(R"({"id":"new","ready":true})");
    bus->lists[0](Ids{"old"});
    CHECK(server.stats().portals == 1);
    CHECK_FALSE(is_ready);
    REQUIRE(bus->lists.size() == 2);
    bus->lists[1](Ids{"old", "new"});
    CHECK(server.stats().portals == 2);
    CHECK(is_ready);
}

TEST_CASE("who comes while Redis is asked who is offline gets the message, once", "[mesa][sync]") {
    MesaFixture fixture;
    const auto bus = std::make_shared<HeldBus>();
    mesa::ServerConfig config;
    config.bus = bus;
    config.sync.is_enabled = true;
    mesa::Server server(fixture.hub, config);
    accept_everybody(server);
    server.send(message(1), {"A"});
    MesaPeer a(server, fixture.lane());
    a.say(log_in("\"A\""));
    bus->added.at(0)(false);
    (void)a.take();
    // When Redis looked it was online.
    bus->routed.at(0)(std::vector<mesa::Bus::OfflineName>{});
    CHECK(a.take() == Texts{text(1)});
    REQUIRE(bus->publications.size() == 1);
    bus->release();
    CHECK(a.take().empty());
}

/// A client of the second loop, which is another thread's, and one of the first.
struct TwoLoops : MesaFixture {
    explicit TwoLoops(const mesa::ServerLimits& limits) : MesaFixture({.lanes = 2}) {
        mesa::ServerConfig config;
        config.bus = bus;
        config.limits = limits;
        server = std::make_unique<mesa::Server>(hub, config);
        server->on_error([this](const mesa::ErrorEvent& error, const ClientPtr&) {
            errors.push_back(error.code);
        });
        here = std::make_unique<MesaPeer>(*server, lane(0));
        std::thread([this] { there = std::make_unique<MesaPeer>(*server, lane(1)); }).join();
        (void)here->take();
        (void)there->take();
    }
    void dispatch(const Message& each) { mesa::Dispatcher(bus).dispatch(each); }

    const std::shared_ptr<mesa::Bus> bus = mesa::make_memory_bus();
    std::unique_ptr<mesa::Server> server;
    std::vector<std::error_code> errors;
    std::unique_ptr<MesaPeer> here;
    std::unique_ptr<MesaPeer> there;
};

TEST_CASE("what waits for a loop is bounded by number, and what is lost is said", "[mesa][bus]") {
    TwoLoops loops({.max_waiting_deliveries = 2});
    for (int i = 0; i < 4; ++i) loops.dispatch(message(i));
    CHECK(loops.here->take() == Texts{text(0), text(1), text(2), text(3)});
    CHECK(loops.there->take() == Texts{text(0), text(1)});
    const auto lost = mesa::make_error_code(mesa::Error::delivery_lost);
    CHECK(loops.errors == std::vector<std::error_code>{lost, lost});
    CHECK(loops.server->stats().deliveries_lost_total == 2);
    // There is room again.
    loops.dispatch(message(4));
    CHECK(loops.there->take() == Texts{text(4)});
    CHECK(loops.errors.size() == 2);
}

TEST_CASE("what waits for a loop is bounded by size, but for one alone", "[mesa][bus]") {
    TwoLoops loops({.max_waiting_bytes = 100});
    const Message big(0, '"' + std::string(60, 'x') + '"');
    const Message too_big(0, '"' + std::string(200, 'x') + '"');
    loops.dispatch(big);
    loops.dispatch(big);
    loops.dispatch(message(1));
    CHECK(loops.there->take().size() == 2);
    CHECK(loops.errors.size() == 1);
    loops.dispatch(too_big);
    loops.dispatch(message(2));
    CHECK(loops.there->take().size() == 1);
    CHECK(loops.errors.size() == 2);
}

TEST_CASE("what is stored of a client is bounded by its size, too", "[mesa][server]") {
    MesaFixture fixture;
    mesa::ServerConfig config;
    config.stores_messages = true;
    config.limits.max_stored_bytes = 100;
    mesa::Server server(fixture.hub, config);
    ClientPtr client;
    server.on_connection([&](const ClientPtr& each) { client = each; });
    MesaPeer a(server, fixture.lane());
    for (int i = 0; i < 5; ++i) {
        a.say(R"({"op":0,"d":")" + std::string(38, static_cast<char>('a' + i)) + "\"}");
    }
    REQUIRE(client->messages().size() == 2);
    CHECK(client->messages().front().data == '"' + std::string(38, 'd') + '"');
    a.say(R"({"op":0,"d":")" + std::string(200, 'x') + "\"}");
    CHECK(client->messages().empty());
}

}  // namespace
