// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/schema.hpp"
#include "support.hpp"
#include "support/catch.hpp"

namespace pulse::server::test {
namespace {

Config read(std::string_view toml) {
    const LoadResult loaded = load_config_text(toml, "t.toml");
    INFO(describe(loaded.diagnostics));
    REQUIRE(loaded.ok());
    return loaded.config;
}

TEST_CASE("an empty file is the default configuration", "[config][toml]") {
    CHECK(read("") == Config{});
    CHECK(read("[server]\n[limits]\n# nothing\n") == Config{});
}

TEST_CASE("the documented sample file is read", "[config][toml]") {
    const Config config = read(R"(
[server]
host = "0.0.0.0"
port = 8081
allow_anonymous = true

[transport]
websocket = true
webtransport = false  # Experimental
allowed_origins = ["https://a.example", "*"]
slow_consumer = "drop_oldest"

[limits]
max_connections = 100_000
max_channels = 10001
max_subscriptions_per_connection = 101
max_message_size = "64KiB"

[heartbeat]
interval_ms = 30000
timeout_ms = "1m30s"

[auth]
required = false

[metrics]
enabled = true
port = 9091

[logging]
level = "WARNING"
format = "json"
)");
    Config expected;
    expected.server.host = "0.0.0.0";
    expected.server.port = 8081;
    expected.server.allow_anonymous = true;
    expected.transport.allowed_origins = {"https://a.example", "*"};
    expected.transport.slow_consumer = SlowConsumerPolicy::drop_oldest;
    expected.limits.max_channels = 10'001;
    expected.limits.max_subscriptions_per_connection = 101;
    expected.heartbeat.timeout = std::chrono::seconds{90};
    expected.auth.required = false;
    expected.metrics.port = 9091;
    expected.logging.level = core::LogLevel::warn;
    expected.logging.format = LogFormat::json;
    CHECK(config == expected);
}

TEST_CASE("every key is read from its section", "[config][toml]") {
    // A value that differs from the default, for each kind.
    for (const Key& key : schema().keys()) {
        CAPTURE(key.path);
        std::string text;
        Value expected;
        switch (key.kind) {
            case Kind::boolean: {
                const Value before = key.get(Config{});
                const bool was = std::holds_alternative<bool>(before) && std::get<bool>(before);
                expected = !was;
                break;
            }
            case Kind::integer:
            case Kind::bytes:
            case Kind::duration:
                expected = key.info.min + 1;
                break;
            case Kind::text:
                expected = std::string{"/other"};
                break;
            case Kind::choice:
                expected = std::string{key.choices.back().name};
                break;
            case Kind::list:
                expected = StringList{"x", "y"};
                break;
        }
        const std::string toml = "[" + std::string{key.section} + "]\n" +
                                 std::string{key.info.name} + " = " + toml_value(expected) + "\n";
        const LoadResult loaded = load_config_text(toml, "t.toml");
        // What other keys make of it is none of this test's business; that it was stored is.
        CHECK(key.get(loaded.config) == expected);
        const Origin& origin = loaded.origins[schema().index_of(key)];
        CHECK(origin == Origin{Origin::Kind::file, "t.toml", 2, 1});
    }
}

TEST_CASE("durations may leave out their unit's name", "[config][toml]") {
    const Config config = read("[heartbeat]\ninterval = 10000\ntimeout = \"20s\"\n");
    CHECK(config.heartbeat.interval == std::chrono::seconds{10});
    CHECK(config.heartbeat.timeout == std::chrono::seconds{20});
    CHECK(complaints("[heartbeat]\ninterval = 10000\ninterval_ms = 20000\n") ==
          Lines{"t.toml:3:1: heartbeat.interval_ms: given twice, as interval_ms and as interval"});
}

TEST_CASE("host and port outside any table are read, and the table wins", "[config][toml]") {
    const Config config = read("host = \"localhost\"\nport = 9000\n");
    CHECK(config.server.host == "localhost");
    CHECK(config.server.port == 9000);

    const LoadResult both = load_config_text("port = 9000\n[server]\nport = 9001\n", "t.toml");
    CHECK(both.config.server.port == 9001);
    CHECK(lines(both.diagnostics) ==
          Lines{"t.toml:1:1: warning: port: ignored, because [server] sets port too"});
}

TEST_CASE("an unknown key is an error that names the likely one", "[config][toml]") {
    CHECK(complaints("[limits]\nmax_conections = 5\n") ==
          Lines{"t.toml:2:1: limits.max_conections: unknown key (did you mean "
                "limits.max_connections?)"});
    CHECK(complaints("[limits]\nMax-Channels = 5\n") ==
          Lines{"t.toml:2:1: limits.Max-Channels: unknown key (did you mean "
                "limits.max_channels?)"});
    CHECK(complaints("[server]\nmax_channels = 5\n") ==
          Lines{"t.toml:2:1: server.max_channels: unknown key (did you mean "
                "limits.max_channels?)"});
    CHECK(complaints("[metrics]\nhots = \"127.0.0.1\"\n") ==
          Lines{"t.toml:2:1: metrics.hots: unknown key (did you mean metrics.host?)"});
    CHECK(complaints("[server]\ncolour = 1\n") == Lines{"t.toml:2:1: server.colour: unknown key"});
    CHECK(complaints("[limits.extra]\nx = 1\n") == Lines{"t.toml:1:9: limits.extra: unknown key"});
}

TEST_CASE("an unknown section or outer key is an error that names the likely one",
          "[config][toml]") {
    CHECK(complaints("[limit]\nmax_channels = 5\n") ==
          Lines{"t.toml:1:2: limit: unknown section (did you mean [limits]?)"});
    CHECK(complaints("[[listeners]]\nport = 1\n") ==
          Lines{"t.toml:1:3: listeners: unknown section (did you mean [[listener]]?)"});
    CHECK(complaints("max_channels = 5\n") ==
          Lines{"t.toml:1:1: max_channels: unknown key (did you mean limits.max_channels?)"});
    CHECK(complaints("loging = true\n") ==
          Lines{"t.toml:1:1: loging: unknown key (did you mean [logging]?)"});
    CHECK(complaints("limits = 5\n") == Lines{"t.toml:1:1: limits: is a table: write [limits]"});
    CHECK(complaints("[[limits]]\n") == Lines{"t.toml:1:3: limits: is a table: write [limits]"});
}

TEST_CASE("a value of the wrong type is an error at the value", "[config][toml]") {
    CHECK(complaints("[server]\nport = \"8080\"\n") ==
          Lines{"t.toml:2:8: server.port: expected an integer, got a string"});
    CHECK(complaints("[server]\nport = 80.0\n") ==
          Lines{"t.toml:2:8: server.port: expected an integer, got a floating-point number"});
    CHECK(complaints("[server]\nhost = 1\n") ==
          Lines{"t.toml:2:8: server.host: expected a string, got an integer"});
    CHECK(complaints("[server]\nreuse_port = \"true\"\n") ==
          Lines{"t.toml:2:14: server.reuse_port: expected true or false, got a string"});
    CHECK(complaints("[server]\nhost = { a = 1 }\n") ==
          Lines{"t.toml:2:8: server.host: expected a string, got a table"});
    CHECK(complaints("[logging]\nlevel = 2026-11-21\n") ==
          Lines{"t.toml:2:9: logging.level: expected a string, got a date or time"});
    CHECK(complaints("[limits]\nmax_message_size = true\n") ==
          Lines{"t.toml:2:20: limits.max_message_size: expected a size such as 65536 or "
                "\"64KiB\", got a boolean"});
    CHECK(complaints("[auth]\ntokens = \"secret-secret-secret\"\n") ==
          Lines{"t.toml:2:10: auth.tokens: expected an array of strings, got a string"});
    CHECK(complaints("[auth]\ntokens = [\"secret-secret-secret\", 5]\n") ==
          Lines{"t.toml:2:10: auth.tokens: expected an array of strings, but it contains an "
                "integer"});
}

TEST_CASE("a value out of range or form is an error at the value", "[config][toml]") {
    CHECK(complaints("[server]\nport = 65536\n") ==
          Lines{"t.toml:2:8: server.port: must be 0 to 65535, got 65536"});
    CHECK(complaints("[server]\nport = -1\n") ==
          Lines{"t.toml:2:8: server.port: must be 0 to 65535, got -1"});
    CHECK(complaints("[limits]\nmax_message_size = \"17MiB\"\n") ==
          Lines{"t.toml:2:20: limits.max_message_size: must be 0 to 16777216 (16 MiB), got "
                "17825792"});
    CHECK(complaints("[heartbeat]\ninterval_ms = \"30 sec\"\n") ==
          Lines{"t.toml:2:15: heartbeat.interval_ms: expected a duration such as 30000 "
                "(milliseconds), \"250ms\", \"30s\" or \"1m30s\", got \"30 sec\""});
    CHECK(complaints("[logging]\nlevel = \"loud\"\n") ==
          Lines{"t.toml:2:9: logging.level: expected one of trace, debug, info, warn, error, off, "
                "got \"loud\""});
    CHECK(complaints("[server]\nname = \"a\\u0007b\"\n") ==
          Lines{"t.toml:2:8: server.name: must be UTF-8 text without control characters"});
}

TEST_CASE("all errors are reported, from top to bottom", "[config][toml]") {
    CHECK(complaints("[server]\n"
                     "port = 70000\n"
                     "prot = 1\n"
                     "[limits]\n"
                     "max_channels = 0\n"
                     "[heartbeat]\n"
                     "interval_ms = 5000\n"
                     "timeout_ms = 1000\n"
                     "[aut]\n") ==
          Lines{"t.toml:2:8: server.port: must be 0 to 65535, got 70000",
                "t.toml:3:1: server.prot: unknown key (did you mean server.port?)",
                "t.toml:5:16: limits.max_channels: must be 1 to 4294967295, got 0",
                "t.toml:8:1: heartbeat.timeout_ms: 1000 must be longer than "
                "heartbeat.interval_ms (5000), or clients are closed before they are pinged; 0 "
                "never closes",
                "t.toml:9:2: aut: unknown section (did you mean [auth]?)"});
}

TEST_CASE("an offence against the grammar is reported with its place", "[config][toml]") {
    const Lines found = complaints("[server]\nport = \n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].starts_with("t.toml:2:"));
}

TEST_CASE("a file of nothing but mistakes is soon done with", "[config][toml]") {
    std::string unknown = "[limits]\n";
    std::string listeners;
    std::string origins = "[transport]\nallowed_origins = [";
    for (int i = 0; i < 20'000; ++i) unknown += "mx_" + std::to_string(i) + " = 1\n";
    for (int i = 0; i < 65; ++i) listeners += "[[listener]]\nport = 0\n";
    for (int i = 0; i < 40'000; ++i) origins += "\"\",";
    CHECK(complaints(unknown).size() == kMaxDiagnostics);
    CHECK(complaints(origins + "]\n").size() == kMaxDiagnostics);
    CHECK(complaints(listeners) == Lines{"t.toml:1:3: listener: more than 64 listeners"});
}

TEST_CASE("names with strange characters stay on the line", "[config][toml]") {
    CHECK(complaints("[limits]\n\"a\\nb\\u001b\" = 1\n") ==
          Lines{R"(t.toml:2:1: limits."a\u000Ab\u001B": unknown key)"});
    CHECK(complaints("\"a.b\" = 1\n") == Lines{R"(t.toml:1:1: "a.b": unknown key)"});
}

TEST_CASE("listeners are read with their mounts", "[config][toml][listener]") {
    const Config config = read(R"(
[[listener]]
port = 4000
mount = { "*" = "mesa" }

[[listener]]
host = "::1"
port = 0
mount = { "/ws" = "native", "/rooms" = "rooms" }
)");
    REQUIRE(config.listeners.size() == 2);
    CHECK(config.listeners[0] == ListenerOptions{"127.0.0.1", 4000, {{"*", "mesa"}}});
    CHECK(config.listeners[1] ==
          ListenerOptions{"::1", 0, {{"/ws", "native"}, {"/rooms", "rooms"}}});
}

TEST_CASE("mistakes in listeners are errors with their place", "[config][toml][listener]") {
    CHECK(complaints("[listener]\nport = 1\n") ==
          Lines{"t.toml:1:2: listener: is an array of tables: write [[listener]], with double "
                "brackets"});
    CHECK(complaints("[[listener]]\n") ==
          Lines{"t.toml:1:1: listener[0]: port is missing; 0 takes any free port"});
    CHECK(complaints("[[listener]]\nport = 4000\nprot = 1\nmunt = 1\n") ==
          Lines{"t.toml:3:1: listener[0].prot: unknown key (did you mean port?)",
                "t.toml:4:1: listener[0].munt: unknown key (did you mean mount?)"});
    CHECK(complaints("[[listener]]\nport = 99999\n") ==
          Lines{"t.toml:2:8: listener[0].port: must be 0 to 65535, got 99999"});
    CHECK(complaints("[[listener]]\nport = 1\nmount = \"native\"\n") ==
          Lines{"t.toml:3:9: listener[0].mount: expected a table such as { \"/path\" = \"native\" "
                "}, got a string"});
    CHECK(complaints("[[listener]]\nport = 1\nmount = { \"/a\" = 1 }\n") ==
          Lines{"t.toml:3:18: listener[0].mount.\"/a\": expected the name of a dialect, got an "
                "integer"});
    CHECK(complaints("listener = [1]\n") ==
          Lines{"t.toml:1:13: listener[0]: expected a table, got an integer"});
}

}  // namespace
}  // namespace pulse::server::test
