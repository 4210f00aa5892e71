// SPDX-License-Identifier: MIT OR Apache-2.0
#include "cli.hpp"

#include "support.hpp"
#include "support/catch.hpp"

#include <sstream>

namespace pulse::server::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

Startup run(std::vector<std::string> arguments, Files files = {}, Environment environment = {}) {
    return prepare({.arguments = std::move(arguments),
                    .environment = std::move(environment),
                    .read_file = reader_of(std::move(files)),
                    .build = {"1.2.3", "abc1234", "g++ 12.2.0", {"websocket", "systemd"}},
                    .dialects = {"native"}});
}

TEST_CASE("without arguments the server runs with defaults", "[cli]") {
    const Startup startup = run({});
    CHECK(startup.should_run);
    CHECK(startup.out.empty());
    CHECK(startup.err.empty());
    CHECK(startup.loaded.config == Config{});
    CHECK_FALSE(startup.sources.config_file);
}

TEST_CASE("flags set their keys in every spelling", "[cli]") {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"--config", "a.toml", "--host", "localhost", "--port", "9000",
                                   "--log-level", "debug"},
          std::vector<std::string>{"-c", "a.toml", "--host=localhost", "--port=9000",
                                   "--log-level=debug"}}) {
        const Startup startup =
            run(arguments, {{"a.toml", "port = 1\n[limits]\nmax_channels = 7\n"}},
                {{"PULSE_PORT", "2"}, {"RUST_LOG", "error"}});
        CHECK(startup.should_run);
        CHECK(startup.err.empty());
        CHECK(startup.loaded.config.server.host == "localhost");
        CHECK(startup.loaded.config.server.port == 9000);
        CHECK(startup.loaded.config.logging.level == core::LogLevel::debug);
        CHECK(startup.loaded.config.limits.max_channels == 7);
    }
}

TEST_CASE("help fits a screen and groups the options", "[cli]") {
    for (const char* flag : {"--help", "-h"}) {
        // Help is given whatever else is wrong.
        const Startup startup = run({flag}, {{"pulse.toml", "nonsense"}});
        CHECK_FALSE(startup.should_run);
        CHECK(startup.exit_code == ExitCode::done);
        CHECK(startup.err.empty());
        std::istringstream text{startup.out};
        int count = 0;
        for (std::string line; std::getline(text, line); ++count) {
            CAPTURE(line);
            CHECK(line.size() <= 80);
        }
        CHECK(count <= 24);
        CHECK_THAT(startup.out, !Contains("\n\n\n"));
        for (const char* part :
             {"Configuration:", "Information:", "-c,--config FILE", "--host HOST", "--port PORT",
              "--log-level LEVEL", "--check-config", "--print-config", "--version", "-h,--help",
              "PULSE_<SECTION>_<KEY>", "78"}) {
            CHECK_THAT(startup.out, Contains(part));
        }
    }
}

TEST_CASE("the version names commit, compiler and features", "[cli]") {
    const Startup startup = run({"--version"});
    CHECK_FALSE(startup.should_run);
    CHECK(startup.exit_code == ExitCode::done);
    CHECK(startup.out ==
          "pulse-server 1.2.3\n"
          "commit:   abc1234\n"
          "compiler: g++ 12.2.0\n"
          "features: websocket systemd\n");
}

TEST_CASE("this build knows its own version and compiler", "[cli]") {
    const BuildInfo build = make_build_info({"a"});
    CHECK(build.version != "unknown");
    CHECK_FALSE(build.commit.empty());
    CHECK((build.compiler.starts_with("g++ ") || build.compiler.starts_with("clang ")));
    CHECK(build.features == StringList{"a"});
}

