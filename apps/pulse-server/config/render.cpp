// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/render.hpp"

#include "config/schema.hpp"

#include <iterator>

#include <fmt/format.h>

namespace pulse::server {
namespace {

constexpr std::size_t kCommentWidth = 100;
constexpr std::size_t kCommentColumn = 40;

/// `text` in comment lines of at most kCommentWidth columns.
std::string as_comment(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        constexpr std::size_t kRoom = kCommentWidth - 2;
        std::size_t length = text.size();
        if (length > kRoom) {
            const std::size_t space = text.rfind(' ', kRoom);
            length = space == std::string_view::npos ? text.size() : space;
        }
        fmt::format_to(std::back_inserter(result), "# {}\n", text.substr(0, length));
        text.remove_prefix(length);
        if (text.starts_with(' ')) text.remove_prefix(1);
    }
    return result;
}

std::string human_form(Kind kind, const Value& value) {
    const auto* const number = std::get_if<std::int64_t>(&value);
    if (number == nullptr) return {};
    if (kind == Kind::bytes) return describe_bytes(*number);
    if (kind == Kind::duration) return describe_duration(*number);
    return {};
}

std::string with_comment(std::string line, std::string_view comment) {
    if (line.size() < kCommentColumn) line.resize(kCommentColumn, ' ');
    return fmt::format("{} # {}\n", line, comment);
}

std::string table_of_mounts(const ListenerOptions& listener) {
    std::string text = "{";
    for (const auto& [path, dialect] : listener.mount) {
        text += text.size() > 1 ? ", " : " ";
        text += toml_quote(path) + " = " + toml_quote(dialect);
    }
    return text + " }";
}

// ── --print-config ──────────────────────────────────────────────────────────────────────────────

std::string effective_line(const Key& key, const LoadResult& loaded) {
    const Value value = key.get(loaded.config);
    std::string origin = loaded.origins[schema().index_of(key)].describe();
    if (std::holds_alternative<std::monostate>(value)) {
        return with_comment(fmt::format("# {} is not set:", key.info.name), key.info.when_unset);
    }
    if (key.info.secret) {
        const auto* const list = std::get_if<StringList>(&value);
        const auto* const text = std::get_if<std::string>(&value);
        const std::size_t count = list != nullptr ? list->size() : (text->empty() ? 0 : 1);
        return with_comment(fmt::format("# {}: {} set, not shown", key.info.name, count), origin);
    }
    const std::string human = human_form(key.kind, value);
    return with_comment(fmt::format("{} = {}", key.info.name, toml_value(value)),
                        human.empty() ? origin : fmt::format("{}; {}", human, origin));
}

std::string effective_listener(const ListenerOptions& listener, const Origin& origin) {
    std::string text = "\n" + with_comment("[[listener]]", origin.describe());
    for (const ListenerKey& key : schema().listener_keys()) {
        text += fmt::format("{} = {}\n", key.info.name, toml_value(key.get(listener)));
    }
    if (!listener.mount.empty()) {
        text += fmt::format("{} = {}\n", kMountName, table_of_mounts(listener));
    }
    return text;
}

// ── Reference ───────────────────────────────────────────────────────────────────────────────────

std::string environment_names(const Key& key) {
    std::string names = key.environment;
    if (!key.info.environment_alias.empty()) {
        fmt::format_to(std::back_inserter(names), ", {}", key.info.environment_alias);
    }
    return names;
}

std::string default_of(const Key& key, const Config& defaults) {
    const Value value = key.get(defaults);
    if (std::holds_alternative<std::monostate>(value)) return std::string{key.info.when_unset};
    return toml_value(value);
}

std::string reference_entry(const Key& key, const Config& defaults) {
    const Value value = key.get(defaults);
    std::string facts =
        fmt::format("{}; {}; {}.", describe_type(key.kind, key.choices), environment_names(key),
                    key.info.live ? "applied on reload" : "needs a restart");
    facts[0] = static_cast<char>(facts[0] - 'a' + 'A');
    std::string text = "\n" + as_comment(key.info.doc) + as_comment(facts);
    if (std::holds_alternative<std::monostate>(value)) {
        text += as_comment(fmt::format("Default: {}.", key.info.when_unset));
        return text + fmt::format("#{} = {}\n", key.info.name,
                                  key.kind == Kind::boolean ? "true" : "\"\"");
    }
    const std::string line = fmt::format("#{} = {}", key.info.name, toml_value(value));
    const std::string human = human_form(key.kind, value);
    return text + (human.empty() ? line + "\n" : fmt::format("{}  # {}\n", line, human));
}

std::string code(std::string_view text) { return fmt::format("`{}`", text); }

std::string table_row(const Key& key, const Config& defaults) {
    const Value value = key.get(defaults);
    const bool is_unset = std::holds_alternative<std::monostate>(value);
    std::string shown = is_unset ? default_of(key, defaults) : code(default_of(key, defaults));
    const std::string human = human_form(key.kind, value);
    if (!human.empty()) shown += fmt::format(" ({})", human);

    std::string names = code(key.info.name);
    if (!key.other_name.empty()) names += ", " + code(key.other_name);
    std::string environment = code(key.environment);
    if (!key.info.environment_alias.empty()) {
        environment += ", " + code(key.info.environment_alias);
    }
    std::string type = describe_type(key.kind, key.choices);
    if (const std::string range = describe_range(key.kind, key.info); !range.empty()) {
        type += ", " + range;
    }
    std::string doc{key.info.doc};
    if (!key.info.flag.empty()) doc += fmt::format(" Flag: {}.", code(key.info.flag));
    return fmt::format("| {} | {} | {} | {} | {} | {} |\n", names, type, shown, environment,
                       key.info.live ? "yes" : "no", doc);
}

}  // namespace

