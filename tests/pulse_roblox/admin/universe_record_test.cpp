// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <string>

#include <pulse/roblox/error.hpp>
#include <pulse/roblox/universe_record.hpp>

using namespace pulse;
using namespace pulse::roblox;

namespace {

UniverseRecord sample() {
    UniverseRecord record{.id = {7}, .created_at_ms = 1'767'225'600'000};
    record.settings = {.name = "Obby \"2\" \xc3\xa9",
                       .mode = Mode::both,
                       .prefix = "game.2",
                       .shards = 8,
                       .origins = {"https://a.example", "http://[::1]:81"}};
    record.keys.version = 40;
    record.keys.put(0, {.record = "pk1.k1.a.b.c", .fingerprint = "01234567"});
    record.keys.put(1, {.record = "pk1.k2.d.e.f",
                        .fingerprint = "89abcdef",
                        .state = KeyState::wrong_universe,
                        .checked_at_ms = 5,
                        .used_at_ms = 6,
                        .expires_at_ms = 7,
                        .owner = 8});
    return record;
}

}  // namespace

TEST_CASE("a universe's document reads back as it was", "[roblox][record]") {
    const UniverseRecord record = sample();
    const std::string text = encode_universe(record);
    CHECK(decode_universe({7}, text).value() == record);
    CHECK(record.keys.slots[0]->serial == 41);
    CHECK(record.keys.slots[1]->serial == 42);
    CHECK(record.keys.active == 0);
}

TEST_CASE("a document that was cut, changed or made up is refused or means something valid",
          "[roblox][record]") {
    const std::string text = encode_universe(sample());
    for (std::size_t size = 0; size < text.size(); ++size) {
        CHECK(decode_universe({7}, text.substr(0, size)).error() == Error::invalid_record);
    }
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (const char c : {'0', '"', '{', '\\', '\0', '\xff'}) {
            std::string changed = text;
            changed[at] = c;
            const auto decoded = decode_universe({7}, changed);
            if (decoded) CHECK(is_valid(decoded->settings));
        }
    }
    for (const char* bad :
         {"", "[]", "null", "{}", R"({"v":1})", R"({"v":2,"keys":{}})",
          R"({"v":1,"keys":{"v":1,"version":1,"active":2,"slots":[]}})",
          R"({"v":1,"shards":9,"keys":{"v":1,"version":1,"active":0,"slots":[]}})",
          R"({"v":1,"prefix":"..","keys":{"v":1,"version":1,"active":0,"slots":[]}})"}) {
        CAPTURE(bad);
        CHECK(decode_universe({7}, bad).error() == Error::invalid_record);
    }
    CHECK(decode_universe({7}, std::string(70'000, ' ') + text).error() == Error::invalid_record);
}

TEST_CASE("what is known of keys goes to the keys that it is about", "[roblox][record]") {
    UniverseRecord record = sample();
    const std::string states = encode_key_states(record.keys);
    record.keys.slots[1]->state = KeyState::unknown;
    record.keys.slots[1]->owner = 0;
    record.keys.put(0, {.record = "pk1.k1.new"});  // another key in the same place
    REQUIRE(apply_key_states(states, record.keys));
    CHECK(record.keys.slots[1]->state == KeyState::wrong_universe);
    CHECK(record.keys.slots[1]->owner == 8);
    CHECK(record.keys.slots[1]->record == "pk1.k2.d.e.f");
    CHECK(record.keys.slots[0]->record == "pk1.k1.new");
    CHECK(record.keys.slots[0]->checked_at_ms == 0);
    const KeySlots before = record.keys;
    for (std::size_t size = 0; size < states.size(); ++size) {
        CHECK_FALSE(apply_key_states(states.substr(0, size), record.keys));
        REQUIRE(record.keys == before);
    }
    CHECK_FALSE(apply_key_states(R"({"v":1,"keys":[{},{},{}]})", record.keys));
}

TEST_CASE("settings have bounds", "[roblox][record]") {
    CHECK(is_valid_universe_name(std::string(100, 'x')));
    CHECK_FALSE(is_valid_universe_name(std::string(101, 'x')));
    CHECK_FALSE(is_valid_universe_name("a\nb"));
    CHECK_FALSE(is_valid_universe_name("\xff"));
    CHECK(is_valid_topic_prefix("pulse"));
    for (const char* bad : {"", "a b", "..", "a..b", "a.", "012345678901234567890123456789"}) {
        CAPTURE(bad);
        CHECK_FALSE(is_valid_topic_prefix(bad));
    }
    CHECK(is_valid_shards(1));
    CHECK_FALSE(is_valid_shards(0));
    CHECK_FALSE(is_valid_shards(9));
    CHECK(is_valid_origin("https://example.org:8443"));
    for (const char* bad : {"", "*", "null", "https://", "https://a/", "https://a b", "ftp://a",
                            "https://user@a", "HTTPS://a"}) {
        CAPTURE(bad);
        CHECK_FALSE(is_valid_origin(bad));
    }
}
