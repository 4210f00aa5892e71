// SPDX-License-Identifier: MIT OR Apache-2.0
#include "channel.hpp"
#include "publication_log.hpp"
#include "support/catch.hpp"

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

using namespace pulse::core::detail;

namespace {

std::unique_ptr<Channel> make_channel(const std::string& name, std::uint64_t hash) {
    auto channel = std::make_unique<Channel>();
    channel->name = name;
    channel->hash = hash;
    return channel;
}

}  // namespace

TEST_CASE("an empty channel table finds nothing", "[core][channel_table]") {
    const ChannelTable table;
    CHECK(table.find("a", 1) == nullptr);
    CHECK(table.size() == 0);
    table.for_each([](const Channel&) { FAIL("there is none"); });
}

TEST_CASE("a channel table agrees with a map, whatever collides", "[core][channel_table]") {
    // Few different hashes make long runs of probes, wrapping around the end of the table.
    const auto hashes = GENERATE(as<std::uint64_t>(), 1, 2, 7, 64, 1000000);
    CAPTURE(hashes);
    std::mt19937_64 random(hashes);
    ChannelTable table;
    std::map<std::string, Channel*> model;
    const auto hash_of = [&](const std::string& name) {
        // High slots first, so that runs wrap.
        return ~(hash_name(name, 5) % hashes);
    };
    for (int step = 0; step < 20'000; ++step) {
        const std::string name = "c" + std::to_string(random() % 200);
        const std::uint64_t hash = hash_of(name);
        Channel* found = table.find(name, hash);
        const auto known = model.find(name);
        REQUIRE(found == (known == model.end() ? nullptr : known->second));
        if (found == nullptr) {
            model[name] = &table.insert(make_channel(name, hash));
        } else if (random() % 2 == 0) {
            model.erase(name);
            table.erase(*found);
        }
        REQUIRE(table.size() == model.size());
    }
    for (const auto& [name, channel] : model) {
        CHECK(table.find(name, hash_of(name)) == channel);
        CHECK(channel->name == name);
    }
    std::set<std::string> seen;
    table.for_each([&](const Channel& channel) { CHECK(seen.insert(channel.name).second); });
    CHECK(seen.size() == model.size());
}

TEST_CASE("the name hash depends on every byte, the length and the seed", "[core][channel_table]") {
    std::set<std::uint64_t> hashes;
    std::size_t made = 0;
    for (std::size_t length = 0; length <= 64; ++length) {
        const std::string base(length, 'a');
        hashes.insert(hash_name(base, 1));
        ++made;
        for (std::size_t i = 0; i < length; ++i) {
            std::string changed = base;
            changed[i] = 'b';
            hashes.insert(hash_name(changed, 1));
            ++made;
        }
    }
    CHECK(hashes.size() == made);
    CHECK(hash_name("channel", 1) != hash_name("channel", 2));
    CHECK(hash_name("channel", 1) == hash_name(std::string("channel"), 1));
}

TEST_CASE("the name hash spreads numbered names evenly over buckets", "[core][channel_table]") {
    constexpr int kBuckets = 64;
    constexpr int kNames = 64'000;
    int low[kBuckets] = {};
    int high[kBuckets] = {};
    for (int i = 0; i < kNames; ++i) {
        const std::uint64_t hash = hash_name("channel:" + std::to_string(i), 99);
        ++low[hash % kBuckets];
        ++high[hash >> 58];
    }
    // 1,000 expected, standard deviation 31: six of them either way.
    for (int i = 0; i < kBuckets; ++i) {
        CHECK(std::abs(low[i] - 1000) < 190);
        CHECK(std::abs(high[i] - 1000) < 190);
    }
}
