// SPDX-License-Identifier: MIT OR Apache-2.0
#include "real_topics.hpp"

#include "support/catch.hpp"

#include <array>
#include <set>
#include <string>
#include <vector>

#include <pulse/roblox/names.hpp>
#include <pulse/roblox/sequence.hpp>

using namespace pulse;
using namespace pulse::roblox;

TEST_CASE("Virtual topics are spread over the shards and stay where they are", "[roblox][topics]") {
    // FNV-1a, published check values: a reader in another language must agree.
    CHECK(shard_of("", 8) == 2'166'136'261U % 8);
    CHECK(shard_of("a", 8) == 0xe40c292cU % 8);
    CHECK(shard_of("foobar", 7) == 0xbf9cf968U % 7);
    std::array<int, 3> counts{};
    for (int i = 0; i < 3'000; ++i) ++counts[shard_of("topic" + std::to_string(i), 3)];
    for (const int count : counts) CHECK(count > 800);
    CHECK(shard_of("x", 0) == 0);
    CHECK(shard_of("x", 99) < kMaxShards);
}

TEST_CASE("Real topics' names stay within Roblox's rules", "[roblox][topics]") {
    CHECK(compatibility_topic("pulse") == "pulse");
    CHECK(shard_topic("pulse", 2) == "pulse.b2");
    CHECK(target_topic("pulse", {Target::Kind::server, "job"}) == "pulse.s.job");
    CHECK(target_topic("pulse", {Target::Kind::place, "42"}) == "pulse.p.42");
    const std::string longest(kMaxPrefixBytes, 'p');
    REQUIRE(is_valid_prefix(longest));
    CHECK(
        target_topic(longest, {Target::Kind::server, std::string(kMaxServerIdBytes, 'j')}).size() ==
        kMaxRealTopicBytes);
    for (const std::string& prefix : {std::string(), std::string("a b"), std::string("a..b"),
                                      std::string("a."), std::string(kMaxPrefixBytes + 1, 'p')}) {
        CAPTURE(prefix);
        CHECK_FALSE(is_valid_prefix(prefix));
    }
}

TEST_CASE("While servers disagree, only shards that all of them hear are used",
          "[roblox][topics]") {
    CHECK(effective_shards(5, {}) == 5);
    CHECK(effective_shards(5, std::vector<unsigned>{5, 3, 5}) == 3);
    CHECK(effective_shards(3, std::vector<unsigned>{5, 5}) == 3);
    CHECK(effective_shards(0, {}) == 1);
    CHECK(effective_shards(99, {}) == kMaxShards);
    CHECK(effective_shards(3, std::vector<unsigned>{0}) == 1);
}

TEST_CASE("The automatic mode changes to frames with the first hello", "[roblox][topics]") {
    CHECK(forms_of(Mode::automatic, false).v0);
    CHECK_FALSE(forms_of(Mode::automatic, false).v1);
    CHECK(forms_of(Mode::automatic, true).v1);
    CHECK_FALSE(forms_of(Mode::automatic, true).v0);
    CHECK(forms_of(Mode::both, false).v0);
    CHECK(forms_of(Mode::both, false).v1);
    CHECK_FALSE(forms_of(Mode::v0, true).v1);
    CHECK_FALSE(forms_of(Mode::v1, false).v0);
}

TEST_CASE("Numbers count per real topic under one random epoch", "[roblox][topics]") {
    core::SeededRng rng(1);
    MemorySequence sequence(rng);
    CHECK(sequence.take("a", 1) == 1);
    CHECK(sequence.take("a", 3) == 2);
    CHECK(sequence.take("a", 1) == 5);
    CHECK(sequence.take("b", 1) == 1);
    CHECK(sequence.heads().at("a") == 5);
    sequence.forget("a");
    CHECK(sequence.heads().size() == 1);

    std::set<std::string> epochs;
    std::set<char> letters;
    for (int i = 0; i < 500; ++i) {
        const std::string epoch = make_epoch(rng);
        CHECK(epoch.size() == 6);
        letters.insert(epoch.begin(), epoch.end());
        epochs.insert(epoch);
    }
    CHECK(epochs.size() == 500);
    CHECK(letters.size() == 36);
}
