// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms on several nodes with one store.
#include "relay_fixture.hpp"

#include <deque>

#include <pulse/rooms/rooms.hpp>

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

constexpr std::string_view kPrefix = "rooms:";

/// As a host joins rooms and a relay.
cluster::RelayKeys room_keys(rooms::Rooms& rooms) {
    cluster::RelayKeys keys;
    keys.space = "rooms";
    keys.resumes_itself = true;
    keys.key_of = [&rooms](const core::OpenRequest& request) {
        auto room = rooms.room_of(request);
        if (room) room->insert(0, kPrefix);
        return room;
    };
    keys.query_for_owner = [&rooms](const core::OpenRequest& request) {
        return rooms.query_of(request);
    };
    keys.headers_for_owner = [&rooms] { return rooms.headers_read(); };
    keys.release = [&rooms](const std::string& key, std::function<void()> done) {
        rooms.release(std::string_view(key).substr(kPrefix.size()), std::move(done));
    };
    return keys;
}

struct RoomNode : RelayNode {
    RoomNode(TestNet& net, TestOwners& owners, const std::string& name_, core::DocumentStore& store)
        : RelayNode(net, owners, name_, quick_options()), rooms({}, hub, store) {
        const auto key = [](const std::string& room) { return std::string(kPrefix) + room; };
        rooms.share({.on_lost =
                         [this, key](const std::string& room) {
                             ++losses;
                             relay->drop(key(room));
                         },
                     .term_of =
                         [this, key](const std::string& room) {
                             return fixed_term != 0 ? fixed_term.load() : relay->term_of(key(room));
                         }});
        dialect = relay->wrap(rooms.dialect(), room_keys(rooms));
        routes = relay->wrap("rooms", rooms::make_room_routes(rooms, {.api_key = "key"}),
                             [this](const core::HttpRequest& request) {
                                 auto room = rooms.room_of(request);
                                 if (room) room->insert(0, kPrefix);
                                 return room;
                             });
    }
    ~RoomNode() {
        // Before the rooms, which it ends connections of.
        dialect.reset();
        relay.reset();
    }

    rooms::Rooms rooms;
    std::vector<core::Route> routes;
    std::atomic<int> losses{0};
    /// It believes to have all rooms by that.
    std::atomic<std::uint64_t> fixed_term{0};
};

struct RoomCluster {
    explicit RoomCluster(std::size_t n = 2) {
        static constexpr const char* kNames[] = {"a", "b", "c"};
        for (std::size_t i = 0; i < n; ++i) nodes.emplace_back(net, *owners, kNames[i], *store);
    }
    void turn() {
        for (RoomNode& node : nodes) node.turn();
    }
    template <typename Predicate>
    [[nodiscard]] bool becomes(Predicate&& predicate,
                               std::chrono::milliseconds deadline = std::chrono::seconds(10)) {
        return eventually(
            [&] {
                turn();
                return predicate();
            },
            deadline);
    }
    std::unique_ptr<RoomPeer> connect(std::size_t node, const std::string& query,
                                      std::size_t lane = 0) {
        return std::make_unique<RoomPeer>(*nodes[node].hub.lanes()[lane], *nodes[node].dialect,
                                          query);
    }
    Lines read(RoomPeer& peer, std::size_t n) {
        Lines all;
        (void)becomes([&] {
            for (std::string& each : peer.take()) all.push_back(std::move(each));
            return all.size() >= n;
        });
        return all;
    }
    std::unique_ptr<RoomPeer> join(std::size_t node, const std::string& query = "room=r",
                                   std::size_t lane = 0) {
        auto peer = connect(node, query, lane);
        REQUIRE(read(*peer, 2).size() == 2);
        return peer;
    }
    Lines ask(RoomPeer& peer, std::string_view message, std::size_t n = 1) {
        peer.say(message);
        return read(peer, n);
    }
    core::HttpResponse request(std::size_t node, const std::string& method, const std::string& path,
                               const std::string& query, const std::string& body = "",
                               const std::string& room = "") {
        TestAsker asker(*nodes[node].hub.lanes()[0]);
        core::HttpRequest request;
        request.method = method;
        request.path = path;
        request.query = query;
        request.body = body;
        request.headers = {{"Authorization", "Bearer key"}};
        if (!room.empty()) request.parameters = {{"room", room}};
        for (core::Route& route : nodes[node].routes) {
            const bool is_it = room.empty() ? route.path == path
                                            : route.path.ends_with(path.substr(path.rfind('/')));
            if (is_it) route.handler(request, asker.responder());
        }
        REQUIRE(becomes([&] { return asker.answer.has_value(); }));
        return *asker.answer;
    }

    core::SystemClock clock;
    std::unique_ptr<core::DocumentStore> store = core::make_memory_document_store(clock);
    TestNet net;
    const std::shared_ptr<TestOwners> owners = std::make_shared<TestOwners>();
    std::deque<RoomNode> nodes;
};

