// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From arguments and environment to a real store on disk.
#include "pulse-roblox/run.hpp"

#include "pulse-roblox/support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <pulse/core/clock.hpp>
#include <pulse/core/log.hpp>
#include <pulse/store/sqlite_store.hpp>

using namespace pulse::roblox_command;
using namespace pulse::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
namespace fs = std::filesystem;

namespace {

/// A server's directory, and the command run beside it.
struct Machine {
    Machine() {
        write("pulse.toml", "[store]\npath = \"" + file("data/pulse.db") +
                                "\"\n[roblox]\nkey_directory = \"" + file("data") + "\"\n");
        write("records.json",
              R"({"12":"MTAwMDAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRoboGJc4Qi2NKiiBjDb)"
              R"(48/KOC5X5I+rhx+KF8/TAA9lsTd5Ns1nhtzNMEgU"})");
        environment["PULSE_ROBLOX_MASTER_KEYS"] = kMasterOne;
    }

    [[nodiscard]] std::string file(const std::string& name) const { return (dir / name).string(); }
    void write(const std::string& name, const std::string& text) const {
        fs::create_directories((dir / name).parent_path());
        std::ofstream(dir / name) << text;
    }
    Outcome operator()(Task task) {
        arguments.task = task;
        arguments.config_file = file("pulse.toml");
        arguments.records = file("records.json");
        return run(arguments, environment);
    }
    void import() {
        write("password", std::string(kLegacyPassword) + "\n");
        arguments.password_file = file("password");
        REQUIRE((*this)(Task::import_legacy).code == ExitCode::done);
    }

    TempDir dir;
    Arguments arguments;
    pulse::server::Environment environment;
};

}  // namespace

TEST_CASE("an import makes the store that check and rekey work on", "[pulse-roblox]") {
    Machine machine;
    machine.import();
    CHECK(machine(Task::check).out == "1 universe, 1 key (0 outdated), 0 tokens, 0 problems\n");
    machine.environment["PULSE_ROBLOX_MASTER_KEYS"] = kMasterTwo + "," + kMasterOne;
    CHECK(machine(Task::rekey).code == ExitCode::done);
    machine.environment["PULSE_ROBLOX_MASTER_KEYS"] = kMasterTwo;
    CHECK(machine(Task::check).code == ExitCode::done);
    machine.environment["PULSE_ROBLOX_MASTER_KEYS"] = kMasterOne;
    const Outcome wrong = machine(Task::check);
    CHECK(wrong.code == ExitCode::failed);
    CHECK_THAT(wrong.err, StartsWith("roblox/universe/12: key 0: "));
}

TEST_CASE("the password comes from the environment where no file is named, and is no setting",
          "[pulse-roblox]") {
    Machine machine;
    machine.environment[std::string(kLegacyPasswordVariable)] = kLegacyPassword;
    const Outcome outcome = machine(Task::import_legacy);
    CHECK(outcome.code == ExitCode::done);
    CHECK_THAT(outcome.out, StartsWith("1 universe imported"));
    CHECK(outcome.err.empty());
}

TEST_CASE("an import without password or records touches nothing", "[pulse-roblox]") {
    Machine machine;
    const Outcome none = machine(Task::import_legacy);
    CHECK(none.code == ExitCode::usage);
    CHECK_THAT(none.err, Contains("--password-file") && Contains("PULSE_ROBLOX_LEGACY_PASSWORD"));
    machine.write("password", "\n");
    machine.arguments.password_file = machine.file("password");
    CHECK(machine(Task::import_legacy).code == ExitCode::usage);
    machine.arguments.password_file = machine.file("absent");
    CHECK_THAT(machine(Task::import_legacy).err, Contains("absent"));
    machine.write("password", kLegacyPassword);
    machine.arguments.password_file = machine.file("password");
    machine.write("records.json", "[]");
    const Outcome bad = machine(Task::import_legacy);
    CHECK(bad.code == ExitCode::usage);
    CHECK_THAT(bad.err, Contains("records.json is not a JSON object"));
    CHECK_FALSE(fs::exists(machine.file("data")));
}

TEST_CASE("a store that a server has open is left alone", "[pulse-roblox]") {
    Machine machine;
    machine.import();
    const pulse::core::SystemClock clock;
    pulse::core::NullLog log;
    pulse::store::SqliteOptions options;
    options.path = machine.file("data/pulse.db");
    const auto server = pulse::store::make_sqlite_store(options, {clock, log});
    REQUIRE(server->status().is_available());
    for (const Task task : {Task::check, Task::rekey, Task::import_legacy}) {
        const Outcome outcome = machine(task);
        CHECK(outcome.code == ExitCode::unavailable);
        CHECK(outcome.out.empty());
        CHECK_THAT(outcome.err,
                   Contains("another process uses the file") && Contains("stop the server first"));
    }
    // What needs no store works meanwhile.
    CHECK(machine(Task::new_master_key).code == ExitCode::done);
}

TEST_CASE("check and rekey make no store where there is none", "[pulse-roblox]") {
    Machine machine;
    for (const Task task : {Task::check, Task::rekey}) {
        const Outcome outcome = machine(task);
        CHECK(outcome.code == ExitCode::configuration);
        CHECK_THAT(outcome.err, Contains("there is no store at " + machine.file("data/pulse.db")));
    }
    CHECK_FALSE(fs::exists(machine.file("data")));
    machine.write("data/pulse.db", std::string(4'096, 'x'));
    CHECK(machine(Task::check).code != ExitCode::done);
    machine.environment["PULSE_STORE_ENGINE"] = "memory";
    CHECK_THAT(machine(Task::check).err, Contains("store.engine is \"memory\""));
}

TEST_CASE("master keys come from the server's file, and none are made", "[pulse-roblox]") {
    Machine machine;
    machine.import();
    machine.environment.clear();
    const Outcome none = machine(Task::check);
    CHECK(none.code == ExitCode::configuration);
    CHECK_THAT(none.err, Contains("there are no master keys"));
    CHECK_FALSE(fs::exists(machine.file("data/roblox-master.key")));

    machine.write("data/roblox-master.key", kMasterOne + "\n");
    fs::permissions(machine.file("data/roblox-master.key"), fs::perms{0644});
    const Outcome open = machine(Task::check);
    CHECK(open.code == ExitCode::configuration);
    CHECK_THAT(open.err, Contains("chmod 600"));
    CHECK(open.err.find(kMasterOne) == std::string::npos);

    fs::permissions(machine.file("data/roblox-master.key"), fs::perms{0600});
    CHECK(machine(Task::check).code == ExitCode::done);
    CHECK_THAT(machine(Task::new_master_key).out, StartsWith("k2:"));

    machine.write("data/roblox-master.key", "k1:hidden\n");
    const Outcome bad = machine(Task::check);
    CHECK(bad.code == ExitCode::configuration);
    CHECK(bad.err.find("hidden") == std::string::npos);
}

TEST_CASE("a configuration with mistakes is refused as the server refuses it", "[pulse-roblox]") {
    Machine machine;
    machine.write("pulse.toml", "[stoer]\npath = \"x\"\n");
    for (const Task task : {Task::check, Task::new_master_key}) {
        const Outcome outcome = machine(task);
        CHECK(outcome.code == ExitCode::configuration);
        CHECK_THAT(outcome.err, Contains("pulse.toml:1") && Contains("stoer"));
    }
    // A name asks nothing of the configuration.
    machine.arguments.key_name = "spare";
    CHECK_THAT(machine(Task::new_master_key).out, StartsWith("spare:"));
}
