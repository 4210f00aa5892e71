// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/schema.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace pulse::server {
namespace {

constexpr std::string_view kMillisecondsSuffix = "_ms";

std::string environment_name(std::string_view section, std::string_view name) {
    std::string result = fmt::format("PULSE_{}_{}", section, name);
    for (char& c : result) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return result;
}

template <typename Owner, typename Section>
BoundKey<Owner> bind(const SectionTable<Section>& table, const Row<Section>& row) {
    BoundKey<Owner> key;
    key.info = row.info;
    key.kind = row.kind;
    key.choices = row.choices;
    key.section = table.name;
    key.path = fmt::format("{}.{}", table.name, row.info.name);
    if (row.kind == Kind::duration && row.info.name.ends_with(kMillisecondsSuffix)) {
        key.other_name = row.info.name.substr(0, row.info.name.size() - kMillisecondsSuffix.size());
    }
    return key;
}

std::string allowed_names(std::span<const Choice> choices) {
    std::string names;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        // Only canonical names are advertised.
        if (i > 0 && choices[i].number == choices[i - 1].number) continue;
        if (!names.empty()) names += ", ";
        names += choices[i].name;
    }
    return names;
}

Parsed<Value> parse_choice(std::span<const Choice> choices, std::string_view text) {
    const std::string word = lower_case(trim(text));
    const auto named = std::find_if(choices.begin(), choices.end(),
                                    [&word](const Choice& c) { return c.name == word; });
    if (named == choices.end()) {
        return tl::unexpected{
            fmt::format("expected one of {}, got {}", allowed_names(choices), quote_excerpt(text))};
    }
    const auto canonical = std::find_if(choices.begin(), choices.end(),
                                        [&](const Choice& c) { return c.number == named->number; });
    return Value{std::string{canonical->name}};
}

template <typename T>
Parsed<Value> to_value(Parsed<T> parsed) {
    if (!parsed) return tl::unexpected{std::move(parsed.error())};
    return Value{std::move(*parsed)};
}

std::string show_number(Kind kind, std::int64_t number) {
    const std::string human = kind == Kind::bytes      ? describe_bytes(number)
                              : kind == Kind::duration ? describe_duration(number)
                                                       : std::string{};
    return human.empty() ? fmt::format("{}", number) : fmt::format("{} ({})", number, human);
}

}  // namespace

Schema::Schema() {
    for_each_section([this]<typename Section>(const SectionTable<Section>& table,
                                              Section Config::*member) {
        sections_.push_back({table.name, table.doc});
        for (const Row<Section>& row : table.rows) {
            Key key = bind<Config>(table, row);
            key.environment = environment_name(table.name, row.info.name);
            key.get = [get = row.get, member](const Config& config) { return get(config.*member); };
            key.set = [set = row.set, member](Config& config, const Value& value) {
                set(config.*member, value);
            };
            keys_.push_back(std::move(key));
        }
    });
    for (const Row<ListenerOptions>& row : kListenerRows) {
        ListenerKey key = bind<ListenerOptions>(kListenerSection, row);
        key.get = row.get;
        key.set = row.set;
        listener_keys_.push_back(std::move(key));
    }
}

const Key* Schema::find(std::string_view section, std::string_view name) const {
    for (const Key& key : keys_) {
        if (key.section == section && key.is_named(name)) return &key;
    }
    return nullptr;
}

const Key* Schema::find_path(std::string_view path) const {
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) return nullptr;
    return find(path.substr(0, dot), path.substr(dot + 1));
}

bool Schema::has_section(std::string_view name) const {
    return std::any_of(sections_.begin(), sections_.end(),
                       [name](const SectionInfo& section) { return section.name == name; });
}

const Schema& schema() {
    static const Schema all;
    return all;
}

Parsed<Value> check_value(Kind kind, const KeyInfo& info, Value value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
        if (*number < info.min || *number > info.max) {
            return tl::unexpected{fmt::format("must be {} to {}, got {}",
                                              show_number(kind, info.min),
                                              show_number(kind, info.max), *number)};
        }
    }
    const auto is_plain = [](const std::string& text) { return is_plain_text(text); };
    bool all_plain = true;
    if (const auto* text = std::get_if<std::string>(&value)) all_plain = is_plain(*text);
    if (const auto* list = std::get_if<StringList>(&value)) {
        all_plain = std::all_of(list->begin(), list->end(), is_plain);
    }
    if (!all_plain) {
        return tl::unexpected{std::string{"must be UTF-8 text without control characters"}};
    }
    return value;
}

Parsed<Value> parse_value(Kind kind, const KeyInfo& info, std::span<const Choice> choices,
                          std::string_view text) {
    Parsed<Value> parsed;
    switch (kind) {
        case Kind::boolean:
            parsed = to_value(parse_boolean(text));
            break;
        case Kind::integer:
            parsed = to_value(parse_integer(text));
            break;
        case Kind::bytes:
            parsed = to_value(parse_bytes(text));
            break;
        case Kind::duration:
            parsed = to_value(parse_duration(text));
            break;
        case Kind::text:
            parsed = Value{std::string{text}};
            break;
        case Kind::choice:
            parsed = parse_choice(choices, text);
            break;
        case Kind::list:
            parsed = Value{parse_list(text)};
            break;
    }
    if (!parsed) return parsed;
    return check_value(kind, info, std::move(*parsed));
}

std::string describe_type(Kind kind, std::span<const Choice> choices) {
    switch (kind) {
        case Kind::boolean:
            return "boolean";
        case Kind::integer:
            return "integer";
        case Kind::bytes:
            return "size";
        case Kind::duration:
            return "duration";
        case Kind::text:
            return "string";
        case Kind::list:
            return "list of strings";
        case Kind::choice:
            return "one of " + allowed_names(choices);
    }
    return {};
}

std::string describe_range(Kind kind, const KeyInfo& info) {
    const bool is_number = kind == Kind::integer || kind == Kind::bytes || kind == Kind::duration;
    if (!is_number) return {};
    if (info.max == std::numeric_limits<std::int64_t>::max()) {
        return fmt::format("{} or more", show_number(kind, info.min));
    }
    return fmt::format("{} to {}", show_number(kind, info.min), show_number(kind, info.max));
}

}  // namespace pulse::server
