// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a lane does with items of several rooms that came from other lanes, and so stand between one
// another's.
#include "engine.hpp"
#include "lane_part.hpp"
#include "room.hpp"
#include "support/catch.hpp"
#include "support/room_fixture.hpp"

#include <memory>
#include <string>

using namespace pulse;
using namespace pulse::test;
using rooms::Item;

namespace {

/// A room of its own with one connection on the first lane.
struct Side {
    Side(rooms::Engine& engine, const std::string& name, core::Connection& connection)
        : part(*engine.parts.front()),
          room(std::make_shared<rooms::Room>(engine, name)),
          member(std::make_shared<rooms::Member>(0, name, true, nullptr)) {
        member->connection = &connection;
        room->wing(0).add(*member);
    }
    ~Side() { room->wing(0).remove(*member); }

    void put(Item::Kind kind, const std::string& event, std::uint32_t followers) {
        if (kind == Item::Kind::subscribe) ++room->audience().coming;
        auto topic = std::make_shared<const rooms::Topic>(rooms::Topic{event, {}});
        part.put({kind, room, std::move(topic), member, {}, {}, followers}, &part);
    }
    void put_reply(std::string_view text) {
        part.put({Item::Kind::reply, room, nullptr, member, part.encode(text), {}}, &part);
    }

    rooms::LanePart& part;
    std::shared_ptr<rooms::Room> room;
    rooms::MemberPtr member;
};

}  // namespace

TEST_CASE("what would have shown a refused subscription is left out for its connection alone",
          "[rooms][limits]") {
    rooms::RoomsOptions options;
    options.limits.max_subscriptions = 1;
    RoomFixture f(options);
    const auto a_peer = f.join("room=a");
    const auto b_peer = f.join("room=b");
    rooms::Engine engine(options, f.hub, f.store, nullptr);
    engine.parts.front()->set_framing(line_framing());
    Side a(engine, "a", *a_peer);
    Side b(engine, "b", *b_peer);
    core::Lane& lane = *f.hub.lanes().front();
    lane.begin_turn();
    a.put(Item::Kind::subscribe, "chat", 0);
    SECTION("in the run that begins with it") {
        a.put(Item::Kind::subscribe, "poll", 2);
        b.put_reply("b1");
        a.put_reply("left out");
        b.put_reply("b2");
        a.put_reply("left out");
        a.put_reply("a1");
    }
    SECTION("and in those behind") {
        a.put(Item::Kind::subscribe, "poll", 0);
        b.put(Item::Kind::subscribe, "poll", 1);
        b.put_reply("b1");
        a.put(Item::Kind::snapshot, "poll", 1);
        b.put(Item::Kind::snapshot, "poll", 1);
        b.put_reply("b2");
        a.put_reply("left out");
        a.put_reply("a1");
    }
    a.part.settle();
    lane.flush();
    CHECK(a_peer->take() ==
          Lines{R"({"data":"There are too many subscriptions","type":"error"})", "a1"});
    CHECK(b_peer->take() == Lines{"b1", "b2"});
}
