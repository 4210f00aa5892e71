// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/schema.hpp"

#include "support/catch.hpp"

#include <set>

namespace pulse::server {
namespace {

TEST_CASE("paths, variables and flags are unique", "[config][schema]") {
    std::set<std::string> names;
    const auto is_new = [&names](std::string name) { return names.insert(std::move(name)).second; };
    for (const Key& key : schema().keys()) {
        CAPTURE(key.path);
        CHECK(is_new(key.path));
        CHECK(is_new(key.environment));
        if (!key.info.environment_alias.empty()) {
            CHECK(is_new(std::string{key.info.environment_alias}));
        }
        if (!key.info.flag.empty()) CHECK(is_new(std::string{key.info.flag}));
        if (!key.other_name.empty()) {
            CHECK(schema().find(key.section, key.other_name) == &key);
        }
    }
}

TEST_CASE("every row can be documented and derived from", "[config][schema]") {
    for (const Key& key : schema().keys()) {
        CAPTURE(key.path);
        CHECK(key.info.doc.ends_with('.'));
        CHECK(key.info.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") ==
              std::string_view::npos);
        // The rule that maps a variable to one key only holds while sections have no underscore.
        CHECK(key.section.find('_') == std::string_view::npos);
        CHECK((key.kind != Kind::duration || key.info.name.ends_with("_ms")));
        CHECK(key.info.min <= key.info.max);
        const Value value = key.get(Config{});
        if (std::holds_alternative<std::monostate>(value)) {
            CHECK_FALSE(key.info.when_unset.empty());
        } else {
            CHECK(check_value(key.kind, key.info, value));
        }
        if (!key.info.flag.empty()) {
            CHECK_FALSE(key.info.flag_help.empty());
            CHECK_FALSE(key.info.flag_argument.empty());
        }
        // There is no way to say a secret on a command line, where everybody could read it.
        CHECK((!key.info.secret || key.info.flag.empty()));
    }
}

TEST_CASE("a secret may come from a file", "[config][schema]") {
    for (const Key& key : schema().keys()) {
        if (!key.info.secret) continue;
        const Key* const file = schema().find(key.section, std::string{key.info.name} + "_file");
        REQUIRE(file != nullptr);
        CHECK(file->kind == Kind::text);
        CHECK_FALSE(file->info.secret);
    }
}

TEST_CASE("what is set through a row is what is got", "[config][schema]") {
    for (const Key& key : schema().keys()) {
        CAPTURE(key.path);
        Config config;
        key.set(config, key.get(config));
        CHECK(config == Config{});
    }
    for (const Key& key : schema().keys()) {
        for (const Choice& choice : key.choices) {
            Config config;
            const auto value = parse_value(key.kind, key.info, key.choices, choice.name);
            REQUIRE(value);
            key.set(config, *value);
            CHECK(key.get(config) == *value);
        }
    }
}

TEST_CASE("the range of a number is narrowed to its member", "[config][schema]") {
    CHECK(schema().find_path("server.port")->info.max == 65'535);
    CHECK(schema().find_path("limits.max_channels")->info.max == 4'294'967'295);
}

TEST_CASE("keys are found by path in every spelling", "[config][schema]") {
    CHECK(schema().find_path("limits.max_channels") != nullptr);
    CHECK(schema().find_path("heartbeat.interval") == schema().find_path("heartbeat.interval_ms"));
    CHECK(schema().find_path("limits") == nullptr);
    CHECK(schema().find_path("limits.") == nullptr);
    CHECK(schema().find_path("") == nullptr);
    CHECK(schema().find_path("server.max_channels") == nullptr);
}

}  // namespace
}  // namespace pulse::server