const std::string kCounted = R"({"type":"counter","data":{"id":"c","value":")";

}  // namespace

TEST_CASE("clients of one room on two nodes are in one room", "[cluster][relay][rooms]") {
    RoomCluster c;
    auto a = c.join(0);
    auto b = c.connect(1, "room=r&session=s");
    const Lines greeting = c.read(*b, 2);
    REQUIRE(greeting.size() == 2);
    CHECK(greeting[0] == R"({"type":"config","data":""})");
    CHECK(greeting[1].find(R"("suffix":2,"properties":{},"id":"s")") != std::string::npos);
    for (RoomPeer* const peer : {a.get(), b.get()}) {
        peer->say(R"({"type":"subscribe","data":"chat"})");
        peer->say(R"({"type":"subscribe","data":"counter"})");
        peer->say(R"({"type":"subscribe","data":"poll"})");
        CHECK(c.ask(*peer, R"({"type":"profile"})").size() == 1);
    }
    a->say(R"({"type":"chat","data":"from a"})");
    CHECK(c.read(*b, 1)[0].find("from a") != std::string::npos);
    CHECK(c.read(*a, 1)[0].find("from a") != std::string::npos);
    b->say(R"({"type":"counter","data":{"id":"c","value":2}})");
    CHECK(c.read(*a, 1) == Lines{kCounted + R"(2"}})"});
    CHECK(c.read(*b, 1) == Lines{kCounted + R"(2"}})"});
    b->say(R"({"type":"poll","data":{"id":"tea","answer":"yes"}})");
    const Lines voted{R"({"type":"poll","data":{"id":"tea","stats":{"yes":1}}})"};
    CHECK(c.read(*a, 1) == voted);
    CHECK(c.read(*b, 1) == voted);
    CHECK(c.nodes[1].rooms.stats().rooms == 0);
    CHECK(c.nodes[0].rooms.stats().connections == 2);
}

TEST_CASE("a session that was made for a client is the same with the owner",
          "[cluster][relay][rooms]") {
    RoomCluster c;
    auto a = c.join(0);
    auto b = c.connect(1, "room=r");
    const Lines greeting = c.read(*b, 2);
    REQUIRE(greeting.size() == 2);
    std::string session;
    for (const auto& [name, value] : b->response_headers) {
        if (name == "x-session-id") session = value;
    }
    REQUIRE(session.size() == 36);
    CHECK(greeting[1].find(session) != std::string::npos);
}

TEST_CASE("the server's side of a room is answered by its owner, whoever is asked",
          "[cluster][relay][rooms]") {
    RoomCluster c;
    auto a = c.join(0);
    auto b = c.join(1);
    for (std::size_t node = 0; node < 2; ++node) {
        const auto details = c.request(node, "GET", "/details", "room=r");
        CHECK(details.status == 200);
        CHECK(details.body.find(R"("count":2,)") != std::string::npos);
        const auto users = c.request(node, "GET", "/users", "room=r");
        CHECK(users.body.find(R"("suffix":2)") != std::string::npos);
    }
    CHECK(c.request(1, "PUT", "/v1/rooms/r/config", "", "dark", "r").status == 200);
    const Lines config{R"({"type":"config","data":"dark"})"};
    CHECK(c.read(*a, 1) == config);
    CHECK(c.read(*b, 1) == config);
    CHECK(c.request(1, "POST", "/v1/rooms/r/broadcast", "", R"({"type":"news"})", "r").status ==
          200);
    CHECK(c.read(*a, 1) == Lines{R"({"type":"news"})"});
    CHECK(c.read(*b, 1) == Lines{R"({"type":"news"})"});
    CHECK(c.request(1, "GET", "/websocket", "").status == 400);
    CHECK(c.request(1, "GET", "/details", "room=" + std::string(300, 'x')).status == 400);
}

TEST_CASE("who comes back after an owner is gone finds everything that was acknowledged",
          "[cluster][relay][rooms]") {
    RoomCluster c;
    auto a = c.join(0);
    auto b = c.join(1, "room=r&session=s");
    b->say(R"({"type":"subscribe","data":"counter"})");
    for (int i = 1; i <= 20; ++i) {
        CHECK(c.ask(*b, R"({"type":"counter","data":{"id":"c","value":1}})") ==
              Lines{kCounted + std::to_string(i) + R"("}})"});
    }
    const bool is_dead = GENERATE(true, false);
    if (is_dead) {
        c.net.cut("a");
        c.owners->bury("a");
    } else {
        c.owners->move("rooms:r", "b");
    }
    CHECK(c.becomes([&] { return b->close_code == 1012; }));
    b->drop();
    auto back = c.connect(1, "room=r&session=s");
    const Lines greeting = c.read(*back, 2);
    REQUIRE(greeting.size() == 2);
    CHECK(greeting[1].find(R"("suffix":2,)") != std::string::npos);
    CHECK(c.ask(*back, R"({"type":"subscribe","data":"counter"})") == Lines{kCounted + R"(20"}})"});
    if (!is_dead) CHECK(c.becomes([&] { return c.nodes[0].rooms.stats().rooms == 0; }));
}

