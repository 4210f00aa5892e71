// SPDX-License-Identifier: MIT OR Apache-2.0
#include "message.hpp"

#include "number.hpp"

#include <array>
#include <utility>

namespace pulse::rooms {

namespace {

constexpr std::array<std::pair<std::string_view, MessageType>, 14> kTypes{{
    {"authenticate", MessageType::authenticate},
    {"broadcast", MessageType::broadcast},
    {"chat", MessageType::chat},
    {"close", MessageType::close},
    {"config", MessageType::config},
    {"counter", MessageType::counter},
    {"deleteRelay", MessageType::delete_relay},
    {"ephemeralPoll", MessageType::ephemeral_poll},
    {"login", MessageType::login},
    {"poll", MessageType::poll},
    {"profile", MessageType::profile},
    {"relay", MessageType::relay},
    {"subscribe", MessageType::subscribe},
    {"unsubscribe", MessageType::unsubscribe},
}};

MessageType type_of(std::string_view name) noexcept {
    for (const auto& [known, type] : kTypes) {
        if (known == name) return type;
    }
    return MessageType::other;
}

}  // namespace

ParsedMessage parse_message(std::string_view text) {
    const json::Parsed parsed = json::parse(text);
    if (!parsed) return {std::nullopt, parsed.problem};
    if (!parsed.value.is(json::Type::object)) return {};
    Message message;
    json::Value type;
    json::Members members(parsed.value);
    while (const auto member = members.next()) {
        if (json::is_key(member->key, "type")) {
            type = member->value;
        } else if (json::is_key(member->key, "data")) {
            message.data = member->value;
        }
    }
    if (!type.is(json::Type::text)) return {};
    message.name = type.text();
    message.type = type_of(message.name);
    return {std::move(message), json::Problem::none};
}

Entry read_entry(json::Value object) {
    Entry entry;
    if (!object.is(json::Type::object)) return entry;
    json::Members members(object);
    while (const auto member = members.next()) {
        if (json::is_key(member->key, "id")) {
            entry.id = member->value;
        } else if (json::is_key(member->key, "answer")) {
            entry.answer = member->value;
        } else if (json::is_key(member->key, "value")) {
            entry.value = member->value;
        }
    }
    return entry;
}

std::optional<std::string> property_key(json::Value value) {
    switch (value.type()) {
        case json::Type::text:
            return value.text();
        case json::Type::number:
            return ecmascript_text(to_double(value.raw));
        case json::Type::boolean:
        case json::Type::null:
            return std::string(value.raw);
        default:
            return std::nullopt;
    }
}

json::Value member_of(json::Value object, std::string_view name) {
    json::Value found;
    if (!object.is(json::Type::object)) return found;
    json::Members members(object);
    while (const auto member = members.next()) {
        if (json::is_key(member->key, name)) found = member->value;
    }
    return found;
}

}  // namespace pulse::rooms
