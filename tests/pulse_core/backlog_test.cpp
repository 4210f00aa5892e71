// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is kept for a peer whose socket is full, seen through an outlet: its limits and policies.
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <string>

#include <pulse/core/error.hpp>

using namespace pulse;
using namespace pulse::core;
using test::HubFixture;
using test::Peer;

namespace {

const test::TextEncoder kText;

/// One subscriber that reads nothing; each publish() is a turn of its own and puts 7 bytes,
/// "news=<c>;", behind what is kept.
struct SlowPeer {
    explicit SlowPeer(const OutletLimits& limits, std::size_t memory_limit = 0)
        : fixture({.memory_limit = memory_limit}), peer(fixture.lane(), 1, kText) {
        fixture.lane().set_limits(limits);
        REQUIRE_FALSE(peer.session.subscribe("news"));
        peer.outlet.set_room(0);
    }
    void publish(std::string_view payload) {
        (void)fixture.publish("news", payload);
        fixture.flush();
    }
    void reply(std::string_view text) {
        peer.outlet.send(protocol::as_bytes(text));
        fixture.flush();
    }
    [[nodiscard]] std::string drained() {
        peer.outlet.drain();
        return peer.outlet.take();
    }
    [[nodiscard]] const LaneStats& stats() { return fixture.lane().stats(); }

    HubFixture fixture;
    Peer peer;
};

}  // namespace

TEST_CASE("under close a peer may fall behind up to the byte limit and not a byte more",
          "[core][backlog]") {
    SlowPeer slow({.max_bytes = 21, .policy = SlowConsumerPolicy::close});
    for (const char* c : {"a", "b", "c"}) slow.publish(c);
    CHECK(slow.peer.outlet.overflows() == 0);
    CHECK(slow.peer.outlet.backlog_bytes() == 21);
    CHECK(slow.peer.outlet.backlog_messages() == 3);
    CHECK(slow.stats().backlog_bytes.get() == 21);
    CHECK(slow.stats().backlog_outlets.get() == 1);
    slow.publish("d");
    CHECK(slow.peer.outlet.overflows() == 1);
    CHECK(slow.stats().overflow_closes.get() == 1);
    CHECK(slow.drained() == "news=a;news=b;news=c;");
}

TEST_CASE("under close a peer may fall behind up to the message limit", "[core][backlog]") {
    SlowPeer slow({.max_bytes = 0, .max_messages = 2, .policy = SlowConsumerPolicy::close});
    slow.publish("a");
    slow.publish("b");
    CHECK(slow.peer.outlet.overflows() == 0);
    slow.publish("c");
    CHECK(slow.peer.outlet.overflows() == 1);
}

TEST_CASE("limits of zero are no limits", "[core][backlog]") {
    SlowPeer slow({.max_bytes = 0, .max_messages = 0, .policy = SlowConsumerPolicy::close});
    std::string expected;
    for (int i = 0; i < 2000; ++i) {
        slow.publish("x");
        expected += "news=x;";
    }
    CHECK(slow.peer.outlet.overflows() == 0);
    CHECK(slow.peer.outlet.backlog_messages() == 2000);
    CHECK((slow.drained() == expected));
}

TEST_CASE("a peer that catches up may fall behind again", "[core][backlog]") {
    SlowPeer slow({.max_bytes = 14, .policy = SlowConsumerPolicy::close});
    for (int round = 0; round < 5; ++round) {
        slow.publish("a");
        slow.publish("b");
        CHECK(slow.drained() == "news=a;news=b;");
        slow.peer.outlet.set_room(0);
    }
    CHECK(slow.peer.outlet.overflows() == 0);
    CHECK(slow.stats().backlog_outlets.get() == 0);
}

TEST_CASE("drop_oldest keeps the newest, but never drops what may be half sent",
          "[core][backlog]") {
    SlowPeer slow({.max_bytes = 21, .policy = SlowConsumerPolicy::drop_oldest});
    for (const char* c : {"a", "b", "c", "d", "e"}) slow.publish(c);
    CHECK(slow.peer.outlet.overflows() == 0);
    CHECK(slow.stats().dropped_oldest.get() == 2);
    CHECK(slow.peer.outlet.backlog_bytes() == 21);
    CHECK(slow.drained() == "news=a;news=d;news=e;");
}

