// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <array>
#include <memory>
#include <string>

#include <pulse/core/outlet.hpp>

using namespace pulse;
using namespace pulse::core;
using test::HubFixture;
using test::Peer;
using test::RecordingOutlet;

namespace {

const test::TextEncoder kText;
const test::TextFraming kFraming;

void reply(Outlet& outlet, std::string_view text) {
    outlet.send(protocol::as_bytes(text), MessageKind::text);
}

SharedFrame shared_frame(std::string_view text) {
    SharedFrame frame;
    frame.chunk = ChunkRef::allocate(text.size(), nullptr);
    std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), frame.chunk->data());
    frame.end = static_cast<std::uint32_t>(text.size());
    return frame;
}

}  // namespace

TEST_CASE("what is sent goes out framed, in order, in one write at the end of the turn",
          "[core][outlet]") {
    HubFixture fixture;
    RecordingOutlet outlet(fixture.lane(), kFraming);
    fixture.lane().begin_turn();
    reply(outlet, "one");
    outlet.send(protocol::as_bytes("two"));
    reply(outlet, "");
    outlet.send(shared_frame("[framed]"));
    CHECK(outlet.written().empty());
    CHECK_FALSE(outlet.is_drained());
    fixture.lane().flush();
    CHECK(outlet.take() == "t3:one|b3:two|t0:|[framed]");
    CHECK(outlet.writes() == 1);
    CHECK(outlet.is_drained());
    fixture.lane().flush();
    CHECK(outlet.writes() == 1);
}

TEST_CASE("a message is filled in place after it was begun", "[core][outlet]") {
    HubFixture fixture;
    RecordingOutlet outlet(fixture.lane(), kFraming);
    std::byte* place = outlet.begin_message(3, MessageKind::binary);
    REQUIRE(place != nullptr);
    std::copy_n(reinterpret_cast<const std::byte*>("abc"), 3, place);
    fixture.flush();
    CHECK(outlet.written() == "b3:abc|");
}

TEST_CASE("replies of many outlets share a buffer and still reach their own peer",
          "[core][outlet]") {
    HubFixture fixture;
    RecordingOutlet ann(fixture.lane());
    RecordingOutlet bob(fixture.lane());
    std::string expected_ann;
    std::string expected_bob;
    for (int i = 0; i < 1000; ++i) {  // over several chunks
        const std::string text = "<" + std::to_string(i) + std::string(50, 'x') + ">";
        reply(i % 3 == 0 ? ann : bob, text);
        (i % 3 == 0 ? expected_ann : expected_bob) += text;
    }
    fixture.flush();
    CHECK((ann.written() == expected_ann));
    CHECK((bob.written() == expected_bob));
}

TEST_CASE("replies and deliveries keep the order in which they became due", "[core][outlet]") {
    HubFixture fixture;
    Peer peer(fixture.lane(), 1, kText);
    REQUIRE_FALSE(peer.session.subscribe("news"));
    reply(peer.outlet, "(subscribed)");
    (void)fixture.publish("news", "a", &fixture.lane());
    REQUIRE_FALSE(peer.session.unsubscribe("news"));
    reply(peer.outlet, "(unsubscribed)");
    (void)fixture.publish("news", "b", &fixture.lane());
    REQUIRE_FALSE(peer.session.subscribe("news"));
    reply(peer.outlet, "(again)");
    (void)fixture.publish("news", "c", &fixture.lane());
    fixture.flush();
    CHECK(peer.outlet.written() == "(subscribed)news=a;(unsubscribed)(again)news=c;");
}

TEST_CASE("a write may stop at any byte and goes on there", "[core][outlet]") {
    const std::string expected =
        "b9:(replies)|b7:news=a;|b9:news=bcd;|b3:end|b7:news=e;|b6:(late)|";
    // As many bytes as fit at first, then pieces of every size.
    const std::size_t first = GENERATE_COPY(range(std::size_t{0}, expected.size() + 1));
    const auto piece = GENERATE(as<std::size_t>(), 1, 2, 3, 5, 8, 64);
    CAPTURE(first, piece);
    HubFixture fixture;
    Peer peer(fixture.lane(), 1, kText, kFraming);
    REQUIRE_FALSE(peer.session.subscribe("news"));
    peer.outlet.set_room(first);
    peer.outlet.set_write_size(piece);

    peer.outlet.send(protocol::as_bytes("(replies)"));
    (void)fixture.publish("news", "a");
    (void)fixture.publish("news", "bcd");
    fixture.flush();
    peer.outlet.send(protocol::as_bytes("end"));
    (void)fixture.publish("news", "e");
    fixture.flush();
    peer.outlet.send(protocol::as_bytes("(late)"));
    fixture.flush();
    REQUIRE(expected.starts_with(peer.outlet.written()));
    CHECK(peer.outlet.backlog_bytes() == expected.size() - peer.outlet.written().size());

    while (peer.outlet.backlog_bytes() > 0) {
        const std::size_t before = peer.outlet.backlog_bytes();
        peer.outlet.drain(piece);
        REQUIRE(peer.outlet.backlog_bytes() == before - std::min(before, piece));
    }
    CHECK(peer.outlet.written() == expected);
    CHECK(peer.outlet.is_drained());
    CHECK(peer.outlet.backlog_messages() == 0);
    CHECK(fixture.lane().stats().backlog_bytes.get() == 0);
    CHECK(fixture.lane().stats().backlog_outlets.get() == 0);
}

