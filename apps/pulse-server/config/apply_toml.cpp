// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/apply.hpp"
#include "config/suggest.hpp"

#include <set>
#include <string_view>

#include <fmt/format.h>

namespace pulse::server {
namespace {

// Each is a socket, and each is compared with every other.
constexpr std::size_t kMaxListeners = 64;

std::string_view expectation(Kind kind) {
    switch (kind) {
        case Kind::boolean:
            return "true or false";
        case Kind::integer:
            return "an integer";
        case Kind::bytes:
            return "a size such as 65536 or \"64KiB\"";
        case Kind::duration:
            return "a duration such as 30000 (milliseconds) or \"30s\"";
        case Kind::text:
        case Kind::choice:
            return "a string";
        case Kind::list:
            return "an array of strings";
    }
    return {};
}

Parsed<Value> read_list(const TomlNode& node) {
    StringList list;
    for (const TomlNode& item : node.children) {
        if (item.type != TomlNode::Type::text) {
            return tl::unexpected{fmt::format("expected an array of strings, but it contains {}",
                                              describe_type(item.type))};
        }
        list.push_back(item.text);
    }
    return Value{std::move(list)};
}

/// TOML has types, and a wrong one is an error here even where the text could be read: `"8080"` for
/// a port is more often a template gone wrong than a wish. Quotes are for values with a unit.
template <typename Owner>
Parsed<Value> read_value(const BoundKey<Owner>& key, const TomlNode& node) {
    using Type = TomlNode::Type;
    const bool has_unit = key.kind == Kind::bytes || key.kind == Kind::duration;
    const bool is_number = has_unit || key.kind == Kind::integer;
    const bool is_text = key.kind == Kind::text || key.kind == Kind::choice || has_unit;

    if (node.type == Type::boolean && key.kind == Kind::boolean) return Value{node.boolean};
    if (node.type == Type::integer && is_number) {
        return check_value(key.kind, key.info, node.integer);
    }
    if (node.type == Type::text && is_text) {
        return parse_value(key.kind, key.info, key.choices, node.text);
    }
    if (node.type == Type::array && key.kind == Kind::list) {
        return read_list(node).and_then(
            [&key](Value value) { return check_value(key.kind, key.info, std::move(value)); });
    }
    return tl::unexpected{
        fmt::format("expected {}, got {}", expectation(key.kind), describe_type(node.type))};
}

class TomlApplier {
  public:
    TomlApplier(const std::string& file, LoadResult& result) : file_(file), result_(result) {}

    void apply(const TomlNode& root) {
        // Keys outside any table first, so that [server] wins over them.
        for (const TomlNode& node : root.children) apply_top_level_alias(node);
        for (const TomlNode& node : root.children) {
            if (has_enough()) return;
            apply_top_level(node);
        }
    }

  private:
    Origin origin(TomlPosition at) const { return {Origin::Kind::file, file_, at.line, at.column}; }

    void error(TomlPosition at, std::string key, std::string message) {
        report(result_, Severity::error, origin(at), std::move(key), std::move(message));
    }

    bool has_enough() const { return is_full(result_.diagnostics, Severity::error); }

    static const Key* find_alias(std::string_view name) {
        for (const Key& key : schema().keys()) {
            if (!key.info.top_level_alias.empty() && key.info.top_level_alias == name) return &key;
        }
        return nullptr;
    }

    void apply_top_level_alias(const TomlNode& node) {
        if (const Key* key = find_alias(node.name)) apply_key(*key, node);
    }

    void apply_top_level(const TomlNode& node) {
        if (find_alias(node.name) != nullptr) return;
        if (node.name == kListenerSection.name) {
            apply_listeners(node);
        } else if (!schema().has_section(node.name)) {
            report_unknown_top_level(node);
        } else if (node.type != TomlNode::Type::table) {
            error(node.name_at, node.name, fmt::format("is a table: write [{}]", node.name));
        } else {
            apply_section(node);
        }
    }

    void apply_section(const TomlNode& section) {
        std::set<const Key*> seen;
        for (const TomlNode& node : section.children) {
            if (has_enough()) return;
            const Key* const key = schema().find(section.name, node.name);
            if (key == nullptr) {
                report_unknown_key(section.name, node);
                continue;
            }
            if (!seen.insert(key).second) {
                error(node.name_at, key->path,
                      fmt::format("given twice, as {} and as {}", key->info.name, key->other_name));
                continue;
            }
            const Origin& earlier = result_.origins[schema().index_of(*key)];
            if (earlier.kind == Origin::Kind::file) {
                report(
                    result_, Severity::warning, earlier, std::string{key->info.top_level_alias},
                    fmt::format("ignored, because [{}] sets {} too", key->section, key->info.name));
            }
            apply_key(*key, node);
        }
    }

