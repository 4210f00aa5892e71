// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The books that make delivery reliable: what was sent, what has come, what was answered.
#include "answer_book.hpp"
#include "claim_book.hpp"
#include "downlink_ring.hpp"
#include "frame_ring.hpp"
#include "frame_tracker.hpp"
#include "reorder_buffer.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;

namespace {

constexpr core::MonotonicTime kStart{1h};
using Arrival = FrameTracker::Arrival;
using Seqs = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("The ring keeps what is young and the last so many", "[roblox][delivery]") {
    FrameRing ring({.keep_messages = 10, .keep_for = 60s, .max_bytes = 1'000});
    for (std::uint64_t seq = 1; seq <= 20; ++seq) ring.add("t", seq, "frame", 1, kStart);
    CHECK(ring.message_count() == 20);  // all young
    CHECK(ring.find("t", 1, 20, kStart + 59s).frames.size() == 20);
    auto found = ring.find("t", 1, 22, kStart + 60s);
    CHECK(found.frames.size() == 10);
    CHECK(found.gone_seqs.size() == 12);
    CHECK(ring.find("t", 20, 20, kStart + 1h).frames.size() == 1);
    CHECK(ring.find("other", 1, 1, kStart).gone_seqs == Seqs{1});
    ring.add("t", 21, std::string(990, 'x'), 1, kStart);  // bytes win over age
    CHECK(ring.byte_count() <= 1'000);
    CHECK(ring.find("t", 21, 21, kStart).frames.size() == 1);
    found = ring.find("t", 1, UINT64_MAX, kStart);  // an answer is bounded
    CHECK(found.has_more);
    CHECK(found.frames.size() + found.gone_seqs.size() == 256);
}

TEST_CASE("A void frame is neither there nor lost", "[roblox][delivery]") {
    FrameRing ring;
    ring.add("t", 1, "one", 5, kStart);
    ring.add("t", 2, "two", 5, kStart);
    ring.make_void("t", 1);
    ring.make_void("t", 9);
    const auto found = ring.find("t", 1, 3, kStart);
    CHECK(found.frames == std::vector<std::string>{"two"});
    CHECK(found.void_seqs == Seqs{1});
    CHECK(found.gone_seqs == Seqs{3});
    CHECK(ring.message_count() == 5);
    CHECK(ring.byte_count() == 3);
}

TEST_CASE("A tracker tells new frames from repeated ones", "[roblox][delivery]") {
    FrameTracker tracker;
    CHECK(tracker.arrive("e", "t", 5, kStart) == Arrival::is_new);
    CHECK(tracker.arrive("e", "t", 5, kStart) == Arrival::is_duplicate);
    CHECK(tracker.arrive("e", "t", 4, kStart) == Arrival::is_duplicate);  // before we listened
    CHECK(tracker.arrive("e", "t", 8, kStart) == Arrival::is_new);
    CHECK(tracker.arrive("e", "t", 6, kStart) == Arrival::is_new);
    CHECK(tracker.arrive("e", "t", 6, kStart) == Arrival::is_duplicate);
    CHECK(tracker.arrive("f", "t", 5, kStart) == Arrival::is_new);
    CHECK(tracker.arrive("e", "u", 5, kStart) == Arrival::is_new);
    CHECK(tracker.duplicate_count() == 3);
    CHECK(tracker.missing_count() == 1);
    CHECK(tracker.stream_count() == 3);
}

TEST_CASE("A gap is reported after its wait, in ranges, and again later", "[roblox][delivery]") {
    FrameTracker tracker;
    tracker.arrive("e", "t", 1, kStart);
    tracker.arrive("e", "t", 5, kStart);
    tracker.arrive("e", "t", 8, kStart + 1s);
    CHECK(tracker.take_gaps(kStart + 2'999ms).empty());
    CHECK(tracker.take_gaps(kStart + 3s) == std::vector<FrameTracker::Gap>{{"e", "t", 2, 4}});
    CHECK(tracker.take_gaps(kStart + 4s) == std::vector<FrameTracker::Gap>{{"e", "t", 6, 7}});
    CHECK(tracker.take_gaps(kStart + 5s).empty());
    tracker.arrive("e", "t", 3, kStart + 6s);
    CHECK(tracker.take_gaps(kStart + 13s) ==
          std::vector<FrameTracker::Gap>{{"e", "t", 2, 2}, {"e", "t", 4, 4}});
    tracker.give_up("e", "t", 2, true);
    tracker.give_up("e", "t", 4, false);
    tracker.give_up("e", "t", 4, true);  // no longer missing
    CHECK(tracker.lost_count() == 1);
    CHECK(tracker.missing_count() == 2);
    CHECK(tracker.take_gaps(kStart + 1h, 0).empty());
}

TEST_CASE("What the sender says of its last number shows a loss at the end", "[roblox][delivery]") {
    FrameTracker tracker;
    tracker.expect("e", "new", 7, kStart);  // begins behind it
    CHECK(tracker.missing_count() == 0);
    tracker.arrive("e", "t", 1, kStart);
    tracker.expect("e", "t", 3, kStart);
    CHECK(tracker.take_gaps(kStart + 3s) == std::vector<FrameTracker::Gap>{{"e", "t", 2, 3}});
    CHECK(tracker.arrive("e", "t", 3, kStart + 4s) == Arrival::is_new);
    CHECK(tracker.arrive("e", "new", 8, kStart) == Arrival::is_new);
}

TEST_CASE("A tracker is bounded whatever numbers it hears", "[roblox][delivery]") {
    FrameTracker tracker({.max_streams = 3, .max_missing = 10});
    tracker.arrive("e", "t", 1, kStart);
    tracker.arrive("e", "t", 9'000'000'000'000'000, kStart);
    CHECK(tracker.missing_count() == 10);
    CHECK(tracker.lost_count() == 9'000'000'000'000'000 - 2 - 10);
    for (int i = 0; i < 10; ++i) tracker.arrive("e" + std::to_string(i), "t", 1, kStart);
    CHECK(tracker.stream_count() == 3);
    tracker.expire(kStart + 5min);
    CHECK(tracker.stream_count() == 0);
}

TEST_CASE("A repeated request gets the first one's answer", "[roblox][delivery]") {
    AnswerBook book({.keep_for = 10min, .max_entries = 3, .max_bytes = 100});
    CHECK_FALSE(book.begin("a", kStart).is_known);
    CHECK(book.begin("a", kStart).is_known);
    CHECK_FALSE(book.begin("a", kStart).is_answered);
    book.answer("a", "done");
    CHECK(book.begin("a", kStart).answer == "done");
    CHECK(book.duplicate_count() == 3);
    CHECK(book.begin("a", kStart + 10min - 1ms).is_known);
    CHECK_FALSE(book.begin("a", kStart + 10min).is_known);  // forgotten
    book.abandon("a");
    CHECK(book.size() == 0);
    CHECK(book.byte_count() == 0);

    for (const char* key : {"a", "b", "c", "d"}) CHECK_FALSE(book.begin(key, kStart).is_known);
    CHECK(book.size() == 3);
    CHECK_FALSE(book.begin("a", kStart).is_known);  // crowded out
    book.answer("a", std::string(200, 'x'));
    CHECK_FALSE(book.begin("e", kStart).is_known);
    CHECK(book.byte_count() <= 100);
    book.answer("gone", "x");
    book.answer("e", "x");
    book.abandon("e");  // answered: stays
    CHECK(book.begin("e", kStart).is_answered);
}

TEST_CASE("Readers of the downlink go on where they were", "[roblox][delivery]") {
    DownlinkRing ring("abcdef", {.max_messages = 5, .keep_for = 60s});
    const auto all = [](const DownlinkMessage&) { return true; };
    const auto read = [&](std::string_view cursor, std::size_t limit = 100,
                          std::size_t bytes = 100'000) {
        return ring.read(cursor, all, limit, bytes, kStart);
    };
    CHECK(ring.cursor() == "abcdef:0");
    for (int i = 1; i <= 3; ++i) ring.add({.topic = "t", .message = std::to_string(i)}, kStart);
    CHECK(read("").messages.empty());
    CHECK(read("").cursor == "abcdef:3");
    auto page = read("abcdef:1");
    REQUIRE(page.messages.size() == 2);
    CHECK(page.messages[0]->message == "2");
    CHECK_FALSE(page.has_missed);
    page = read("abcdef:0", 2);
    CHECK(page.messages.size() == 2);
    CHECK(page.has_more);
    CHECK(page.cursor == "abcdef:2");
    CHECK(read("abcdef:0", 100, 1).messages.size() == 1);  // one at least
    for (const char* bad :
         {"zzzzzz:1", "abcdef", "abcdef:", "abcdef:9", "abcdef:1x", "abcdef:-1"}) {
        CAPTURE(bad);
        CHECK(read(bad).has_missed);
        CHECK(read(bad).messages.size() == 3);
    }
    for (int i = 4; i <= 8; ++i) ring.add({.topic = "t", .message = std::to_string(i)}, kStart);
    CHECK(ring.size() == 5);
    CHECK_FALSE(read("abcdef:3").has_missed);
    CHECK(read("abcdef:2").has_missed);

    page = ring.read(
        "abcdef:3", [](const DownlinkMessage& m) { return m.message == "7"; }, 100, 1'000, kStart);
    CHECK(page.messages.size() == 1);
    CHECK(page.cursor == "abcdef:8");
    CHECK(ring.read("abcdef:8", all, 1, 1, kStart + 60s).messages.empty());
    CHECK(ring.size() == 0);
    CHECK(ring.byte_count() == 0);
    CHECK(ring.read("abcdef:7", all, 1, 1, kStart + 60s).has_missed);
}

TEST_CASE("A spread topic comes back in order within its window", "[roblox][delivery]") {
    ReorderBuffer<int> buffer;
    using Values = std::vector<int>;
    CHECK(buffer.add(2, 2, kStart).empty());  // where it begins is not known yet
    CHECK(buffer.add(1, 1, kStart + 100ms).empty());
    CHECK(buffer.expire(kStart + 249ms).empty());
    CHECK(buffer.expire(kStart + 250ms) == Values{1, 2});
    CHECK(buffer.add(3, 3, kStart + 300ms) == Values{3});
    CHECK(buffer.add(5, 5, kStart + 400ms).empty());
    CHECK(buffer.add(4, 4, kStart + 500ms) == Values{4, 5});
    CHECK(buffer.add(8, 8, kStart + 600ms).empty());
    CHECK(buffer.add(7, 7, kStart + 700ms).empty());
    CHECK(buffer.expire(kStart + 850ms) == Values{7, 8});  // 6 is waited for no longer
    CHECK(buffer.add(6, 6, kStart + 900ms) == Values{6});  // late, not never
    for (std::uint64_t seq = 100; seq < 3'000; ++seq) (void)buffer.add(seq, 0, kStart + 1s);
    CHECK(buffer.held_count() <= 1'024);
}

TEST_CASE("Claimed items are kept a minute, within bounds, under tokens nobody guesses",
          "[roblox][delivery]") {
    core::SeededRng rng(1);
    ClaimBook book(100);
    const std::string token = book.put(std::string(60, 'x'), rng, kStart);
    CHECK(token.size() == 24);
    CHECK(book.put(std::string(60, 'x'), rng, kStart).empty());
    REQUIRE(book.find(token, kStart + 59s) != nullptr);
    CHECK(book.find(token, kStart + 59s)->size() == 60);
    CHECK(book.find("other", kStart) == nullptr);
    CHECK(book.find(token, kStart + 60s) == nullptr);
    CHECK(book.byte_count() == 0);
}
