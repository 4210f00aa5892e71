// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/reload.hpp"

#include "config/schema.hpp"
#include "support.hpp"
#include "support/catch.hpp"

namespace pulse::server::test {
namespace {

ReloadPlan plan(const Config& running, std::string_view toml) {
    const LoadResult loaded = load_config_text(toml, "t.toml");
    INFO(describe(loaded.diagnostics));
    REQUIRE(loaded.ok());
    return plan_reload(running, loaded, ConfigSources{});
}

std::vector<std::string> names(const std::vector<KeyChange>& changes) {
    std::vector<std::string> result;
    for (const KeyChange& change : changes) result.push_back(change.key);
    return result;
}

TEST_CASE("nothing changed means nothing to do", "[config][reload]") {
    const ReloadPlan nothing = plan(Config{}, "");
    CHECK(nothing.ok());
    CHECK(nothing.live.empty());
    CHECK(nothing.needs_restart.empty());
    CHECK(nothing.next == Config{});
}

TEST_CASE("live keys are applied and the others wait", "[config][reload]") {
    const ReloadPlan changed = plan(Config{}, R"(
[server]
port = 9000
[transport]
slow_consumer = "drop_newest"
[limits]
max_channels = 5
[logging]
level = "debug"
[metrics]
port = 9999
[[listener]]
port = 4000
)");
    CHECK(changed.ok());
    CHECK(changed.live ==
          std::vector<KeyChange>{{"transport.slow_consumer", "\"close\"", "\"drop_newest\""},
                                 {"limits.max_channels", "10000", "5"},
                                 {"logging.level", "\"info\"", "\"debug\""}});
    CHECK(changed.needs_restart ==
          std::vector<KeyChange>{{"server.port", "8080", "9000"},
                                 {"metrics.port", "9090", "9999"},
                                 {"listener", "0 configured", "1 configured"}});
    Config expected;
    expected.transport.slow_consumer = SlowConsumerPolicy::drop_newest;
    expected.limits.max_channels = 5;
    expected.logging.level = core::LogLevel::debug;
    CHECK(changed.next == expected);
}

TEST_CASE("the keys an operator expects to be live are", "[config][reload]") {
    for (const Key& key : schema().keys()) {
        CAPTURE(key.path);
        if (key.section == "limits" || key.section == "heartbeat" || key.section == "auth") {
            CHECK(key.info.live);
        }
        if (key.section == "metrics") CHECK_FALSE(key.info.live);
    }
    for (const char* path : {"logging.level", "transport.slow_consumer",
                             "transport.allowed_origins", "server.drain_timeout_ms"}) {
        CHECK(schema().find_path(path)->info.live);
    }
    for (const char* path : {"server.host", "server.port", "server.threads", "logging.format",
                             "transport.websocket_path"}) {
        CHECK_FALSE(schema().find_path(path)->info.live);
    }
}

TEST_CASE("secrets that changed are named and not shown", "[config][reload][secret]") {
    const ReloadPlan changed =
        plan(Config{}, "[auth]\ntokens = [\"secret-secret-secret\"]\nrequired = true\n");
    CHECK(changed.live == std::vector<KeyChange>{{"auth.tokens", "(secret)", "(secret)"},
                                                 {"auth.required", "(not set)", "true"}});
    CHECK(changed.next.auth.tokens == StringList{"secret-secret-secret"});
}

TEST_CASE("a change that is dangerous by halves is refused", "[config][reload]") {
    Config running;
    running.server.host = "0.0.0.0";
    running.auth.tokens = {"0123456789abcdef"};
    // Sound as a whole; but the address stays public until the restart.
    const ReloadPlan half = plan(running, "[server]\nhost = \"127.0.0.1\"\n");
    CHECK(names(half.live) == std::vector<std::string>{"auth.tokens"});
    CHECK(names(half.needs_restart) == std::vector<std::string>{"server.host"});
    CHECK_FALSE(half.ok());
    REQUIRE(half.diagnostics.size() == 1);
    CHECK(half.diagnostics[0].key == "server.host");
}

TEST_CASE("every key's change is found", "[config][reload]") {
    for (const Key& key : schema().keys()) {
        CAPTURE(key.path);
        LoadResult loaded = load({});
        const Value before = key.get(loaded.config);
        if (const auto* const flag = std::get_if<bool>(&before)) {
            key.set(loaded.config, !*flag);
        } else if (std::holds_alternative<std::monostate>(before)) {
            key.set(loaded.config, false);
        } else if (std::holds_alternative<std::int64_t>(before)) {
            key.set(loaded.config, std::get<std::int64_t>(before) + 1);
        } else if (key.kind == Kind::choice) {
            key.set(loaded.config, std::string{key.choices.back().name});
        } else if (key.kind == Kind::text) {
            key.set(loaded.config, std::string{"other"});
        } else {
            key.set(loaded.config, StringList{"other"});
        }
        const ReloadPlan changed = plan_reload(Config{}, loaded, ConfigSources{});
        CHECK(names(key.info.live ? changed.live : changed.needs_restart) ==
              std::vector<std::string>{key.path});
        CHECK((changed.next == loaded.config) == key.info.live);
    }
}

}  // namespace
}  // namespace pulse::server::test
