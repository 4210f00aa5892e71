// SPDX-License-Identifier: MIT OR Apache-2.0
#include "cli.hpp"

#include "config/render.hpp"
#include "config/schema.hpp"
#include "config/suggest.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#ifndef PULSE_VERSION
#define PULSE_VERSION "unknown"
#endif
#ifndef PULSE_COMMIT
#define PULSE_COMMIT "unknown"
#endif

namespace pulse::server {
namespace {

constexpr std::string_view kProgram = "pulse-server";
constexpr std::size_t kHelpColumn = 27;

constexpr std::string_view kFooter =
    "\n"
    "Every key of the file is also an environment variable, PULSE_<SECTION>_<KEY>.\n"
    "Flags win over the environment, which wins over the file.\n"
    "Signals: TERM and INT drain and stop, HUP reads the configuration again.\n"
    "Exit status: 0 done, 1 failed, 2 usage, 78 configuration.";

struct ParsedArguments {
    enum class Wish : std::uint8_t { run, help, version, check, print };

    Wish wish = Wish::run;
    std::optional<std::string> config_file;
    std::vector<FlagValue> flags;
    std::string text;   ///< of --help
    std::string error;  ///< not empty: usage
};

/// CLI11 knows flags and help only. Its own reading of files and environment would put the file
/// above the environment.
class ArgumentParser {
  public:
    ArgumentParser() : app_("Realtime engine: channels, presence and history over WebSocket.") {
        app_.name(std::string{kProgram});
        app_.set_help_flag();
        app_.get_formatter()->column_width(kHelpColumn);
        app_.get_formatter()->label("OPTIONS", "options");
        app_.footer(std::string{kFooter});
        app_.allow_extras();

        config_ = app_.add_option("-c,--config", config_file_, "configuration file (TOML)");
        config_->type_name("FILE")->group("Configuration");
        for (const Key& key : schema().keys()) {
            if (!key.info.flag.empty()) add_key(key);
        }
        add_wish("--check-config,--check", check_, "check the configuration and exit",
                 "Configuration");
        add_wish("--print-config", print_, "print every value and where it came from, and exit",
                 "Configuration");
        add_wish("--version", version_, "print version and build, and exit", "Information");
        add_wish("-h,--help", help_, "print this help and exit", "Information");
    }

    ParsedArguments parse(std::vector<std::string> arguments) {
        ParsedArguments parsed;
        std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants a vector
        try {
            app_.parse(std::move(arguments));
        } catch (const CLI::ParseError& error) {
            parsed.error = error.what();
            return parsed;
        }
        if (help_) {
            parsed.wish = ParsedArguments::Wish::help;
            parsed.text = help_text();
            return parsed;
        }
        const std::vector<std::string> extras = app_.remaining();
        if (!extras.empty()) {
            parsed.error = describe_unknown(extras.front());
            return parsed;
        }
        if (config_->count() > 0) parsed.config_file = config_file_;
        for (const KeyOption& option : key_options_) {
            if (option.option->count() == 0) continue;
            parsed.flags.push_back(
                {std::string{option.key->info.flag}, option.key->path, option.text});
        }
        if (check_) parsed.wish = ParsedArguments::Wish::check;
        if (print_) parsed.wish = ParsedArguments::Wish::print;
        if (version_) parsed.wish = ParsedArguments::Wish::version;
        return parsed;
    }

  private:
    struct KeyOption {
        const Key* key;
        std::string text;
        CLI::Option* option;
    };

    void add_key(const Key& key) {
        key_options_.push_back({&key, {}, nullptr});  // a deque: CLI11 keeps a reference to `text`
        KeyOption& added = key_options_.back();
        added.option = app_.add_option(std::string{key.info.flag}, added.text,
                                       std::string{key.info.flag_help});
        added.option->type_name(std::string{key.info.flag_argument})->group("Configuration");
    }

    void add_wish(const std::string& names, bool& wish, const std::string& help,
                  const std::string& group) {
        // Otherwise "--check-config=false" would mean something.
        app_.add_flag(names, wish, help)->group(group)->disable_flag_override();
    }