TEST_CASE("a mistyped command line exits with 2 and a hint", "[cli]") {
    const Startup unknown = run({"--prot", "1"});
    CHECK_FALSE(unknown.should_run);
    CHECK(unknown.exit_code == ExitCode::usage);
    CHECK(unknown.out.empty());
    CHECK(unknown.err ==
          "pulse-server: unknown argument --prot (did you mean --port?)\n"
          "See pulse-server --help.\n");
    const std::vector<std::vector<std::string>> wrong{
        {"pulse.toml"}, {"--port"}, {"--port", "1", "--port", "2"}, {"-c", "a", "-c", "b"},
        {"-x"},         {"", "x"},  {"--check-config=2"},           {"-c"},
    };
    for (const std::vector<std::string>& arguments : wrong) {
        CAPTURE(arguments);
        const Startup startup = run(arguments);
        CHECK(startup.exit_code == ExitCode::usage);
        CHECK_FALSE(startup.should_run);
        CHECK_THAT(startup.err, StartsWith("pulse-server: "));
    }
}

TEST_CASE("a wrong value of a flag is a usage error, one elsewhere a configuration error",
          "[cli]") {
    const Startup flag = run({"--port", "http"});
    CHECK(flag.exit_code == ExitCode::usage);
    CHECK(flag.err ==
          "--port: server.port: expected a whole number, got \"http\"\n"
          "pulse-server: 1 error in the configuration\n");

    const Startup file = run({"--port", "http"}, {{"pulse.toml", "[server]\nhots = \"a\"\n"}});
    CHECK(file.exit_code == ExitCode::configuration);
    CHECK(file.err ==
          "pulse.toml:2:1: server.hots: unknown key (did you mean server.host?)\n"
          "--port: server.port: expected a whole number, got \"http\"\n"
          "pulse-server: 2 errors in the configuration\n");

    const Startup missing = run({"--config", "missing.toml"});
    CHECK(missing.exit_code == ExitCode::configuration);
    CHECK_FALSE(missing.should_run);
}

TEST_CASE("checking reports and exits without running", "[cli]") {
    for (const char* flag : {"--check-config", "--check"}) {
        const Startup good = run({flag}, {{"pulse.toml", "port = 9000\n"}});
        CHECK_FALSE(good.should_run);
        CHECK(good.exit_code == ExitCode::done);
        CHECK(good.out == "pulse.toml: the configuration is good\n");
        CHECK(good.err.empty());

        CHECK(run({flag}).out == "no configuration file; the configuration is good\n");

        const Startup odd = run({flag}, {}, {{"PULSE_PROFILE", "memory"}});
        CHECK(odd.exit_code == ExitCode::done);
        CHECK(odd.err == "environment PULSE_PROFILE: warning: names no configuration key\n");

        const Startup bad = run({flag}, {{"pulse.toml", "[server]\nport = -1\n"}});
        CHECK(bad.exit_code == ExitCode::configuration);
        CHECK(bad.out.empty());
        CHECK_THAT(bad.err, StartsWith("pulse.toml:2:8: server.port: "));
    }
}

TEST_CASE("printing shows the effective values and exits", "[cli]") {
    const Startup startup = run({"--print-config", "--port", "9000"});
    CHECK_FALSE(startup.should_run);
    CHECK(startup.exit_code == ExitCode::done);
    CHECK_THAT(startup.out, Contains("port = 9000 "));
    CHECK(load_config_text(startup.out, "printed.toml").config.server.port == 9000);
    CHECK(run({"--print-config", "--port", "x"}).out.empty());
}

TEST_CASE("a run keeps its warnings for the log and pins the file it found", "[cli]") {
    const Startup startup = run({}, {{"/etc/pulse/pulse.toml", ""}}, {{"PULSE_PROFILE", "memory"}});
    CHECK(startup.should_run);
    CHECK(startup.err.empty());
    CHECK(startup.loaded.diagnostics.size() == 1);
    CHECK(startup.sources.config_file == "/etc/pulse/pulse.toml");
    CHECK(startup.sources.dialects == StringList{"native"});
    CHECK(load_config(startup.sources).config == startup.loaded.config);
}

}  // namespace
}  // namespace pulse::server::test
