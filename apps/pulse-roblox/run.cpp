// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse-roblox/run.hpp"

#include "bridge_keys.hpp"
#include "compose.hpp"
#include "document_store.hpp"
#include "pulse-roblox/legacy_records.hpp"
#include "pulse-roblox/tasks.hpp"

#include <filesystem>
#include <memory>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <pulse/core/clock.hpp>
#include <pulse/core/error.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/secret.hpp>

namespace pulse::roblox_command {

namespace {

constexpr std::size_t kMaxPasswordBytes = std::size_t{4} * 1024;

/// Either a value, or why the program ends here.
template <typename T>
using Step = tl::expected<T, Outcome>;

tl::unexpected<Outcome> stop(ExitCode code, const std::string& sentence) {
    return tl::unexpected(Outcome{code, {}, "pulse-roblox: " + sentence + "\n"});
}

std::string where(const server::RobloxOptions& options) {
    return "set PULSE_ROBLOX_MASTER_KEYS, or have them in roblox.key_directory (" +
           options.key_directory + ")";
}

Step<std::string> find_keys(const server::RobloxOptions& options) {
    auto found = server::find_master_keys(options);
    if (!found) return stop(ExitCode::configuration, found.error());
    if (!*found) {
        return stop(ExitCode::configuration,
                    "there are no master keys: " + where(options) +
                        "; relative paths start at the working directory, see --directory");
    }
    return std::move(**found);
}

Step<roblox::KeyVault> make_vault(const server::RobloxOptions& options) {
    const auto keys = find_keys(options);
    if (!keys) return tl::unexpected(keys.error());
    auto vault = roblox::KeyVault::parse(*keys);
    if (!vault) {
        return stop(ExitCode::configuration,
                    "the master keys are not a list of name:key with keys of 32 bytes in "
                    "base64url");
    }
    return std::move(*vault);
}

/// Files that root makes beside the server's would be out of the server's reach.
Step<void> check_owner(const std::string& path) {
    if (::geteuid() != 0) return {};
    const std::string folder = std::filesystem::path(path).parent_path().string();
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0 &&
        ::stat(folder.empty() ? "." : folder.c_str(), &facts) != 0) {
        return {};
    }
    if (facts.st_uid == 0) return {};
    return stop(ExitCode::failed, path + " belongs to the user with id " +
                                      std::to_string(facts.st_uid) +
                                      ": run this as that user (sudo -u), not as root");
}

Step<std::unique_ptr<core::DocumentStore>> open_store(const server::StoreOptions& options,
                                                      bool may_make, const core::Clock& clock,
                                                      core::Rng& rng, core::Log& log) {
    if (options.engine == server::StoreEngine::memory) {
        return stop(ExitCode::configuration,
                    "store.engine is \"memory\": nothing outlives the server");
    }
    const bool is_file = options.engine == server::StoreEngine::sqlite;
    std::error_code unknown;
    if (is_file && !may_make && !std::filesystem::exists(options.path, unknown)) {
        return stop(ExitCode::configuration,
                    "there is no store at " + options.path +
                        "; relative paths start at the working directory, see --directory");
    }
    if (is_file) {
        if (const auto owner = check_owner(options.path); !owner) {
            return tl::unexpected(owner.error());
        }
    }
    auto store = server::make_document_store(options, clock, rng, log);
    if (!store) return stop(ExitCode::configuration, store.error());
    const core::StoreStatus status = (*store)->status();
    if (status.is_available()) return std::move(*store);
    const bool may_pass = status.error == core::Error::store_unavailable;
    const bool may_be_in_use = may_pass && is_file;
    return stop(may_pass ? ExitCode::unavailable : ExitCode::failed,
                "the store " + (is_file ? options.path : "at store.url") +
                    " cannot be used: " + status.text +
                    (may_be_in_use ? "\nIf a server has it open, stop the server first." : ""));
}

/// From the file or else the environment, without the line's end.
Step<roblox::Secret> read_password(const Arguments& arguments, std::string& from_environment) {
    std::string text;
    if (arguments.password_file) {
        auto read = server::read_file(*arguments.password_file, kMaxPasswordBytes);
        if (!read) {
            return stop(ExitCode::usage,
                        "cannot read " + *arguments.password_file + ": " + read.error().message());
        }
        text = std::move(*read);
        while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    } else {
        text = std::move(from_environment);
    }
    if (text.empty()) {
        return stop(ExitCode::usage, "give the original's ENCRYPTION_KEY: --password-file, or " +
                                         std::string(kLegacyPasswordVariable));
    }
    return roblox::Secret::adopt(text);
}

Step<server::LoadResult> load(const Arguments& arguments, server::Environment environment) {
    server::ConfigSources sources;
    sources.config_file = arguments.config_file;
    sources.environment = std::move(environment);
    sources.read_file = server::read_file;
    sources.dialects = server::dialect_names();
    server::LoadResult loaded = server::load_config(sources);
    if (loaded.ok()) return loaded;
    return tl::unexpected(
        Outcome{ExitCode::configuration, {}, server::describe(loaded.diagnostics)});
}

Outcome make_key(const Arguments& arguments, server::Environment environment, core::Rng& rng) {
    if (!arguments.key_name.empty()) return new_master_key(arguments.key_name, {}, rng);
    const auto loaded = load(arguments, std::move(environment));
    if (!loaded) return loaded.error();
    const auto found = server::find_master_keys(loaded->config.roblox);
    if (!found) return stop(ExitCode::configuration, found.error()).value();
    return new_master_key({}, found->value_or(std::string()), rng);
}

Step<Outcome> work(const Arguments& arguments, server::Environment environment,
                   std::string password_variable, core::Rng& rng) {
    const core::SystemClock clock;
    core::NullLog log;
    const bool is_import = arguments.task == Task::import_legacy;
    // What the user can put right at the keyboard comes before the store is touched.
    roblox::Secret password;
    LegacyExport records;
    if (is_import) {
        auto given = read_password(arguments, password_variable);
        if (!given) return tl::unexpected(given.error());
        password = std::move(*given);
        auto read = read_legacy_export(arguments.records);
        if (!read) return stop(ExitCode::usage, read.error());
        records = std::move(*read);
    }
    const auto loaded = load(arguments, std::move(environment));
    if (!loaded) return tl::unexpected(loaded.error());
    const auto vault = make_vault(loaded->config.roblox);
    if (!vault) return tl::unexpected(vault.error());
    const auto store = open_store(loaded->config.store, is_import, clock, rng, log);
    if (!store) return tl::unexpected(store.error());
    Outcome outcome;
    switch (arguments.task) {
        case Task::rekey:
            outcome = run_rekey(**store, *vault, rng);
            break;
        case Task::import_legacy:
            outcome = run_import(**store, *vault, rng, clock.unix_ms(), password.view(), records);
            break;
        case Task::check:
        case Task::new_master_key:
            outcome = run_check(**store, *vault);
            break;
    }
    outcome.err = server::describe(loaded->diagnostics) + outcome.err;
    return outcome;
}

}  // namespace

Outcome run(const Arguments& arguments, server::Environment environment) {
    core::SystemRng rng;
    // No key of the configuration, which would complain of it.
    std::string password;
    if (const auto found = environment.find(kLegacyPasswordVariable); found != environment.end()) {
        password = std::move(found->second);
        environment.erase(found);
    }
    if (arguments.task == Task::new_master_key) {
        return make_key(arguments, std::move(environment), rng);
    }
    auto outcome = work(arguments, std::move(environment), std::move(password), rng);
    return outcome ? std::move(*outcome) : std::move(outcome.error());
}

}  // namespace pulse::roblox_command