TEST_CASE("one peer that does not read delays no other", "[core][outlet]") {
    HubFixture fixture;
    Peer slow(fixture.lane(), 1, kText);
    Peer fast(fixture.lane(), 2, kText);
    REQUIRE_FALSE(slow.session.subscribe("news"));
    REQUIRE_FALSE(fast.session.subscribe("news"));
    slow.outlet.set_room(3);
    for (const char* text : {"a", "b", "c"}) {
        (void)fixture.publish("news", text);
        fixture.flush();
    }
    CHECK(fast.outlet.written() == "news=a;news=b;news=c;");
    CHECK(slow.outlet.written() == "new");
    slow.outlet.drain();
    CHECK(slow.outlet.written() == "news=a;news=b;news=c;");
}

TEST_CASE("an outlet that ended writes nothing more and takes nothing more", "[core][outlet]") {
    HubFixture fixture;
    Peer peer(fixture.lane(), 1, kText);
    REQUIRE_FALSE(peer.session.subscribe("news"));
    peer.outlet.set_room(0);
    reply(peer.outlet, "kept");
    fixture.flush();
    REQUIRE(peer.outlet.backlog_bytes() == 4);
    reply(peer.outlet, "queued");
    peer.outlet.shut();
    CHECK(peer.outlet.backlog_bytes() == 0);
    CHECK(peer.outlet.is_drained());
    CHECK(peer.outlet.begin_message(3, MessageKind::text) == nullptr);
    reply(peer.outlet, "late");
    peer.outlet.send(shared_frame("late"));
    (void)fixture.publish("news", "late");
    fixture.flush();
    peer.outlet.drain();
    CHECK(peer.outlet.written().empty());
    CHECK(fixture.lane().stats().backlog_bytes.get() == 0);
    CHECK(fixture.lane().stats().backlog_outlets.get() == 0);
}

TEST_CASE("an outlet may be destroyed with output queued and with a backlog", "[core][outlet]") {
    HubFixture fixture;
    auto doomed = std::make_unique<Peer>(fixture.lane(), 1, kText);
    Peer other(fixture.lane(), 2, kText);
    REQUIRE_FALSE(doomed->session.subscribe("news"));
    REQUIRE_FALSE(other.session.subscribe("news"));
    doomed->outlet.set_room(0);
    (void)fixture.publish("news", "a");
    fixture.flush();
    REQUIRE(doomed->outlet.backlog_bytes() > 0);
    (void)fixture.publish("news", "b");
    reply(doomed->outlet, "never sent");
    doomed.reset();
    (void)fixture.publish("news", "c");
    fixture.flush();
    CHECK(other.outlet.written() == "news=a;news=b;news=c;");
    CHECK(fixture.lane().stats().backlog_bytes.get() == 0);
    CHECK(fixture.lane().stats().backlog_outlets.get() == 0);
}

TEST_CASE("a shared frame lives until the last peer has it", "[core][outlet]") {
    HubFixture fixture;
    MemoryBudget counted;
    RecordingOutlet ann(fixture.lane());
    RecordingOutlet bob(fixture.lane());
    RecordingOutlet gone(fixture.lane());
    ann.set_room(0);
    gone.shut();
    {
        SharedFrame frame;
        frame.chunk = ChunkRef::allocate(5, &counted);
        std::copy_n(reinterpret_cast<const std::byte*>("hello"), 5, frame.chunk->data());
        frame.end = 5;
        frame.message_bytes = 5;
        SECTION("sent to each") {
            ann.send(frame);
            gone.send(frame);
            bob.send(frame);
        }
        SECTION("sent to all of them") {
            const std::array<Outlet*, 3> all{&ann, &gone, &bob};
            fixture.lane().send(frame, all);
        }
    }
    CHECK(fixture.lane().stats().deliveries.get() == 2);
    CHECK(fixture.lane().stats().delivered_bytes.get() == 10);
    CHECK(counted.used() > 0);
    fixture.flush();
    CHECK(bob.written() == "hello");
    CHECK(counted.used() > 0);
    ann.drain();
    CHECK(ann.written() == "hello");
    CHECK(counted.used() == 0);
}

TEST_CASE("a reply without memory is an overflow, and the rest still goes out", "[core][outlet]") {
    HubFixture fixture({.memory_limit = 8 * 1024});
    RecordingOutlet outlet(fixture.lane());
    reply(outlet, "kept");
    CHECK(outlet.begin_message(100'000, MessageKind::binary) == nullptr);
    CHECK(outlet.overflows() == 1);
    CHECK(fixture.lane().stats().lost_to_memory.get() == 1);
    fixture.flush();
    CHECK(outlet.written() == "kept");
}

TEST_CASE("a lane counts what it handed out", "[core][outlet]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText, kFraming);
    Peer bob(fixture.lane(), 2, kText, kFraming);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    REQUIRE_FALSE(bob.session.subscribe("news"));
    (void)fixture.publish("news", "a");
    (void)fixture.publish("news", "b");
    reply(ann.outlet, "xy");
    fixture.flush();
    const LaneStats& stats = fixture.lane().stats();
    CHECK(stats.deliveries.get() == 4);
    CHECK(stats.delivered_bytes.get() == 4 * std::string("news=a;").size());
    CHECK(stats.replies.get() == 1);
    CHECK(stats.reply_bytes.get() == std::string("xy").size());
}
