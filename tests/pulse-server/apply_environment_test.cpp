// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/schema.hpp"
#include "support.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace pulse::server::test {
namespace {

Config with(Environment environment) {
    const LoadResult loaded = load({}, std::move(environment));
    INFO(describe(loaded.diagnostics));
    REQUIRE(loaded.ok());
    return loaded.config;
}

Lines complaints_about(Environment environment) {
    return lines(load({}, std::move(environment)).diagnostics);
}

/// Some value of the key's kind that is not its default, as a variable holds it and as it is
/// stored.
std::pair<std::string, Value> other_value(const Key& key) {
    switch (key.kind) {
        case Kind::boolean: {
            const bool was = key.get(Config{}) == Value{true};
            return {was ? "no" : "yes", !was};
        }
        case Kind::integer:
            return {std::to_string(key.info.min + 1), key.info.min + 1};
        case Kind::bytes: {
            const std::int64_t kib = std::max<std::int64_t>(128, key.info.min / 1024 + 1);
            return {std::to_string(kib) + "KiB", kib * 1024};
        }
        case Kind::duration: {
            if (key.info.max >= 41'000) return {"41s", std::int64_t{41'000}};
            const std::int64_t ms = std::max<std::int64_t>(410, key.info.min + 1);
            return {std::to_string(ms) + "ms", ms};
        }
        case Kind::text:
            return {"/some/text", std::string{"/some/text"}};
        case Kind::choice:
            return {std::string{key.choices.back().name}, std::string{key.choices.back().name}};
        case Kind::list:
            return {"one-long-enough-token, two", StringList{"one-long-enough-token", "two"}};
    }
    return {};
}

TEST_CASE("every key is read from the variable named after it", "[config][environment]") {
    for (const Key& key : schema().keys()) {
        const auto [text, expected] = other_value(key);
        CAPTURE(key.environment, text);
        const LoadResult loaded = load({}, {{key.environment, text}});
        CHECK(key.get(loaded.config) == expected);
        CHECK(loaded.origins[schema().index_of(key)] ==
              Origin{Origin::Kind::environment, key.environment, 0, 0});
        for (const Key& other : schema().keys()) {
            if (&other != &key) CHECK(other.get(loaded.config) == other.get(Config{}));
        }
    }
}

TEST_CASE("the variables have the documented names", "[config][environment]") {
    CHECK(with({{"PULSE_LIMITS_MAX_CONNECTIONS", "500"}}).limits.max_connections == 500);
    CHECK(with({{"PULSE_SERVER_PORT", "9000"}}).server.port == 9000);
    CHECK(with({{"PULSE_LOGGING_LEVEL", "debug"}}).logging.level == core::LogLevel::debug);
    CHECK(with({{"PULSE_HEARTBEAT_INTERVAL", "5s"}}).heartbeat.interval == std::chrono::seconds{5});
    CHECK(with({{"PULSE_TRANSPORT_ALLOWED_ORIGINS", "https://a.example, https://b.example"}})
              .transport.allowed_origins == StringList{"https://a.example", "https://b.example"});
    CHECK(with({{"PULSE_AUTH_REQUIRED", "0"}}).auth.required == false);
}

TEST_CASE("PULSE_HOST and PULSE_PORT are aliases that the full names overrule",
          "[config][environment]") {
    const Config config = with({{"PULSE_HOST", "localhost"}, {"PULSE_PORT", "9000"}});
    CHECK(config.server.host == "localhost");
    CHECK(config.server.port == 9000);

    const LoadResult both = load({}, {{"PULSE_PORT", "9000"}, {"PULSE_SERVER_PORT", "9001"}});
    CHECK(both.config.server.port == 9001);
    CHECK(lines(both.diagnostics) ==
          Lines{"environment PULSE_PORT: warning: server.port: ignored, because "
                "PULSE_SERVER_PORT is set too"});
}

TEST_CASE("an empty variable counts as not set", "[config][environment]") {
    CHECK(with({{"PULSE_HOST", ""}, {"PULSE_SERVER_PORT", ""}, {"RUST_LOG", ""}}) == Config{});
    CHECK(with({{"PULSE_SERVER_PORT", ""}, {"PULSE_PORT", "9000"}}).server.port == 9000);
}

TEST_CASE("a value that cannot be read is an error naming the variable", "[config][environment]") {
    CHECK(complaints_about({{"PULSE_PORT", "http"}}) ==
          Lines{"environment PULSE_PORT: server.port: expected a whole number, got \"http\""});
    CHECK(complaints_about({{"PULSE_METRICS_ENABLED", "maybe"}}) ==
          Lines{"environment PULSE_METRICS_ENABLED: metrics.enabled: expected true or false, got "
                "\"maybe\""});
    CHECK(complaints_about({{"PULSE_LIMITS_MAX_CHANNELS", "0"}}) ==
          Lines{"environment PULSE_LIMITS_MAX_CHANNELS: limits.max_channels: must be 1 to "
                "4294967295, got 0"});
    CHECK(complaints_about({{"PULSE_SERVER_NAME", "a\xff"}}) ==
          Lines{"environment PULSE_SERVER_NAME: server.name: must be UTF-8 text without control "
                "characters"});
}

TEST_CASE("an unknown PULSE_ variable is a warning that names the likely one",
          "[config][environment]") {
    const LoadResult loaded = load({}, {{"PULSE_LIMIT_MAX_CONNECTIONS", "5"},
                                        {"PULSE_FOO", "1"},
                                        {"PULSE_", ""},
                                        {"PULSE_PROFILE", "memory"},
                                        {"PULSEAUDIO_SERVER", "x"},
                                        {"PATH", "/bin"}});
    CHECK(loaded.ok());
    CHECK(loaded.config == Config{});
    CHECK(lines(loaded.diagnostics) ==
          Lines{"environment PULSE_: warning: names no configuration key",
                "environment PULSE_FOO: warning: names no configuration key",
                "environment PULSE_LIMIT_MAX_CONNECTIONS: warning: names no configuration key (did "
                "you mean PULSE_LIMITS_MAX_CONNECTIONS?)",
                "environment PULSE_PROFILE: warning: names no configuration key"});
}

TEST_CASE("RUST_LOG sets the level and PULSE_LOGGING_LEVEL overrules it silently",
          "[config][environment]") {
    const auto level = [](const char* text) { return with({{"RUST_LOG", text}}).logging.level; };
    CHECK(level("debug") == core::LogLevel::debug);
    CHECK(level("WARN") == core::LogLevel::warn);
    CHECK(level("pulse=debug,tower_http=info") == core::LogLevel::debug);
    CHECK(level("error,pulse_server=trace") == core::LogLevel::trace);
    CHECK(level("hyper=trace") == core::LogLevel::info);
    CHECK(level("hyper=trace,warn") == core::LogLevel::warn);

    const LoadResult both = load({}, {{"RUST_LOG", "debug"}, {"PULSE_LOGGING_LEVEL", "error"}});
    CHECK(both.config.logging.level == core::LogLevel::error);
    CHECK(both.diagnostics.empty());
}

TEST_CASE("a RUST_LOG meant for others is a warning at most", "[config][environment]") {
    const LoadResult loaded = load({}, {{"RUST_LOG", "[span{field=1}]"}});
    CHECK(loaded.ok());
    CHECK(loaded.config == Config{});
    CHECK(lines(load({}, {{"RUST_LOG", "loud"}}).diagnostics) ==
          Lines{"environment RUST_LOG: warning: logging.level: ignored: expected one of trace, "
                "debug, info, warn, error, off, got \"loud\""});
}

}  // namespace
}  // namespace pulse::server::test
