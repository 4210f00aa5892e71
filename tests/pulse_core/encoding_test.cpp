// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/recording_outlet.hpp"

#include <cstring>
#include <string>

#include <pulse/core/encoding.hpp>

using namespace pulse::core;
using pulse::test::TextFraming;

namespace {

std::string text_of(const FrameBuffer& buffer) {
    const auto range = buffer.last();
    return {reinterpret_cast<const char*>(buffer.chunk()->data()) + range.begin,
            range.end - range.begin};
}

void put(FrameBuffer& buffer, std::string_view text, const Framing& framing, ChunkPool* pool,
         MemoryBudget* budget, ChunkRef* retired) {
    std::byte* place = buffer.begin(framing, text.size(), MessageKind::text, pool, budget, retired);
    REQUIRE(place != nullptr);
    std::memcpy(place, text.data(), text.size());
}

}  // namespace

TEST_CASE("a frame buffer lays framed messages one behind another", "[core][encoding]") {
    FrameBuffer buffer;
    ChunkRef retired;
    const TextFraming framing;
    put(buffer, "abc", framing, nullptr, nullptr, &retired);
    CHECK(text_of(buffer) == "t3:abc|");
    const auto first = buffer.last();
    put(buffer, "", framing, nullptr, nullptr, &retired);
    CHECK(text_of(buffer) == "t0:|");
    CHECK(buffer.last().begin == first.end);
    put(buffer, "plain", no_framing(), nullptr, nullptr, &retired);
    CHECK(text_of(buffer) == "plain");
    CHECK_FALSE(retired);
}

TEST_CASE("a frame buffer that is full retires its chunk and goes on in a larger one",
          "[core][encoding]") {
    MemoryBudget budget;
    ChunkPool pool(&budget);
    FrameBuffer buffer;
    const std::string message(1000, 'x');
    std::size_t capacity = 0;
    int retirements = 0;
    for (int i = 0; i < 1000; ++i) {
        ChunkRef retired;
        put(buffer, message, no_framing(), &pool, &budget, &retired);
        CHECK(text_of(buffer) == message);
        if (retired) {
            ++retirements;
            CHECK(retired->is_unique());
            CHECK(buffer.last().begin == 0);
            CHECK(buffer.chunk()->capacity() >= capacity);
            pool.recycle(std::move(retired));
        }
        capacity = buffer.chunk()->capacity();
    }
    CHECK(capacity == 256 * 1024);
    CHECK(retirements >= 4);
}

TEST_CASE("a message larger than any chunk gets one made to measure", "[core][encoding]") {
    FrameBuffer buffer;
    ChunkRef retired;
    const std::string large(3'000'000, 'y');
    put(buffer, large, no_framing(), nullptr, nullptr, &retired);
    CHECK((text_of(buffer) == large));
}

TEST_CASE("a frame buffer without memory gives null and keeps what it has", "[core][encoding]") {
    MemoryBudget budget(8 * 1024);
    FrameBuffer buffer;
    ChunkRef retired;
    put(buffer, "kept", no_framing(), nullptr, &budget, &retired);
    CHECK(buffer.begin(no_framing(), 100'000, MessageKind::binary, nullptr, &budget, &retired) ==
          nullptr);
    CHECK_FALSE(retired);
    CHECK(text_of(buffer) == "kept");
    put(buffer, "more", no_framing(), nullptr, &budget, &retired);
    CHECK(text_of(buffer) == "more");
}

TEST_CASE("a released frame buffer starts empty", "[core][encoding]") {
    FrameBuffer buffer;
    ChunkRef retired;
    put(buffer, "abc", no_framing(), nullptr, nullptr, &retired);
    const ChunkRef chunk = buffer.release();
    CHECK(chunk->is_unique());
    CHECK_FALSE(buffer.chunk());
    put(buffer, "def", no_framing(), nullptr, nullptr, &retired);
    CHECK(buffer.last().begin == 0);
    CHECK(std::memcmp(chunk->data(), "abc", 3) == 0);
}
