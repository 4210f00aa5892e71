// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/render.hpp"

#include "config/schema.hpp"
#include "support.hpp"
#include "support/catch.hpp"

namespace pulse::server::test {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("what is printed is read back as the same configuration", "[config][render]") {
    SECTION("defaults") {
        const LoadResult loaded = load({});
        const LoadResult again = load_config_text(render_effective(loaded), "printed.toml");
        CHECK(again.diagnostics.empty());
        CHECK(again.config == loaded.config);
    }
    SECTION("every key changed") {
        // One more than the least, the other of two: sound or not, all of it must survive.
        LoadResult loaded = load({});
        for (const Key& key : schema().keys()) {
            if (key.info.secret) continue;
            switch (key.kind) {
                case Kind::boolean:
                    key.set(loaded.config, !(key.get(loaded.config) == Value{true}));
                    break;
                case Kind::integer:
                case Kind::bytes:
                case Kind::duration:
                    key.set(loaded.config, key.info.min + 1);
                    break;
                case Kind::text:
                    key.set(loaded.config, std::string{"/a \"b\" \\ \u00fc"});
                    break;
                case Kind::choice:
                    key.set(loaded.config, std::string{key.choices.back().name});
                    break;
                case Kind::list:
                    key.set(loaded.config, StringList{"https://a", "*"});
                    break;
            }
        }
        loaded.config.listeners = {
            {"127.0.0.1", 4000, {{"*", "mesa"}}},
            {"::1", 0, {{"/a\"b", "native"}, {"/c", "rooms"}}},
            {"localhost", 3000, {}},
        };
        loaded.listener_origins.resize(3);
        const LoadResult again = load_config_text(render_effective(loaded), "printed.toml");
        CHECK(again.config == loaded.config);
    }
}

TEST_CASE("each printed value says where it came from", "[config][render]") {
    const LoadResult loaded = load(
        {{"pulse.toml", "[limits]\nmax_message_size = \"32KiB\"\n\n[[listener]]\nport = 4000\n"}},
        {{"PULSE_HEARTBEAT_INTERVAL", "10s"}}, {{"--port", "server.port", "9000"}});
    const std::string text = render_effective(loaded);
    CHECK_THAT(text, Contains("# File: pulse.toml\n"));
    CHECK_THAT(text, Contains("\nhost = \"127.0.0.1\"                       # default\n"));
    CHECK_THAT(text, Contains("\nport = 9000                              # --port\n"));
    CHECK_THAT(text,
               Contains("\nmax_message_size = 32768                 # 32 KiB; pulse.toml:2\n"));
    CHECK_THAT(text, Contains("\ninterval_ms = 10000                      # 10 s; environment "
                              "PULSE_HEARTBEAT_INTERVAL\n"));
    CHECK_THAT(text, Contains("\n[[listener]]                             # pulse.toml:4\n"));
    CHECK_THAT(text, Contains("\n# required is not set:                   # true when there are "
                              "tokens, otherwise false\n"));
}

TEST_CASE("secrets are counted and never printed", "[config][render][secret]") {
    const LoadResult loaded =
        load({{"/run/tokens", "file-secret-file-secret\n"}},
             {{"PULSE_AUTH_TOKENS", "first-secret-first-secret,second-secret-second"},
              {"PULSE_AUTH_TOKENS_FILE", "/run/tokens"}});
    REQUIRE(loaded.ok());
    REQUIRE(loaded.config.auth.tokens.size() == 3);
    const std::string text = render_effective(loaded);
    // Theirs, not the names of other keys.
    CHECK_THAT(text, !Contains("-secret"));
    CHECK_THAT(text, Contains("\n# tokens: 3 set, not shown               # /run/tokens\n"));
    // The file is named, and so a server started from the printed text reads the same tokens.
    CHECK_THAT(text, Contains("\ntokens_file = \"/run/tokens\" "));
}

TEST_CASE("names with strange characters cannot break the printed text", "[config][render]") {
    ConfigSources sources = sources_of({{"a\nport = 1", "port = 9000\n"}});
    sources.config_file = "a\nport = 1";
    const LoadResult loaded = load_config(sources);
    REQUIRE(loaded.ok());
    const LoadResult again = load_config_text(render_effective(loaded), "printed.toml");
    CHECK(again.config == loaded.config);
}

}  // namespace
}  // namespace pulse::server::test