TEST_CASE("an owner that does not know yet that it is none stores nothing any more",
          "[cluster][relay][rooms]") {
    RoomCluster c;
    auto old = c.join(0, "room=r&session=old");
    old->say(R"({"type":"subscribe","data":"counter"})");
    CHECK(c.ask(*old, R"({"type":"counter","data":{"id":"c","value":1}})").size() == 1);
    // As after a long pause of the whole process: it hears of nothing, and others have its keys.
    c.net.cut("a");
    c.owners->bury("a");
    auto next = c.join(1, "room=r&session=new");
    CHECK(c.ask(*next, R"({"type":"subscribe","data":"counter"})") == Lines{kCounted + R"(1"}})"});
    CHECK(c.ask(*next, R"({"type":"counter","data":{"id":"c","value":1}})") ==
          Lines{kCounted + R"(2"}})"});
    const Lines refused = c.ask(*old, R"({"type":"counter","data":{"id":"c","value":100}})");
    REQUIRE_FALSE(refused.empty());
    CHECK(refused[0].find("Nothing was changed") != std::string::npos);
    CHECK(c.becomes([&] { return old->close_code == 1012; }));
    CHECK(c.nodes[0].losses == 1);
    CHECK(c.ask(*next, R"({"type":"counter","data":{"id":"c","value":1}})") ==
          Lines{kCounted + R"(3"}})"});
}

TEST_CASE("an owner that does not know yet that it is none does not read a room anew",
          "[cluster][relay][rooms]") {
    RoomCluster c;
    c.nodes[1].fixed_term = 5;
    auto next = c.join(1, "room=r&session=new");
    next->say(R"({"type":"subscribe","data":"counter"})");
    const std::string add = R"({"type":"counter","data":{"id":"c","value":1}})";
    CHECK(c.ask(*next, add) == Lines{kCounted + R"(1"}})"});
    // By itself, as what was asked for before it lost the room, and comes to its turn after that.
    c.nodes[0].fixed_term = 4;
    RoomPeer late(*c.nodes[0].hub.lanes()[0], c.nodes[0].rooms.dialect(), "room=r&session=old");
    REQUIRE(c.becomes([&] { return late.close_code.has_value(); }));
    CHECK(c.nodes[0].losses == 1);
    CHECK(c.nodes[1].losses == 0);
    CHECK(c.ask(*next, add) == Lines{kCounted + R"(2"}})"});
    // The next owner's term is newer than all.
    c.nodes[0].fixed_term = 6;
    RoomPeer after(*c.nodes[0].hub.lanes()[0], c.nodes[0].rooms.dialect(), "room=r&session=old");
    REQUIRE(c.read(after, 2).size() == 2);
    CHECK(c.ask(*next, add)[0].find("Nothing was changed") != std::string::npos);
    CHECK(c.becomes([&] { return c.nodes[1].losses == 1; }));
}

TEST_CASE("a message to a room goes to another node once, however many are there",
          "[cluster][relay][rooms]") {
    RoomCluster c;
    auto a = c.join(0);
    std::deque<std::unique_ptr<RoomPeer>> peers;
    for (std::size_t i = 0; i < 10; ++i) peers.push_back(c.join(1, "room=r", i % 2));
    for (const auto& peer : peers) {
        peer->say(R"({"type":"subscribe","data":"chat"})");
        CHECK(c.ask(*peer, R"({"type":"profile"})").size() == 1);
    }
    const auto before = c.nodes[0].relay->stats().bytes_sent_total;
    const std::string text(20'000, 'x');
    a->say(R"({"type":"chat","data":")" + text + R"("})");
    for (const auto& peer : peers) {
        const Lines got = c.read(*peer, 1);
        REQUIRE(got.size() == 1);
        CHECK(got[0].find(text) != std::string::npos);
    }
    CHECK(c.nodes[0].relay->stats().bytes_sent_total - before < 2 * text.size());
}

TEST_CASE("a node that ends gives its rooms to the others, flushed", "[cluster][relay][rooms]") {
    RoomCluster c;
    auto a = c.join(0);
    auto b = c.join(1, "room=r&session=s");
    b->say(R"({"type":"login","data":{"name":"B"}})");
    CHECK(c.read(*b, 1).size() == 1);
    c.nodes[0].relay->drain();
    CHECK(c.becomes([&] { return b->close_code == 1012; }));
    b->drop();
    a->drop();
    auto back = c.connect(1, "room=r&session=s");
    const Lines greeting = c.read(*back, 2);
    REQUIRE(greeting.size() == 2);
    CHECK(greeting[1].find(R"({"name":"B"})") != std::string::npos);
    CHECK(c.owners->owner_of("rooms:r") == "b");
    CHECK(c.becomes([&] { return c.nodes[0].rooms.stats().rooms == 0; }));
}
