// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every Rng keeps to. Call it in a TEST_CASE of its own.
#pragma once

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include <pulse/core/rng.hpp>

namespace pulse::contract {

inline void rng_contract(const std::function<std::unique_ptr<core::Rng>()>& make) {
    const std::unique_ptr<core::Rng> rng = make();

    SECTION("it fills what it is given, and nothing else") {
        for (const std::size_t n : {0U, 1U, 7U, 8U, 9U, 255U, 256U, 257U, 5'000U}) {
            std::vector<std::byte> bytes(n + 2, std::byte{0x5a});
            bool was_filled = n < 8;  // fewer may well be what they were
            for (int i = 0; i < 3; ++i) {
                rng->fill(std::span(bytes).subspan(1, n));
                CHECK(bytes.front() == std::byte{0x5a});
                CHECK(bytes.back() == std::byte{0x5a});
                was_filled =
                    was_filled || std::any_of(bytes.begin() + 1, bytes.end() - 1,
                                              [](std::byte b) { return b != std::byte{0x5a}; });
            }
            CHECK(was_filled);
        }
    }

    SECTION("it does not say the same again") {
        std::set<std::uint64_t> seen;
        for (int i = 0; i < 10'000; ++i) seen.insert(rng->next_u64());
        CHECK(seen.size() == 10'000);
    }

    SECTION("each byte is as frequent as any other") {
        std::vector<std::byte> bytes(256 * 1'024);
        rng->fill(bytes);
        std::array<std::size_t, 256> counts{};
        for (const std::byte each : bytes) ++counts[std::to_integer<std::size_t>(each)];
        // 1,024 of each, give or take; eight standard deviations are 256.
        CHECK(*std::min_element(counts.begin(), counts.end()) > 768);
        CHECK(*std::max_element(counts.begin(), counts.end()) < 1'280);
    }
}

}  // namespace pulse::contract
