// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <pulse/core/rng.hpp>

using namespace pulse::core;

TEST_CASE("a seeded generator gives SplitMix64's published sequence", "[core][rng]") {
    // The reference output for seed 1234567.
    SeededRng rng(1234567);
    CHECK(rng.next_u64() == 6457827717110365317ULL);
    CHECK(rng.next_u64() == 3203168211198807973ULL);
    CHECK(rng.next_u64() == 9817491932198370423ULL);
    CHECK(rng.next_u64() == 4593380528125082431ULL);
    CHECK(rng.next_u64() == 16408922859458223821ULL);
}

TEST_CASE("a seeded generator fills any length, repeatably", "[core][rng]") {
    for (std::size_t n = 0; n <= 40; ++n) {
        std::vector<std::byte> a(n);
        std::vector<std::byte> b(n);
        SeededRng(9).fill(a);
        SeededRng(9).fill(b);
        CHECK(a == b);
        SeededRng(10).fill(b);
        if (n > 0) CHECK(a != b);
    }
}

TEST_CASE("the system generator fills every length, across the end of what it reads ahead",
          "[core][rng]") {
    SystemRng rng;
    for (const std::size_t n : {0u, 1u, 7u, 8u, 16u, 100u, 255u, 256u, 257u, 1000u, 100'000u}) {
        std::vector<std::byte> bytes(n + 2, std::byte{0});
        rng.fill(std::span(bytes).subspan(1, n));
        CHECK(bytes.front() == std::byte{0});
        CHECK(bytes.back() == std::byte{0});
        // 64 random bytes without a single one set: once in 2^512.
        if (n >= 64) {
            CHECK(std::any_of(bytes.begin() + 1, bytes.end() - 1,
                              [](std::byte b) { return b != std::byte{0}; }));
        }
    }
}

TEST_CASE("the system generator's bits are evenly spread", "[core][rng]") {
    SystemRng rng;
    std::array<int, 64> ones{};
    constexpr int kDraws = 4096;
    for (int i = 0; i < kDraws; ++i) {
        const std::uint64_t value = rng.next_u64();
        for (std::size_t bit = 0; bit < 64; ++bit)
            ones[bit] += static_cast<int>((value >> bit) & 1);
    }
    // Ten standard deviations: wrong by chance once in 10^22, by a stuck bit always.
    for (const int count : ones) CHECK(std::abs(count - kDraws / 2) < 320);
}

TEST_CASE("threads that share the system generator never get the same bytes", "[core][rng]") {
    SystemRng rng;
    std::mutex mutex;
    std::set<std::uint64_t> seen;
    std::size_t total = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            std::vector<std::uint64_t> mine;
            for (int i = 0; i < 5000; ++i) mine.push_back(rng.next_u64());
            const std::lock_guard lock(mutex);
            seen.insert(mine.begin(), mine.end());
            total += mine.size();
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(seen.size() == total);
}

TEST_CASE("a forked child does not repeat its parent's bytes", "[core][rng]") {
    SystemRng rng;
    (void)rng.next_u64();  // something is read ahead now
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const std::uint64_t value = rng.next_u64();
        const ssize_t n = ::write(pipe_ends[1], &value, sizeof value);
        ::_exit(n == sizeof value ? 0 : 1);
    }
    std::uint64_t theirs = 0;
    REQUIRE(::read(pipe_ends[0], &theirs, sizeof theirs) == sizeof theirs);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(theirs != rng.next_u64());
}
