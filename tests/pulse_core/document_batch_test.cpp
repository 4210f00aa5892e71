// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <limits>
#include <string>

#include <pulse/core/document_store.hpp>
#include <pulse/core/error.hpp>

using namespace pulse::core;
using namespace std::chrono_literals;
using pulse::protocol::as_bytes;
using pulse::protocol::as_text;
using Kind = DocumentBatch::Kind;

TEST_CASE("a batch gives back what it was given, in its order", "[core][documents]") {
    DocumentBatch batch;
    CHECK(batch.empty());
    {
        // Nothing of the caller's is kept.
        const std::string key = "universe/42";
        const std::string value(1000, 'x');
        batch.require_version(key, 7).put(key, value, 5s);
    }
    batch.add("n", -3).remove("gone").require_absent("a").require_present("p").put("empty", "");
    REQUIRE(batch.size() == 7);
    CHECK(batch.bytes() == 11 + 11 + 1000 + 1 + 4 + 1 + 1 + 5);

    CHECK(batch[0].kind == Kind::require_version);
    CHECK(batch[0].key == "universe/42");
    CHECK(batch[0].version == 7);
    CHECK(batch[0].is_precondition());
    CHECK(batch[1].kind == Kind::put);
    CHECK(batch[1].key == "universe/42");
    CHECK(as_text(batch[1].value) == std::string(1000, 'x'));
    CHECK(batch[1].ttl == 5s);
    CHECK_FALSE(batch[1].is_precondition());
    CHECK(batch[2].kind == Kind::add);
    CHECK(batch[2].delta == -3);
    CHECK_FALSE(batch[2].ttl);
    CHECK(batch[3].kind == Kind::remove);
    CHECK(batch[3].key == "gone");
    CHECK(batch[4].kind == Kind::require_absent);
    CHECK(batch[5].kind == Kind::require_present);
    CHECK(batch[6].value.empty());
}

TEST_CASE("a counter's value is the shortest decimal text of its number", "[core][documents]") {
    constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
    for (const std::int64_t number : {std::int64_t{0}, std::int64_t{-1}, kMin, kMax}) {
        const CounterText text(number);
        CHECK(as_text(text.bytes()) == std::to_string(number));
        CHECK(counter_value(text.bytes()) == number);
    }
    for (const char* text : {"", "-", "-0", "00", "+1", "1 ", "1.0", "9223372036854775808"}) {
        CAPTURE(text);
        CHECK(counter_value(as_bytes(text)).error() == Error::not_a_counter);
    }
    CHECK(counter_sum(kMax, kMin) == -1);
    CHECK(counter_sum(kMax, 1).error() == Error::not_a_counter);
    CHECK(counter_sum(kMin, -1).error() == Error::not_a_counter);
}

TEST_CASE("the end of a prefix's range is the first key behind it", "[core][documents]") {
    const auto end_of = [](std::string_view prefix) { return DocumentRange::prefix(prefix).end; };
    CHECK(end_of("a") == "b");
    CHECK(end_of("room/") == "room0");
    CHECK(end_of("\x7f") == "\x80");
    CHECK(end_of("a\xff") == "b");
    CHECK(end_of("a\xff\xff") == "b");
    CHECK(end_of(std::string_view("a\0", 2)) == "a\x01");
    CHECK(end_of("\xff\xff") == std::nullopt);
    CHECK(end_of("") == std::nullopt);
    CHECK(DocumentRange::prefix("a", 5).begin == "a");
    CHECK(DocumentRange::prefix("a", 5).limit == 5);
}

TEST_CASE("a time to live is cut to what can be reckoned with", "[core][documents]") {
    constexpr std::uint64_t kNow = 1'767'225'600'000;
    CHECK(expiry(kNow, std::nullopt) == std::nullopt);
    CHECK(expiry(kNow, 1ms) == kNow + 1);
    CHECK(expiry(kNow, 0ms) == kNow);
    CHECK(expiry(kNow, std::chrono::milliseconds::min()) == kNow);
    const auto longest = expiry(kNow, std::chrono::milliseconds::max());
    CHECK(longest > kNow);
    CHECK(longest == expiry(kNow, std::chrono::hours(24 * 365 * 101)));
    CHECK(has_expired(kNow, kNow));
    CHECK_FALSE(has_expired(kNow + 1, kNow));
    CHECK_FALSE(has_expired(std::nullopt, std::numeric_limits<std::uint64_t>::max()));
}

TEST_CASE("the limit of a page is the store's at most", "[core][documents]") {
    DocumentLimits limits;
    limits.max_page_documents = 10;
    CHECK(page_size({"", std::nullopt, 0}, limits) == 10);
    CHECK(page_size({"", std::nullopt, 3}, limits) == 3);
    CHECK(page_size({"", std::nullopt, 11}, limits) == 10);
}
