// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admin/body.hpp"

#include <algorithm>

namespace pulse::roblox {

namespace {

constexpr std::size_t kMaxMembers = 64;
constexpr std::size_t kMaxItems = 256;
constexpr double kMaxSafeInteger = 9'007'199'254'740'991.0;

[[nodiscard]] bool read_list(json::Reader& reader, AdminBody::Value& value) {
    value.is_list = true;
    if (!reader.enter_array()) return false;
    while (reader.next_item()) {
        if (reader.peek() == json::Kind::string && value.items.size() < kMaxItems) {
            if (!reader.read_string(value.items.emplace_back())) return false;
        } else {
            value.is_list = false;
            if (!reader.skip()) return false;
        }
    }
    return reader.ok();
}

}  // namespace

std::string_view type_name(json::Kind kind) noexcept {
    switch (kind) {
        case json::Kind::null:
            return "null";
        case json::Kind::boolean:
            return "boolean";
        case json::Kind::number:
            return "number";
        case json::Kind::string:
            return "string";
        case json::Kind::array:
            return "array";
        case json::Kind::object:
            return "object";
        case json::Kind::invalid:
            break;
    }
    return "undefined";
}

AdminBody::AdminBody(std::string_view text) {
    json::Reader reader(text);
    const json::Kind kind = reader.peek();
    if (kind == json::Kind::object) {
        if (!read(reader)) fail("Invalid JSON");
        return;
    }
    const bool is_json = reader.skip() && reader.finish();
    if (!is_json) fail("Invalid JSON");
    fail("Expected object, received " + std::string(type_name(kind)));
}

bool AdminBody::read(json::Reader& reader) {
    if (!reader.enter_object()) return false;
    std::string name;
    while (reader.next_member(name)) {
        Value value{.kind = reader.peek()};
        const bool is_read = value.kind == json::Kind::string    ? reader.read_string(value.text)
                             : value.kind == json::Kind::number  ? reader.read_number(value.number)
                             : value.kind == json::Kind::boolean ? reader.read_bool(value.flag)
                             : value.kind == json::Kind::array   ? read_list(reader, value)
                                                                 : reader.skip();
        if (!is_read || members_.size() == kMaxMembers) return false;
        // Of equal names the last counts, at the first one's place, as in JavaScript.
        const auto same = std::find_if(members_.begin(), members_.end(),
                                       [&](const Member& member) { return member.name == name; });
        if (same != members_.end()) {
            same->value = std::move(value);
        } else {
            members_.push_back({name, std::move(value)});
        }
    }
    return reader.finish();
}

void AdminBody::fail(std::string_view problem) {
    if (problem_.empty()) problem_ = problem;
}

const AdminBody::Value* AdminBody::find(std::string_view name) {
    for (Member& member : members_) {
        if (member.name != name) continue;
        member.is_known = true;
        return &member.value;
    }
    return nullptr;
}

UniverseId AdminBody::universe(std::string_view name) {
    const Value* value = find(name);
    const bool is_number = value != nullptr && value->kind == json::Kind::number;
    if (value == nullptr || (!is_number && value->kind != json::Kind::string)) {
        fail("Invalid input");
        return {};
    }
    std::string text = value->text;
    if (is_number) {
        // Beyond 2^53 a number in JSON is not sure to be the one that was meant: use a string.
        const double number = value->number;
        if (!(number >= 1 && number <= kMaxSafeInteger)) {
            fail("Invalid universe id");
            return {};
        }
        const auto whole = static_cast<std::uint64_t>(number);
        if (static_cast<double>(whole) != number) fail("Invalid universe id");
        text = std::to_string(whole);
    }
    const auto id = UniverseId::parse(text);
    if (!id) fail("Invalid universe id");
    return id.value_or(UniverseId{});
}

std::optional<std::string> AdminBody::text(std::string_view name) {
    const Value* value = find(name);
    if (value == nullptr) return {};
    if (value->kind != json::Kind::string) {
        fail("Expected string, received " + std::string(type_name(value->kind)));
        return {};
    }
    return value->text;
}

std::string AdminBody::required_text(std::string_view name) {
    if (find(name) == nullptr) fail("Required");
    return text(name).value_or(std::string());
}

std::optional<std::uint64_t> AdminBody::number(std::string_view name, std::uint64_t least,
                                               std::uint64_t most, std::string_view problem) {
    const Value* value = find(name);
    if (value == nullptr) return {};
    if (value->kind != json::Kind::number || !(value->number >= 0) ||
        value->number > kMaxSafeInteger) {
        fail(problem);
        return {};
    }
    const auto whole = static_cast<std::uint64_t>(value->number);
    if (static_cast<double>(whole) != value->number || whole < least || whole > most) {
        fail(problem);
        return {};
    }
    return whole;
}

std::optional<bool> AdminBody::flag(std::string_view name, std::string_view problem) {
    const Value* value = find(name);
    if (value == nullptr) return {};
    if (value->kind != json::Kind::boolean) {
        fail(problem);
        return {};
    }
    return value->flag;
}

std::optional<std::vector<std::string>> AdminBody::list(std::string_view name,
                                                        std::string_view problem) {
    const Value* value = find(name);
    if (value == nullptr) return {};
    if (!value->is_list) {
        fail(problem);
        return {};
    }
    return value->items;
}

void AdminBody::finish() {
    std::string names;
    for (const Member& member : members_) {
        if (member.is_known) continue;
        if (!names.empty()) names += ", ";
        names += '\'' + member.name + '\'';
    }
    if (!names.empty()) fail("Unrecognized key(s) in object: " + names);
}

}  // namespace pulse::roblox
