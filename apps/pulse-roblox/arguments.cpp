// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse-roblox/arguments.hpp"

#include <algorithm>
#include <sstream>

#include <CLI/CLI.hpp>

namespace pulse::roblox_command {

namespace {

constexpr const char* kProgram = "pulse-roblox";
constexpr std::size_t kHelpColumn = 27;
constexpr std::size_t kMaxKeyName = 16;

constexpr const char* kFooter =
    "\n"
    "Store and master keys are those of the server's configuration: file, environment\n"
    "(PULSE_STORE_PATH, PULSE_ROBLOX_MASTER_KEYS ...) and key files. Stop the server first: one\n"
    "process at a time uses the store.\n"
    "Exit status: 0 done, 1 problems were named, 2 usage, 75 the store is in use or out of reach,\n"
    "78 configuration.";

/// As KeyVault reads it.
std::string check_key_name(const std::string& name) {
    const bool is_good = !name.empty() && name.size() <= kMaxKeyName &&
                         std::all_of(name.begin(), name.end(), [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
                         });
    return is_good ? std::string() : std::string("a name is 1 to 16 of a-z and 0-9");
}

class Parser {
  public:
    Parser() : app_("Looks after the keys that the Roblox bridge has stored.") {
        app_.name(kProgram);
        app_.get_formatter()->column_width(kHelpColumn);
        app_.footer(kFooter);
        app_.require_subcommand(1);
        app_.fallthrough();  // -c and -C may also stand behind the subcommand
        app_.add_option("-c,--config", config_, "configuration file (TOML) of the server")
            ->type_name("FILE");
        app_.add_option("-C,--directory", made_.directory,
                        "the server's working directory, where relative paths start")
            ->type_name("DIR");
        app_.add_flag("--version", wants_version_, "print the version and exit")
            ->disable_flag_override();
        add(Task::check, "check", "read everything, name what is wrong, change nothing");
        add(Task::rekey, "rekey", "encrypt every key anew under the first master key");
        CLI::App& import = add(Task::import_legacy, "import-legacy",
                               "add universes from the records of the original");
        import
            .add_option("records", made_.records,
                        "a directory of files named by universe id, or a JSON file "
                        "{\"<id>\":\"<base64>\"}")
            ->type_name("PATH")
            ->required();
        import
            .add_option("--password-file", password_file_,
                        "file with the original's ENCRYPTION_KEY; otherwise it is read from the "
                        "environment, PULSE_ROBLOX_LEGACY_PASSWORD")
            ->type_name("FILE");
        CLI::App& fresh =
            add(Task::new_master_key, "new-master-key", "print a new master key, store nothing");
        fresh
            .add_option("--name", made_.key_name,
                        "what to call it; otherwise k1, k2 and so on, behind those configured")
            ->type_name("NAME")
            ->check(CLI::Validator(check_key_name, ""));
    }

    ParsedArguments parse(std::vector<std::string> words, const std::string& version) {
        std::reverse(words.begin(), words.end());  // as CLI11 wants a vector
        try {
            app_.parse(std::move(words));
        } catch (const CLI::CallForHelp&) {
            return told(help());
        } catch (const CLI::ParseError& error) {
            // Asked alone it is no mistake that there is no subcommand.
            if (wants_version_) return told(version);
            return {
                {},
                {ExitCode::usage,
                 {},
                 std::string(kProgram) + ": " + error.what() + "\nSee " + kProgram + " --help.\n"}};
        }
        if (wants_version_) return told(version);
        for (const auto& [app, task] : tasks_) {
            if (app->parsed()) made_.task = task;
        }
        if (!config_.empty()) made_.config_file = config_;
        if (!password_file_.empty()) made_.password_file = password_file_;
        return {made_, {}};
    }

  private:
    CLI::App& add(Task task, const char* name, const char* help) {
        CLI::App* app = app_.add_subcommand(name, help);
        app->get_formatter()->column_width(kHelpColumn);
        tasks_.emplace_back(app, task);
        return *app;
    }

    [[nodiscard]] std::string help() const {
        for (const auto& [app, task] : tasks_) {
            if (app->parsed()) return app->help(kProgram);
        }
        return app_.help();
    }

    [[nodiscard]] static ParsedArguments told(std::string text) {
        return {{}, {ExitCode::done, std::move(text), {}}};
    }

    CLI::App app_;
    Arguments made_;
    std::string config_;
    std::string password_file_;
    bool wants_version_ = false;
    std::vector<std::pair<CLI::App*, Task>> tasks_;
};

}  // namespace

ParsedArguments parse_arguments(std::vector<std::string> words, const std::string& version) {
    return Parser().parse(std::move(words), version);
}

}  // namespace pulse::roblox_command
