// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse-roblox/tasks.hpp"

#include "pulse-roblox/support.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

#include <memory>
#include <set>
#include <string>

#include <pulse/core/document_store.hpp>
#include <pulse/core/rng.hpp>

using namespace pulse::roblox_command;
using namespace pulse::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using pulse::roblox::KeyVault;

namespace {

struct Registry {
    Outcome import(const LegacyExport& from, const std::string& password = kLegacyPassword) {
        return run_import(*store, vault(kMasterOne), rng, 1'000, password, from);
    }
    static KeyVault vault(const std::string& keys) { return KeyVault::parse(keys).value(); }
    /// A document that the registry did not write.
    void put(const std::string& key, const std::string& text) {
        pulse::core::DocumentBatch batch;
        batch.put(key, text);
        store->commit(std::move(batch), [](const auto& result) { REQUIRE(result); });
    }

    ManualClock clock;
    pulse::core::SystemRng rng;
    std::unique_ptr<pulse::core::DocumentStore> store =
        pulse::core::make_memory_document_store(clock);
};

}  // namespace

TEST_CASE("an import says what it took and names what it did not", "[pulse-roblox]") {
    Registry registry;
    const LegacyExport from{{{"12", legacy_record()},
                             {"12:clients", "3"},
                             {"007", legacy_record()},
                             {"8", legacy_record().substr(0, 60)},
                             {"\x1b[2J", legacy_record()}},
                            {{"9", "not base64"}}};
    const Outcome first = registry.import(from);
    CHECK(first.code == ExitCode::failed);
    CHECK(first.out ==
          "1 universe imported, 1 skipped (client counters, and universes that are there "
          "already), 4 problems\n");
    CHECK_THAT(first.err, Contains("9: not base64\n") && Contains("007: not a universe id\n") &&
                              Contains("\n8: "));
    CHECK(first.err.find('\x1b') == std::string::npos);
    CHECK(first.err.find(kLegacyKey) == std::string::npos);

    const Outcome again = registry.import({{{"12", legacy_record()}}, {}});
    CHECK(again.code == ExitCode::done);
    CHECK_THAT(again.out, StartsWith("0 universes imported, 1 skipped"));
}

TEST_CASE("a wrong password imports nothing and is not repeated", "[pulse-roblox]") {
    Registry registry;
    const Outcome outcome = registry.import({{{"12", legacy_record()}}, {}}, "wrong-password");
    CHECK(outcome.code == ExitCode::failed);
    CHECK_THAT(outcome.out, StartsWith("0 universes imported"));
    CHECK((outcome.out + outcome.err).find("wrong-password") == std::string::npos);
}

TEST_CASE("keys move from one master key to the next", "[pulse-roblox]") {
    Registry registry;
    REQUIRE(registry.import({{{"12", legacy_record()}, {"13", legacy_record()}}, {}}).code ==
            ExitCode::done);
    const KeyVault both = Registry::vault(kMasterTwo + "," + kMasterOne);
    const Outcome before = run_check(*registry.store, both);
    CHECK(before.code == ExitCode::done);
    CHECK_THAT(before.out, StartsWith("2 universes, 2 keys (2 outdated), 0 tokens, 0 problems\n") &&
                               Contains("pulse-roblox rekey"));
    // The new one alone does not open them yet.
    CHECK(run_check(*registry.store, Registry::vault(kMasterTwo)).code == ExitCode::failed);

    CHECK(run_rekey(*registry.store, both, registry.rng).out ==
          "2 keys encrypted anew, 0 up to date already, 0 problems\n");
    CHECK(run_rekey(*registry.store, both, registry.rng).out ==
          "0 keys encrypted anew, 2 up to date already, 0 problems\n");
    const Outcome after = run_check(*registry.store, Registry::vault(kMasterTwo));
    CHECK(after.code == ExitCode::done);
    CHECK(after.out == "2 universes, 2 keys (0 outdated), 0 tokens, 0 problems\n");
}

TEST_CASE("damage is named, document by document, and is a failure", "[pulse-roblox]") {
    Registry registry;
    REQUIRE(registry.import({{{"12", legacy_record()}}, {}}).code == ExitCode::done);
    registry.put("roblox/universe/13", "{");
    registry.put("roblox/token/abc", "nothing of a token");
    const Outcome outcome = run_check(*registry.store, Registry::vault(kMasterOne));
    CHECK(outcome.code == ExitCode::failed);
    CHECK(outcome.out == "1 universe, 1 key (0 outdated), 0 tokens, 2 problems\n");
    CHECK_THAT(outcome.err,
               Contains("roblox/universe/13: damaged") && Contains("roblox/token/abc: damaged"));
    const Outcome rekeyed = run_rekey(*registry.store, Registry::vault(kMasterOne), registry.rng);
    CHECK(rekeyed.code == ExitCode::failed);
    CHECK_THAT(rekeyed.out, StartsWith("0 keys encrypted anew, 1 up to date already, 1 problem\n"));
}

TEST_CASE("a store that refuses is a failure and not an answer", "[pulse-roblox]") {
    Registry registry;
    registry.store->close([] {});
    const Outcome outcome = run_check(*registry.store, Registry::vault(kMasterOne));
    CHECK(outcome.code == ExitCode::failed);
    CHECK(outcome.out.empty());
    CHECK_THAT(outcome.err, StartsWith("pulse-roblox: the store failed: "));
}

TEST_CASE("a new master key is one, is never the same, and is called what is free",
          "[pulse-roblox]") {
    pulse::core::SystemRng rng;
    std::set<std::string> seen;
    for (int i = 0; i < 10; ++i) {
        const Outcome made = new_master_key({}, {}, rng);
        CHECK(made.code == ExitCode::done);
        REQUIRE(made.out.ends_with('\n'));
        const std::string key = made.out.substr(0, made.out.size() - 1);
        CHECK_THAT(key, StartsWith("k1:"));
        CHECK(KeyVault::parse(key));
        CHECK(seen.insert(key).second);
    }
    const auto name = [&](const std::string& configured) {
        const std::string made = new_master_key({}, configured, rng).out;
        return made.substr(0, made.find(':'));
    };
    CHECK(name(kMasterOne) == "k2");
    CHECK(name(kMasterTwo + "," + kMasterOne) == "k3");
    CHECK(name(kMasterOne + "," + kMasterTwo) == "k3");
    CHECK(name("main:x,k9x:y,k:z") == "k1");
    CHECK(name("k99999999999999:x") == "k1");
    CHECK_THAT(new_master_key("spare", kMasterOne, rng).out, StartsWith("spare:"));
}
