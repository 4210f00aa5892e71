// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse-roblox/tasks.hpp"

#include "config/value.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <vector>

#include <pulse/core/error.hpp>
#include <pulse/roblox/registry_tools.hpp>
#include <pulse/roblox/secret.hpp>

namespace pulse::roblox_command {

namespace {

using Problems = std::vector<roblox::RegistryProblem>;

std::string number(std::size_t count, const char* one, const char* many) {
    return std::to_string(count) + " " + (count == 1 ? one : many);
}

/// One line each. Names are somebody's input: what they hold must not reach a terminal raw.
std::string describe(const Problems& problems) {
    std::string text;
    for (const roblox::RegistryProblem& problem : problems) {
        text += server::one_line(problem.document) + ": " + problem.text + "\n";
    }
    return text;
}

Outcome report(std::string summary, const Problems& problems) {
    summary += ", " + number(problems.size(), "problem", "problems") + "\n";
    return {problems.empty() ? ExitCode::done : ExitCode::failed, std::move(summary),
            describe(problems)};
}

Outcome store_failed(const core::DocumentStore& store, std::error_code error) {
    const core::StoreStatus status = store.status();
    const std::string reason = status.is_available() ? error.message() : status.text;
    return {error == core::Error::store_unavailable ? ExitCode::unavailable : ExitCode::failed,
            {},
            "pulse-roblox: the store failed: " + reason +
                "\nWhat was done until then stays done, and repeating does no harm.\n"};
}

/// The number N of a name kN; 0 for others.
std::uint64_t numbered(std::string_view name) {
    std::uint64_t value = 0;
    if (!name.starts_with('k')) return 0;
    const char* end = name.data() + name.size();
    const auto [at, error] = std::from_chars(name.data() + 1, end, value);
    // Longer ones would not leave room for a next one that is a name.
    return error == std::errc{} && at == end && value < 1'000'000'000 ? value : 0;
}

}  // namespace

Outcome run_check(core::DocumentStore& store, const roblox::KeyVault& vault) {
    const auto result = roblox::check(store, vault);
    if (!result) return store_failed(store, result.error());
    Outcome outcome =
        report(number(result->universes, "universe", "universes") + ", " +
                   number(result->keys, "key", "keys") + " (" + std::to_string(result->outdated) +
                   " outdated), " + number(result->tokens, "token", "tokens"),
               result->problems);
    if (result->outdated != 0) {
        outcome.out +=
            "Outdated keys are under a master key that is not the first: pulse-roblox rekey\n";
    }
    return outcome;
}

Outcome run_rekey(core::DocumentStore& store, const roblox::KeyVault& vault, core::Rng& rng) {
    const auto result = roblox::rekey(store, vault, rng);
    if (!result) return store_failed(store, result.error());
    return report(number(result->rewritten, "key", "keys") + " encrypted anew, " +
                      std::to_string(result->current) + " up to date already",
                  result->problems);
}

Outcome run_import(core::DocumentStore& store, const roblox::KeyVault& vault, core::Rng& rng,
                   std::uint64_t unix_ms, std::string_view password, const LegacyExport& from) {
    const auto result = roblox::import_legacy(store, vault, rng, unix_ms, password, from.records);
    if (!result) return store_failed(store, result.error());
    Problems problems = from.problems;
    problems.insert(problems.end(), result->problems.begin(), result->problems.end());
    return report(number(result->imported, "universe", "universes") + " imported, " +
                      std::to_string(result->skipped) +
                      " skipped (client counters, and universes that are there already)",
                  problems);
}

Outcome new_master_key(std::string name, std::string_view master_keys, core::Rng& rng) {
    if (name.empty()) {
        std::uint64_t last = 0;
        while (!master_keys.empty()) {
            const std::string_view entry = master_keys.substr(0, master_keys.find(','));
            last = std::max(last, numbered(entry.substr(0, entry.find(':'))));
            master_keys.remove_prefix(std::min(entry.size() + 1, master_keys.size()));
        }
        name = "k" + std::to_string(last + 1);
    }
    return {ExitCode::done, name + ":" + roblox::make_secret(rng) + "\n", {}};
}

}  // namespace pulse::roblox_command
