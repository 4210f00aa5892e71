// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <cstring>
#include <thread>
#include <vector>

#include <pulse/core/memory.hpp>

using namespace pulse::core;

TEST_CASE("a budget counts up to its limit and says no beyond", "[core][memory]") {
    MemoryBudget budget(100);
    CHECK(budget.try_reserve(60));
    CHECK(budget.try_reserve(40));
    CHECK_FALSE(budget.try_reserve(1));
    CHECK(budget.used() == 100);
    CHECK(budget.refusals() == 1);
    budget.release(40);
    CHECK(budget.try_reserve(40));
    budget.set_limit(0);
    CHECK(budget.try_reserve(1'000'000));
    budget.set_limit(10);
    CHECK_FALSE(budget.try_reserve(0 + 1));
    budget.release(1'000'100);
    CHECK(budget.used() == 0);
}

TEST_CASE("a budget shared by threads is never passed and ends at zero", "[core][memory]") {
    MemoryBudget budget(1000);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 20'000; ++i) {
                if (budget.try_reserve(300)) budget.release(300);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(budget.used() == 0);
}

TEST_CASE("a chunk counts against its budget until its last holder is gone", "[core][memory]") {
    MemoryBudget budget(10'000);
    ChunkRef first = ChunkRef::allocate(4000, &budget);
    REQUIRE(first);
    CHECK(first->capacity() == 4000);
    CHECK(budget.used() >= 4000);
    CHECK(first->is_unique());
    ChunkRef second = first;
    CHECK_FALSE(first->is_unique());
    ChunkRef third = ChunkRef::share(*first.get());
    first.reset();
    CHECK(budget.used() >= 4000);
    second = ChunkRef();
    CHECK(third->is_unique());
    ChunkRef moved = std::move(third);
    CHECK_FALSE(third);
    CHECK(budget.used() >= 4000);
    moved.reset();
    CHECK(budget.used() == 0);
}

TEST_CASE("an exhausted budget gives a null chunk and counts nothing", "[core][memory]") {
    MemoryBudget budget(1000);
    CHECK_FALSE(ChunkRef::allocate(1000, &budget));  // the header counts too
    CHECK(budget.used() == 0);
    CHECK(ChunkRef::allocate(500, &budget));
    CHECK(ChunkRef::allocate(1000, nullptr));
}

TEST_CASE("assigning a chunk to itself keeps it", "[core][memory]") {
    MemoryBudget budget;
    ChunkRef chunk = ChunkRef::allocate(64, &budget);
    std::memset(chunk->data(), 7, 64);
    ChunkRef& alias = chunk;
    chunk = alias;
    REQUIRE(chunk);
    CHECK(chunk->is_unique());
    CHECK(chunk->data()[63] == std::byte{7});
}

TEST_CASE("a chunk's bytes are aligned for anything", "[core][memory]") {
    for (const std::size_t n : {1u, 3u, 100u, 4096u}) {
        const ChunkRef chunk = ChunkRef::allocate(n, nullptr);
        CHECK(reinterpret_cast<std::uintptr_t>(chunk->data()) % alignof(std::max_align_t) == 0);
    }
}

TEST_CASE("a pool hands out its size classes and takes chunks back", "[core][memory]") {
    MemoryBudget budget;
    ChunkPool pool(&budget);
    CHECK(pool.take(1)->capacity() == 4 * 1024);
    CHECK(pool.take(4 * 1024)->capacity() == 4 * 1024);
    CHECK(pool.take(4 * 1024 + 1)->capacity() == 16 * 1024);
    CHECK(pool.take(64 * 1024)->capacity() == 64 * 1024);
    CHECK(pool.take(256 * 1024)->capacity() == 256 * 1024);
    CHECK(pool.take(1'000'000)->capacity() == 1'000'000);
    CHECK(budget.used() == 0);

    ChunkRef chunk = pool.take(100);
    const Chunk* address = chunk.get();
    pool.recycle(std::move(chunk));
    CHECK(budget.used() > 0);  // kept
    CHECK(pool.take(100).get() == address);
}

TEST_CASE("a pool does not keep what others hold, odd sizes, or too much", "[core][memory]") {
    MemoryBudget budget;
    ChunkPool pool(&budget);
    SECTION("a shared chunk") {
        ChunkRef chunk = pool.take(100);
        ChunkRef other = chunk;
        pool.recycle(std::move(chunk));
        CHECK(other->is_unique());
        other.reset();
        CHECK(budget.used() == 0);
    }
    SECTION("a chunk made to measure") {
        pool.recycle(pool.take(1'000'000));
        CHECK(budget.used() == 0);
    }
    SECTION("none at all") { pool.recycle(ChunkRef()); }
    SECTION("more than a megabyte of a class") {
        std::vector<ChunkRef> chunks;
        for (int i = 0; i < 20; ++i) chunks.push_back(pool.take(256 * 1024));
        for (ChunkRef& chunk : chunks) pool.recycle(std::move(chunk));
        CHECK(budget.used() <= ChunkPool::kKeptBytesPerClass + 1024);
        CHECK(budget.used() >= ChunkPool::kKeptBytesPerClass);
    }
    pool.clear();
    CHECK(budget.used() == 0);
}

TEST_CASE("chunks may be released by other threads than made them", "[core][memory]") {
    MemoryBudget budget;
    for (int round = 0; round < 50; ++round) {
        ChunkRef chunk = ChunkRef::allocate(256, &budget);
        std::memset(chunk->data(), round, 256);
        std::vector<std::thread> readers;
        for (int t = 0; t < 3; ++t) {
            readers.emplace_back([copy = chunk, round]() mutable {
                if (copy->data()[255] != static_cast<std::byte>(round)) std::abort();
                copy.reset();
            });
        }
        chunk.reset();
        for (std::thread& reader : readers) reader.join();
        CHECK(budget.used() == 0);
    }
}

TEST_CASE("input takes half of a budget at most", "[core][memory]") {
    MemoryBudget budget(1000);
    CHECK(budget.try_reserve_input(500));
    CHECK_FALSE(budget.try_reserve_input(1));
    CHECK(budget.refusals() == 1);
    CHECK(budget.try_reserve(500));
    CHECK_FALSE(budget.try_reserve(1));
    budget.release_input(500);
    CHECK(budget.used() == 500);
    // Room of its own is of no use when there is none at all.
    CHECK(budget.try_reserve(400));
    CHECK_FALSE(budget.try_reserve_input(101));
    CHECK(budget.try_reserve_input(100));
    CHECK(budget.used() == 1000);
    MemoryBudget unlimited;
    CHECK(unlimited.try_reserve_input(std::size_t{1} << 40));
}
