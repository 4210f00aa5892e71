// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/apply.hpp"
#include "config/suggest.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace pulse::server {
namespace {

constexpr std::string_view kPrefix = "PULSE_";
constexpr std::string_view kRustLog = "RUST_LOG";
constexpr std::string_view kMillisecondsSuffix = "_MS";

/// Every variable that sets `key`; the first that is set wins.
StringList variables_of(const Key& key) {
    StringList names{key.environment};
    if (!key.other_name.empty()) {
        names.push_back(
            key.environment.substr(0, key.environment.size() - kMillisecondsSuffix.size()));
    }
    if (!key.info.environment_alias.empty()) names.emplace_back(key.info.environment_alias);
    return names;
}

/// RUST_LOG holds directives, "level" or "target=level", separated by commas. The one for a target
/// of ours wins over one for everything; targets of others mean nothing here.
std::optional<std::string> level_of_rust_log(std::string_view text) {
    std::optional<std::string> general;
    std::optional<std::string> ours;
    for (const std::string& directive : parse_list(text)) {
        const std::size_t equals = directive.find('=');
        if (equals == std::string::npos) {
            general = directive;
        } else if (std::string_view{directive}.substr(0, equals).starts_with("pulse")) {
            ours = directive.substr(equals + 1);
        }
    }
    return ours ? ours : general;
}

void apply_rust_log(const Key& key, const std::string& text, LoadResult& result) {
    const Origin origin{Origin::Kind::environment, std::string{kRustLog}};
    const auto level = level_of_rust_log(text);
    if (!level) return;
    const auto value = parse_value(key.kind, key.info, key.choices, *level);
    if (value) {
        store(key, *value, origin, result);
    } else {
        // The variable belongs to other programs as well: what they understand is no error here.
        report(result, Severity::warning, origin, key.path, "ignored: " + value.error());
    }
}

void apply_variable(const Key& key, const std::string& variable, const std::string& text,
                    LoadResult& result) {
    Origin origin{Origin::Kind::environment, variable};
    auto value = parse_value(key.kind, key.info, key.choices, text);
    if (value) {
        store(key, *value, std::move(origin), result);
    } else {
        report(result, Severity::error, std::move(origin), key.path, std::move(value.error()));
    }
}

void apply_variables_of(const Key& key, const Environment& environment, LoadResult& result) {
    std::string winner;
    for (const std::string& variable : variables_of(key)) {
        const auto found = environment.find(variable);
        // Empty is how many tools spell "not set".
        if (found == environment.end() || found->second.empty()) continue;
        if (winner.empty()) {
            winner = variable;
            if (variable == kRustLog) {
                apply_rust_log(key, found->second, result);
            } else {
                apply_variable(key, variable, found->second, result);
            }
        } else if (variable != kRustLog) {
            report(result, Severity::warning, {Origin::Kind::environment, variable}, key.path,
                   fmt::format("ignored, because {} is set too", winner));
        }
    }
}

}  // namespace

void apply_environment(const Environment& environment, LoadResult& result) {
    StringList known;
    for (const Key& key : schema().keys()) {
        apply_variables_of(key, environment, result);
        for (std::string& variable : variables_of(key)) known.push_back(std::move(variable));
    }
    for (auto it = environment.lower_bound(kPrefix);
         it != environment.end() && it->first.starts_with(kPrefix); ++it) {
        if (is_full(result.diagnostics, Severity::warning)) return;
        if (std::find(known.begin(), known.end(), it->first) != known.end()) continue;
        // What all of them share says nothing about how near two of them are.
        const auto own_part = [](std::string_view name) { return name.substr(kPrefix.size()); };
        Suggestion suggestion{own_part(it->first)};
        for (const std::string& variable : known) {
            if (variable.starts_with(kPrefix)) suggestion.offer(own_part(variable), variable);
        }
        report(result, Severity::warning, {Origin::Kind::environment, it->first}, {},
               "names no configuration key" + suggestion.as_question());
    }
}

void apply_flags(std::span<const FlagValue> flags, LoadResult& result) {
    for (const FlagValue& flag : flags) {
        Origin origin{Origin::Kind::flag, flag.flag};
        const Key* const key = schema().find_path(flag.path);
        if (key == nullptr) {
            report(result, Severity::error, std::move(origin), flag.path, "unknown key");
            continue;
        }
        auto value = parse_value(key->kind, key->info, key->choices, flag.text);
        if (value) {
            store(*key, *value, std::move(origin), result);
        } else {
            report(result, Severity::error, std::move(origin), key->path, std::move(value.error()));
        }
    }
}

}  // namespace pulse::server