TEST_CASE("drop_oldest by messages", "[core][backlog]") {
    SlowPeer slow({.max_bytes = 0, .max_messages = 2, .policy = SlowConsumerPolicy::drop_oldest});
    for (const char* c : {"a", "b", "c", "d"}) slow.publish(c);
    CHECK(slow.stats().dropped_oldest.get() == 2);
    CHECK(slow.drained() == "news=a;news=d;");
}

TEST_CASE("drop_oldest makes as much room as a large message needs", "[core][backlog]") {
    SlowPeer slow({.max_bytes = 28, .policy = SlowConsumerPolicy::drop_oldest});
    for (const char* c : {"a", "b", "c", "d"}) slow.publish(c);
    slow.publish("12345678");  // 14 bytes: two must go
    CHECK(slow.stats().dropped_oldest.get() == 2);
    CHECK(slow.drained() == "news=a;news=d;news=12345678;");
}

TEST_CASE("drop_oldest drops the newcomer when nothing else may go", "[core][backlog]") {
    SlowPeer slow({.max_bytes = 10, .policy = SlowConsumerPolicy::drop_oldest});
    slow.publish("a");
    slow.publish("b");
    slow.publish(std::string(100, 'x'));
    CHECK(slow.stats().dropped_oldest.get() == 2);
    CHECK(slow.drained() == "news=a;");
}

TEST_CASE("drop_newest keeps what it has", "[core][backlog]") {
    SlowPeer slow({.max_bytes = 21, .policy = SlowConsumerPolicy::drop_newest});
    for (const char* c : {"a", "b", "c", "d", "e"}) slow.publish(c);
    CHECK(slow.peer.outlet.overflows() == 0);
    CHECK(slow.stats().dropped_newest.get() == 2);
    CHECK(slow.drained() == "news=a;news=b;news=c;");
    SECTION("and takes new ones again when there is room") {
        slow.peer.outlet.set_room(0);
        slow.publish("f");
        CHECK(slow.drained() == "news=f;");
    }
}

TEST_CASE("drop_newest by messages counts the messages of a batch", "[core][backlog]") {
    SlowPeer slow({.max_bytes = 0, .max_messages = 3, .policy = SlowConsumerPolicy::drop_newest});
    slow.publish("a");
    for (const char* c : {"b", "c", "d"}) (void)slow.fixture.publish("news", c);
    slow.fixture.flush();  // three in one batch: one too many
    CHECK(slow.stats().dropped_newest.get() == 3);
    CHECK(slow.drained() == "news=a;");
}

TEST_CASE("a message that was cut is finished, whatever is dropped", "[core][backlog]") {
    const auto policy = GENERATE(SlowConsumerPolicy::drop_oldest, SlowConsumerPolicy::drop_newest);
    const std::size_t cut = GENERATE(range(std::size_t{1}, std::size_t{7}));
    CAPTURE(policy, cut);
    SlowPeer slow({.max_bytes = 14, .policy = policy});
    slow.peer.outlet.set_room(cut);
    for (const char* c : {"a", "b", "c", "d", "e"}) slow.publish(c);
    const std::string written = slow.drained();
    // Whole messages only, the first among them.
    CHECK(written.starts_with("news=a;"));
    CHECK(written.size() % 7 == 0);
    for (std::size_t i = 0; i < written.size(); i += 7) CHECK(written.substr(i, 5) == "news=");
    CHECK(slow.peer.outlet.overflows() == 0);
}

TEST_CASE("replies are never dropped, however full it is", "[core][backlog]") {
    const auto policy = GENERATE(SlowConsumerPolicy::drop_oldest, SlowConsumerPolicy::drop_newest);
    CAPTURE(policy);
    SlowPeer slow({.max_bytes = 21, .policy = policy});
    for (const char* c : {"a", "b", "c"}) slow.publish(c);
    slow.reply("(1)");
    slow.publish("d");
    slow.reply("(2)");
    slow.publish("e");
    slow.reply("(3)");
    CHECK(slow.peer.outlet.backlog_reply_bytes() == 9);
    CHECK(slow.peer.outlet.overflows() == 0);
    const std::string written = slow.drained();
    CHECK(written.starts_with("news=a;"));
    CHECK(written.find("(1)") < written.find("(2)"));
    CHECK(written.find("(2)") < written.find("(3)"));
    CHECK(written.find("(3)") != std::string::npos);
    CHECK(slow.peer.outlet.backlog_reply_bytes() == 0);
}