std::string render_effective(const LoadResult& loaded) {
    std::string text = "# The configuration in force, and where each value came from.\n";
    text += fmt::format("# File: {}\n", loaded.file.empty() ? "none" : one_line(loaded.file));
    for (const SectionInfo& section : schema().sections()) {
        text += fmt::format("\n[{}]\n", section.name);
        for (const Key& key : schema().keys()) {
            if (key.section == section.name) text += effective_line(key, loaded);
        }
    }
    for (std::size_t i = 0; i < loaded.config.listeners.size(); ++i) {
        text += effective_listener(loaded.config.listeners[i], loaded.listener_origins[i]);
    }
    return text;
}

std::string render_reference_toml() {
    const Config defaults;
    std::string text =
        "# SPDX-License-Identifier: MIT OR Apache-2.0\n"
        "#\n"
        "# Configuration of pulse-server. Every key is here, commented out, at its default: "
        "remove\n"
        "# the leading # of what you change. Read from --config FILE, else from the first of\n"
        "# ./pulse.toml, /etc/pulse/pulse.toml and ~/.config/pulse/pulse.toml.\n"
        "#\n"
        "# Flags win over environment variables, which win over this file. A key nobody knows is "
        "an\n"
        "# error. Durations are milliseconds or \"250ms\", \"30s\", \"1m30s\"; sizes are bytes or\n"
        "# \"64KiB\", \"1MiB\".\n"
        "#\n"
        "# Check it with: pulse-server --check-config --config FILE\n";
    for (const SectionInfo& section : schema().sections()) {
        text += "\n" + as_comment(section.doc) + fmt::format("[{}]\n", section.name);
        for (const Key& key : schema().keys()) {
            if (key.section == section.name) text += reference_entry(key, defaults);
        }
    }
    text += "\n" + as_comment(kListenerSection.doc) + "#[[listener]]\n";
    const ListenerOptions listener;
    for (const ListenerKey& key : schema().listener_keys()) {
        text += "\n" + as_comment(key.info.doc) +
                fmt::format("#{} = {}\n", key.info.name, toml_value(key.get(listener)));
    }
    text +=
        "\n" + as_comment(kMountDoc) + fmt::format("#{} = {{ \"*\" = \"native\" }}\n", kMountName);
    return text;
}

std::string render_reference_tables() {
    const Config defaults;
    std::string text;
    for (const SectionInfo& section : schema().sections()) {
        text += fmt::format(
            "### `[{}]`\n\n{}\n\n"
            "| key | type | default | environment | reload | meaning |\n"
            "|---|---|---|---|---|---|\n",
            section.name, section.doc);
        for (const Key& key : schema().keys()) {
            if (key.section == section.name) text += table_row(key, defaults);
        }
        text += "\n";
    }
    text += fmt::format(
        "### `[[{}]]`\n\n{}\n\n"
        "| key | type | default | reload | meaning |\n"
        "|---|---|---|---|---|\n",
        kListenerSection.name, kListenerSection.doc);
    const ListenerOptions listener;
    for (const ListenerKey& key : schema().listener_keys()) {
        const bool is_port = key.info.name == "port";
        text += fmt::format("| {} | {} | {} | no | {} |\n", code(key.info.name),
                            describe_type(key.kind, key.choices),
                            is_port ? "none" : code(toml_value(key.get(listener))), key.info.doc);
    }
    text += fmt::format("| {} | table | none | no | {} |\n", code(kMountName), kMountDoc);
    return text;
}

}  // namespace pulse::server