    std::string help_text() const {
        std::string text = app_.help();
        // The formatter puts two empty lines between groups, and help is to fit a screen.
        for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) {
            text.erase(at, 1);
        }
        return text;
    }

    std::string describe_unknown(const std::string& argument) const {
        Suggestion suggestion{argument.substr(0, argument.find('='))};
        for (const CLI::Option* option : app_.get_options()) {
            for (const std::string& name : option->get_lnames()) {
                suggestion.offer("--" + name, "--" + name);
            }
        }
        return fmt::format("unknown argument {}{}", one_line(argument), suggestion.as_question());
    }

    CLI::App app_;
    CLI::Option* config_ = nullptr;
    std::string config_file_;
    std::deque<KeyOption> key_options_;
    bool check_ = false;
    bool print_ = false;
    bool version_ = false;
    bool help_ = false;
};

std::string describe_version(const BuildInfo& build) {
    std::string features;
    for (const std::string& feature : build.features) features += " " + feature;
    return fmt::format("{} {}\ncommit:   {}\ncompiler: {}\nfeatures:{}\n", kProgram, build.version,
                       build.commit, build.compiler, features.empty() ? " none" : features);
}

std::string summarize(const LoadResult& loaded) {
    const auto errors =
        std::count_if(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                      [](const Diagnostic& d) { return d.severity == Severity::error; });
    return fmt::format("{}: {} error{} in the configuration\n", kProgram, errors,
                       errors == 1 ? "" : "s");
}

/// A mistyped flag is a slip at the keyboard; anything else has to be put right in some file.
ExitCode exit_code_of(const LoadResult& loaded) {
    const bool only_flags =
        std::all_of(loaded.diagnostics.begin(), loaded.diagnostics.end(), [](const Diagnostic& d) {
            return d.severity == Severity::warning || d.origin.kind == Origin::Kind::flag;
        });
    return only_flags ? ExitCode::usage : ExitCode::configuration;
}

void load(ParsedArguments::Wish wish, Startup& startup) {
    LoadResult& loaded = startup.loaded;
    loaded = load_config(startup.sources);
    if (!loaded.file.empty()) startup.sources.config_file = loaded.file;

    if (!loaded.ok()) {
        startup.err = describe(loaded.diagnostics) + summarize(loaded);
        startup.exit_code = exit_code_of(loaded);
        return;
    }
    startup.should_run = wish == ParsedArguments::Wish::run;
    if (startup.should_run) return;
    startup.err = describe(loaded.diagnostics);
    if (wish == ParsedArguments::Wish::print) {
        startup.out = render_effective(loaded);
    } else {
        startup.out = loaded.file.empty()
                          ? "no configuration file; the configuration is good\n"
                          : fmt::format("{}: the configuration is good\n", one_line(loaded.file));
    }
}

}  // namespace

BuildInfo make_build_info(StringList features) {
#if defined(__clang__)
    const std::string compiler = "clang " __clang_version__;
#elif defined(__GNUC__)
    const std::string compiler = "g++ " __VERSION__;
#else
    const std::string compiler = "unknown";
#endif
    return {PULSE_VERSION, PULSE_COMMIT, compiler, std::move(features)};
}

Startup prepare(CommandLine command_line) {
    using Wish = ParsedArguments::Wish;
    Startup startup;
    ParsedArguments parsed = ArgumentParser{}.parse(std::move(command_line.arguments));
    if (!parsed.error.empty()) {
        startup.exit_code = ExitCode::usage;
        startup.err = fmt::format("{}: {}\nSee {} --help.\n", kProgram, parsed.error, kProgram);
        return startup;
    }
    if (parsed.wish == Wish::help) {
        startup.out = parsed.text;
        return startup;
    }
    if (parsed.wish == Wish::version) {
        startup.out = describe_version(command_line.build);
        return startup;
    }
    startup.sources = {.config_file = std::move(parsed.config_file),
                       .flags = std::move(parsed.flags),
                       .environment = std::move(command_line.environment),
                       .read_file = std::move(command_line.read_file),
                       .dialects = std::move(command_line.dialects),
                       .reserved_paths = std::move(command_line.reserved_paths)};
    load(parsed.wish, startup);
    return startup;
}

}  // namespace pulse::server
