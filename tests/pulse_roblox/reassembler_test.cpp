// SPDX-License-Identifier: MIT OR Apache-2.0
#include "reassembler.hpp"

#include "frame_writer.hpp"
#include "support/catch.hpp"
#include "support/payloads.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <pulse/roblox/error.hpp>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;

namespace {

FrameView chunk(std::string_view id, unsigned index, unsigned count, std::uint32_t crc,
                std::string_view body) {
    return {.type = FrameType::chunk,
            .epoch = "abcdef",
            .seq = index,
            .chunk = {.id = id, .index = index, .count = count, .crc = crc},
            .claim_bytes = 0,
            .cursor = {},
            .body = body};
}

constexpr core::MonotonicTime kStart{1h};

}  // namespace

TEST_CASE("Chunks make their item in any order, repeated and mixed", "[roblox][reassembler]") {
    test::Dice dice(5);
    for (int round = 0; round < 50; ++round) {
        Reassembler reassembler;
        struct Piece {
            std::string id;
            unsigned index;
        };
        const std::vector<std::string> texts = {"abcdefghij", "0123456789", "ABCDEFGHIJ"};
        std::vector<Piece> order;
        for (const char* id : {"0", "1", "2"}) {
            for (unsigned i = 1; i <= 5; ++i) order.push_back({id, i});
        }
        for (std::size_t i = order.size(); i > 1; --i) {
            std::swap(order[i - 1], order[dice.below(i)]);
        }
        std::vector<std::string> made;
        for (const Piece& piece : order) {
            const std::string& text = texts[static_cast<std::size_t>(piece.id[0] - '0')];
            const std::string_view body = std::string_view(text).substr((piece.index - 1) * 2, 2);
            const FrameView view = chunk(piece.id, piece.index, 5, crc32_of(text), body);
            auto result = reassembler.add(view, kStart);
            REQUIRE(result);
            if (*result) {
                made.push_back(**result);
            } else {
                // Again, while the item is still open.
                result = reassembler.add(view, kStart);
                REQUIRE(result);
                CHECK_FALSE(*result);
            }
        }
        std::sort(made.begin(), made.end());
        CHECK(made == std::vector<std::string>{"0123456789", "ABCDEFGHIJ", "abcdefghij"});
        CHECK(reassembler.open_count() == 0);
        CHECK(reassembler.byte_count() == 0);
        CHECK(reassembler.dropped_count() == 0);
    }
}

TEST_CASE("Chunks that disagree or do not add up drop the item", "[roblox][reassembler]") {
    Reassembler reassembler;
    const std::uint32_t crc = crc32_of("ab");
    REQUIRE(reassembler.add(chunk("x", 1, 2, crc, "a"), kStart));
    CHECK(reassembler.add(chunk("x", 2, 3, crc, "b"), kStart).error() == Error::invalid_frame);
    CHECK(reassembler.open_count() == 0);
    REQUIRE(reassembler.add(chunk("x", 1, 2, crc, "a"), kStart));
    CHECK(reassembler.add(chunk("x", 2, 2, crc + 1, "b"), kStart).error() == Error::invalid_frame);
    REQUIRE(reassembler.add(chunk("x", 1, 2, crc, "a"), kStart));
    CHECK(reassembler.add(chunk("x", 2, 2, crc, "c"), kStart).error() == Error::checksum_mismatch);
    CHECK(reassembler.open_count() == 0);
    CHECK(reassembler.dropped_count() == 3);
    CHECK_FALSE(reassembler.add(chunk("x", 65, 65, crc, "a"), kStart));
    CHECK_FALSE(reassembler.add(chunk("x", 0, 2, crc, "a"), kStart));
    CHECK_FALSE(reassembler.add(chunk("x", 3, 2, crc, "a"), kStart));
    CHECK_FALSE(reassembler.add(chunk("x", 1, 2, crc, ""), kStart));
    FrameView other = chunk("x", 1, 1, crc, "a");
    other.type = FrameType::batch;
    CHECK_FALSE(reassembler.add(other, kStart));
}

TEST_CASE("Equal ids of two senders are two items", "[roblox][reassembler]") {
    Reassembler reassembler;
    const std::uint32_t crc = crc32_of("ab");
    FrameView second = chunk("x", 2, 2, crc, "b");
    second.epoch = "zzzzzz";
    REQUIRE(reassembler.add(chunk("x", 1, 2, crc, "a"), kStart));
    CHECK_FALSE(reassembler.add(second, kStart).value());
    CHECK(reassembler.open_count() == 2);
}

TEST_CASE("An item that stays incomplete is given up after its time", "[roblox][reassembler]") {
    Reassembler reassembler;
    const std::uint32_t crc = crc32_of("ab");
    REQUIRE(reassembler.add(chunk("x", 1, 2, crc, "a"), kStart));
    reassembler.expire(kStart + 14'999ms);
    CHECK(reassembler.open_count() == 1);
    CHECK_FALSE(reassembler.add(chunk("x", 2, 2, crc, "b"), kStart + 15s).value());
    CHECK(reassembler.open_count() == 1);  // begun anew
    CHECK(reassembler.dropped_count() == 1);
}

TEST_CASE("Open items are bounded in number and bytes, the oldest dropped",
          "[roblox][reassembler]") {
    Reassembler reassembler;
    for (int i = 0; i < 65; ++i) {
        REQUIRE(reassembler.add(chunk("i" + std::to_string(i), 1, 2, 1, "a"), kStart));
    }
    CHECK(reassembler.open_count() == 64);
    CHECK(reassembler.dropped_count() == 1);

    Reassembler small({.max_bytes = 100});
    const std::string body(40, 'x');
    REQUIRE(small.add(chunk("a", 1, 3, 1, body), kStart));
    REQUIRE(small.add(chunk("b", 1, 3, 1, body), kStart));
    REQUIRE(small.add(chunk("a", 2, 3, 1, body), kStart));  // b has to go, a is being added to
    CHECK(small.open_count() == 1);
    CHECK(small.byte_count() == 80);
    CHECK(small.add(chunk("a", 3, 3, 1, body), kStart).error() == Error::message_too_large);
    CHECK(small.open_count() == 0);
    CHECK(small.byte_count() == 0);
    CHECK_FALSE(small.add(chunk("c", 1, 2, 1, std::string(101, 'x')), kStart));
}
