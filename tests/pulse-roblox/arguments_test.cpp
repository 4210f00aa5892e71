// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse-roblox/arguments.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace pulse::roblox_command;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

ParsedArguments parse(const std::vector<std::string>& words) {
    return parse_arguments(words, "pulse-roblox 1.2.3\n");
}

}  // namespace

TEST_CASE("each subcommand is its task", "[pulse-roblox]") {
    CHECK(parse({"check"}).arguments.value().task == Task::check);
    CHECK(parse({"rekey"}).arguments.value().task == Task::rekey);
    CHECK(parse({"import-legacy", "dump"}).arguments.value().task == Task::import_legacy);
    CHECK(parse({"new-master-key"}).arguments.value().task == Task::new_master_key);
}

TEST_CASE("options stand before or behind the subcommand", "[pulse-roblox]") {
    for (const auto& words :
         {std::vector<std::string>{"-c", "a.toml", "-C", "/srv", "import-legacy", "dump.json",
                                   "--password-file", "pw"},
          std::vector<std::string>{"import-legacy", "--config=a.toml", "dump.json",
                                   "--password-file=pw", "--directory", "/srv"}}) {
        const auto made = parse(words).arguments;
        REQUIRE(made);
        CHECK(made->config_file == "a.toml");
        CHECK(made->directory == "/srv");
        CHECK(made->records == "dump.json");
        CHECK(made->password_file == "pw");
    }
    const auto bare = parse({"import-legacy", "dump"}).arguments;
    REQUIRE(bare);
    CHECK_FALSE(bare->config_file);
    CHECK_FALSE(bare->password_file);
    CHECK(parse({"new-master-key", "--name", "k7"}).arguments.value().key_name == "k7");
}

TEST_CASE("what is no command line is refused with status 2 and a hint", "[pulse-roblox]") {
    for (const auto& words :
         std::vector<std::vector<std::string>>{{},
                                               {"chekc"},
                                               {"check", "rekey"},
                                               {"check", "extra"},
                                               {"import-legacy"},
                                               {"import-legacy", "dump", "--password", "secret"},
                                               {"check", "--password-file", "pw"},
                                               {"new-master-key", "--name", ""},
                                               {"new-master-key", "--name", "K1"},
                                               {"new-master-key", "--name", "a,k2:"},
                                               {"new-master-key", "--name", "k1234567890123456"},
                                               {"-c"}}) {
        CAPTURE(words);
        const ParsedArguments parsed = parse(words);
        CHECK_FALSE(parsed.arguments);
        CHECK(parsed.answer.code == ExitCode::usage);
        CHECK(parsed.answer.out.empty());
        CHECK_THAT(parsed.answer.err,
                   StartsWith("pulse-roblox: ") && Contains("pulse-roblox --help"));
    }
}

TEST_CASE("help and version are answers, and need no subcommand", "[pulse-roblox]") {
    const Outcome help = parse({"--help"}).answer;
    CHECK(help.code == ExitCode::done);
    CHECK_THAT(help.out, Contains("import-legacy") && Contains("new-master-key") &&
                             Contains("Exit status: 0 done"));
    CHECK_THAT(parse({"import-legacy", "--help"}).answer.out,
               Contains("--password-file") && Contains("PULSE_ROBLOX_LEGACY_PASSWORD"));
    CHECK(parse({"--version"}).answer.out == "pulse-roblox 1.2.3\n");
    CHECK(parse({"--version"}).answer.code == ExitCode::done);
}