    void apply_key(const Key& key, const TomlNode& node) {
        auto value = read_value(key, node);
        if (!value) {
            error(node.at, key.path, std::move(value.error()));
            return;
        }
        store(key, *value, origin(node.name_at), result_);
    }

    // ── [[listener]] ────────────────────────────────────────────────────────────────────────────

    void apply_listeners(const TomlNode& node) {
        if (node.type != TomlNode::Type::array) {
            error(node.name_at, node.name,
                  "is an array of tables: write [[listener]], with double brackets");
            return;
        }
        if (node.children.size() > kMaxListeners) {
            error(node.name_at, node.name, fmt::format("more than {} listeners", kMaxListeners));
            return;
        }
        for (const TomlNode& item : node.children) {
            const std::string path = fmt::format("listener[{}]", result_.config.listeners.size());
            if (item.type != TomlNode::Type::table) {
                error(item.at, path,
                      fmt::format("expected a table, got {}", describe_type(item.type)));
                continue;
            }
            apply_listener(item, path);
        }
    }

    void apply_listener(const TomlNode& item, const std::string& path) {
        ListenerOptions listener;
        std::set<const ListenerKey*> seen;
        for (const TomlNode& node : item.children) {
            if (has_enough()) return;
            if (node.name == kMountName) {
                apply_mount(node, path, listener);
            } else if (const ListenerKey* key = find_listener_key(node.name)) {
                seen.insert(key);
                apply_listener_key(*key, node, path, listener);
            } else {
                Suggestion suggestion{node.name};
                suggestion.offer(kMountName, kMountName);
                for (const ListenerKey& known : schema().listener_keys()) {
                    suggestion.offer(known.info.name, known.info.name);
                }
                error(node.name_at, path + "." + toml_key(node.name),
                      "unknown key" + suggestion.as_question());
            }
        }
        const ListenerKey* const port = find_listener_key("port");
        if (!seen.contains(port)) {
            error(item.at, path, "port is missing; 0 takes any free port");
        }
        result_.config.listeners.push_back(std::move(listener));
        result_.listener_origins.push_back(origin(item.at));
    }

    static const ListenerKey* find_listener_key(std::string_view name) {
        for (const ListenerKey& key : schema().listener_keys()) {
            if (key.is_named(name)) return &key;
        }
        return nullptr;
    }

    void apply_listener_key(const ListenerKey& key, const TomlNode& node, const std::string& path,
                            ListenerOptions& listener) {
        auto value = read_value(key, node);
        if (!value) {
            error(node.at, path + "." + toml_key(node.name), std::move(value.error()));
            return;
        }
        key.set(listener, *value);
    }

    void apply_mount(const TomlNode& node, const std::string& path, ListenerOptions& listener) {
        const std::string key = path + "." + toml_key(node.name);
        if (node.type != TomlNode::Type::table) {
            error(node.at, key,
                  fmt::format("expected a table such as {{ \"/path\" = \"native\" }}, got {}",
                              describe_type(node.type)));
            return;
        }
        for (const TomlNode& entry : node.children) {
            if (has_enough()) return;
            if (entry.type != TomlNode::Type::text) {
                error(entry.at, fmt::format("{}.{}", key, toml_key(entry.name)),
                      fmt::format("expected the name of a dialect, got {}",
                                  describe_type(entry.type)));
                continue;
            }
            listener.mount[entry.name] = entry.text;
        }
    }

    // ── What nobody knows ───────────────────────────────────────────────────────────────────────

    void report_unknown_key(const std::string& section, const TomlNode& node) {
        Suggestion suggestion{node.name};
        for (const Key& key : schema().keys()) {
            // A near name in the same section is likelier than a nearer one elsewhere.
            const std::size_t penalty = key.section == section ? 0 : 3;
            suggestion.offer(key.info.name, key.path, penalty);
            if (!key.other_name.empty()) suggestion.offer(key.other_name, key.path, penalty);
        }
        error(node.name_at, section + "." + toml_key(node.name),
              "unknown key" + suggestion.as_question());
    }

    void report_unknown_top_level(const TomlNode& node) {
        const bool is_table =
            node.type == TomlNode::Type::table || node.type == TomlNode::Type::array;
        Suggestion suggestion{node.name};
        for (const SectionInfo& section : schema().sections()) {
            suggestion.offer(section.name, fmt::format("[{}]", section.name), is_table ? 0 : 1);
        }
        suggestion.offer(kListenerSection.name, "[[listener]]", is_table ? 0 : 1);
        for (const Key& key : schema().keys()) {
            suggestion.offer(key.info.name, key.path, is_table ? 2 : 0);
        }
        error(node.name_at, toml_key(node.name),
              (is_table ? "unknown section" : "unknown key") + suggestion.as_question());
    }

    const std::string& file_;
    LoadResult& result_;
};

}  // namespace

void apply_toml(const TomlNode& root, const std::string& file, LoadResult& result) {
    TomlApplier{file, result}.apply(root);
}

}  // namespace pulse::server
