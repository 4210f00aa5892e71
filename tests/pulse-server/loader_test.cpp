// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/loader.hpp"

#include "config/schema.hpp"
#include "config/toml_document.hpp"
#include "support.hpp"
#include "support/catch.hpp"

namespace pulse::server::test {
namespace {

constexpr const char* kLongToken = "0123456789abcdef";

TEST_CASE("flags win over the environment, that over the file, that over defaults",
          "[config][loader]") {
    // Every combination of the three sources, for a key that all of them can set.
    for (int mask = 0; mask < 8; ++mask) {
        CAPTURE(mask);
        Files files;
        Environment environment;
        std::vector<FlagValue> flags;
        if ((mask & 1) != 0) files["pulse.toml"] = "[server]\nport = 1001\n";
        if ((mask & 2) != 0) environment["PULSE_SERVER_PORT"] = "1002";
        if ((mask & 4) != 0) flags.push_back({"--port", "server.port", "1003"});
        const LoadResult loaded = load(files, environment, flags);
        CHECK(loaded.diagnostics.empty());

        const std::uint16_t expected = (mask & 4) != 0   ? 1003
                                       : (mask & 2) != 0 ? 1002
                                       : (mask & 1) != 0 ? 1001
                                                         : 8080;
        const char* const origin = (mask & 4) != 0   ? "--port"
                                   : (mask & 2) != 0 ? "environment PULSE_SERVER_PORT"
                                   : (mask & 1) != 0 ? "pulse.toml:2"
                                                     : "default";
        CHECK(loaded.config.server.port == expected);
        const std::size_t index = schema().index_of(*schema().find_path("server.port"));
        CHECK(loaded.origins[index].describe() == origin);
    }
}

TEST_CASE("aliases keep the precedence of their source", "[config][loader]") {
    const LoadResult loaded =
        load({{"pulse.toml", "host = \"127.0.0.2\"\nport = 1\n"}}, {{"PULSE_HOST", "127.0.0.3"}});
    CHECK(loaded.config.server.host == "127.0.0.3");
    CHECK(loaded.config.server.port == 1);
}

TEST_CASE("the first file of the search that exists is read, alone", "[config][loader]") {
    const Environment home{{"HOME", "/home/me"}};
    const Files all{{"pulse.toml", "port = 1\n"},
                    {"/etc/pulse/pulse.toml", "port = 2\n"},
                    {"/home/me/.config/pulse/pulse.toml", "port = 3\n"}};
    Files files = all;
    CHECK(load(files, home).config.server.port == 1);
    CHECK(load(files, home).file == "pulse.toml");
    files.erase("pulse.toml");
    CHECK(load(files, home).config.server.port == 2);
    files.erase("/etc/pulse/pulse.toml");
    CHECK(load(files, home).config.server.port == 3);
    CHECK(load(files, {}).config.server.port == 8080);
    CHECK(load(files, {{"HOME", ""}}).file.empty());
    CHECK(load({}, home).file.empty());

    ConfigSources sources = sources_of(all, home);
    sources.config_file = "/etc/pulse/pulse.toml";
    CHECK(load_config(sources).config.server.port == 2);
}

TEST_CASE("a file that was named must exist, and one that exists must be readable",
          "[config][loader]") {
    ConfigSources sources = sources_of({});
    sources.config_file = "missing.toml";
    CHECK(lines(load_config(sources).diagnostics) ==
          Lines{"missing.toml: cannot be read: No such file or directory"});

    // Not skipped: the server must not run with the limits of some other file.
    const LoadResult denied = load({{"pulse.toml", "!denied"}, {"/etc/pulse/pulse.toml", ""}});
    CHECK(lines(denied.diagnostics) == Lines{"pulse.toml: cannot be read: Permission denied"});

    const LoadResult huge = load({{"pulse.toml", std::string(kMaxTomlBytes + 1, '#')}});
    CHECK(lines(huge.diagnostics) ==
          Lines{"pulse.toml: cannot be read: the file is larger than 256 KiB"});
}

TEST_CASE("tokens of a file join those given", "[config][loader][secret]") {
    const LoadResult loaded =
        load({{"pulse.toml",
               "[auth]\ntokens = [\"given-given-given\"]\ntokens_file = \"/run/tokens\"\n"},
              {"/run/tokens",
               "# who: what\r\n\n  first-first-first \r\nsecond-second-second\n#last\n"}});
    CHECK(loaded.diagnostics.empty());
    CHECK(loaded.config.auth.tokens ==
          StringList{"given-given-given", "first-first-first", "second-second-second"});
    CHECK(loaded.config.auth.is_required());
    const std::size_t index = schema().index_of(*schema().find_path("auth.tokens"));
    CHECK(loaded.origins[index].describe() == "/run/tokens");
}

TEST_CASE("a secret's file is named by the environment too", "[config][loader][secret]") {
    const LoadResult loaded =
        load({{"/run/tokens", kLongToken}}, {{"PULSE_AUTH_TOKENS_FILE", "/run/tokens"}});
    CHECK(loaded.diagnostics.empty());
    CHECK(loaded.config.auth.tokens == StringList{kLongToken});
}

TEST_CASE("a secret's file that gives no secret is an error without its content",
          "[config][loader][secret]") {
    const std::string toml = "[auth]\ntokens_file = \"/run/tokens\"\n";
    CHECK(lines(load({{"pulse.toml", toml}}).diagnostics) ==
          Lines{"pulse.toml:2:1: auth.tokens_file: \"/run/tokens\" cannot be read: No such file or "
                "directory"});
    CHECK(lines(load({{"pulse.toml", toml}, {"/run/tokens", "# none\n\n"}}).diagnostics) ==
          Lines{"pulse.toml:2:1: auth.tokens_file: \"/run/tokens\": the file holds no secret"});
    CHECK(lines(load({{"pulse.toml", toml}, {"/run/tokens", "secret\x01\n"}}).diagnostics) ==
          Lines{"pulse.toml:2:1: auth.tokens_file: \"/run/tokens\": must be UTF-8 text without "
                "control characters"});
}

TEST_CASE("one wrong source does not hide the errors of another", "[config][loader]") {
    const LoadResult loaded =
        load({{"pulse.toml", "[server]\nport = -1\n"}}, {{"PULSE_LOGGING_LEVEL", "loud"}},
             {{"--host", "server.host", "a b"}});
    CHECK_FALSE(loaded.ok());
    CHECK(lines(loaded.diagnostics) ==
          Lines{"pulse.toml:2:8: server.port: must be 0 to 65535, got -1",
                "environment PULSE_LOGGING_LEVEL: logging.level: expected one of trace, debug, "
                "info, warn, error, off, got \"loud\"",
                "--host: server.host: \"a b\" is neither an IP address nor a host name"});
}

}  // namespace
}  // namespace pulse::server::test