TEST_CASE("replies that pile up to twice the limit are an overflow under every policy",
          "[core][backlog]") {
    const auto policy = GENERATE(SlowConsumerPolicy::close, SlowConsumerPolicy::drop_oldest,
                                 SlowConsumerPolicy::drop_newest);
    CAPTURE(policy);
    SlowPeer slow({.max_bytes = 100, .policy = policy});
    for (int i = 0; i < 21; ++i) slow.reply("0123456789");
    CHECK(slow.peer.outlet.overflows() == 0);
    CHECK(slow.peer.outlet.backlog_reply_bytes() == 210);
    slow.reply("0123456789");
    CHECK(slow.peer.outlet.overflows() == 1);
}

TEST_CASE("a single reply may be larger than the limit", "[core][backlog]") {
    SlowPeer slow({.max_bytes = 100, .policy = SlowConsumerPolicy::close});
    const std::string large(100'000, 'r');
    slow.reply(large);
    CHECK(slow.peer.outlet.overflows() == 0);
    CHECK((slow.drained() == large));
}

TEST_CASE("small pieces do not keep large chunks alive", "[core][backlog]") {
    SlowPeer slow({.max_bytes = 0, .policy = SlowConsumerPolicy::close});
    Peer fast(slow.fixture.lane(), 2, kText);
    REQUIRE_FALSE(fast.session.subscribe("bulk"));
    // Every turn fills a large chunk with replies to others, and a few bytes for the slow peer.
    const std::string bulk(60'000, 'b');
    constexpr int kTurns = 200;
    for (int i = 0; i < kTurns; ++i) {
        fast.outlet.send(protocol::as_bytes(bulk));
        slow.peer.outlet.send(protocol::as_bytes("small reply"));
        fast.outlet.send(protocol::as_bytes(bulk));
        slow.fixture.flush();
        (void)fast.outlet.take();
    }
    CHECK(slow.peer.outlet.backlog_bytes() == 11 * kTurns);
    // Four times what is counted, and what the pool keeps for the next turns.
    CHECK(slow.fixture.budget.used() <= 4 * 11 * kTurns + 2 * ChunkPool::kKeptBytesPerClass);
    std::string expected;
    for (int i = 0; i < kTurns; ++i) expected += "small reply";
    CHECK((slow.drained() == expected));
}

TEST_CASE("what a backlog pins is bounded by what it counts", "[core][backlog]") {
    // Slices of every size around the copy threshold, each in a chunk of its own turn.
    SlowPeer slow({.max_bytes = 0, .policy = SlowConsumerPolicy::close});
    std::string expected;
    for (std::size_t size = 1; size < 20'000; size += 777) {
        const std::string payload(size, static_cast<char>('a' + size % 26));
        slow.publish(payload);
        expected += "news=" + payload + ";";
    }
    CHECK(slow.peer.outlet.backlog_bytes() == expected.size());
    slow.fixture.lane().pool().clear();
    CHECK(slow.fixture.budget.used() <= 4 * expected.size() + 64 * 1024);
    CHECK((slow.drained() == expected));
}

TEST_CASE("an exhausted memory budget loses publications and tells the publisher",
          "[core][backlog][memory]") {
    SlowPeer slow({.max_bytes = 0, .policy = SlowConsumerPolicy::close}, 64 * 1024);
    const std::string payload(3000, 'p');
    bool is_refused = false;
    for (int i = 0; i < 100 && !is_refused; ++i) {
        const auto published = slow.fixture.publish("news", payload);
        is_refused = !published;
        if (is_refused) CHECK(published.error() == Error::memory_exhausted);
        slow.fixture.flush();
    }
    CHECK(is_refused);
    CHECK(slow.fixture.budget.used() <= 64 * 1024);
    CHECK(slow.fixture.budget.refusals() > 0);

    // When the peer reads on, everything accepted is there and there is room again.
    const std::string written = slow.drained();
    CHECK(written.size() % (payload.size() + 6) == 0);
    CHECK_FALSE(written.empty());
    CHECK(slow.fixture.publish("news", payload));
    slow.fixture.flush();
    CHECK((slow.drained() == "news=" + payload + ";"));
}

TEST_CASE("what is half sent survives an exhausted memory budget", "[core][backlog][memory]") {
    SlowPeer slow({.max_bytes = 0, .policy = SlowConsumerPolicy::close});
    slow.peer.outlet.set_room(3);
    (void)slow.fixture.publish("news", "a");
    slow.fixture.budget.set_limit(1);  // nothing may be allocated from here on
    slow.fixture.flush();
    slow.fixture.budget.set_limit(0);
    CHECK(slow.drained() == "news=a;");
}
