// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a client sends: {"type": <text>, "data": <any JSON>}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <pulse/core/json.hpp>

namespace pulse::rooms {

namespace json = core::json;

enum class MessageType : std::uint8_t {
    other,
    authenticate,
    broadcast,
    chat,
    close,
    config,
    counter,
    delete_relay,
    ephemeral_poll,
    login,
    poll,
    profile,
    relay,
    subscribe,
    unsubscribe,
};

/// Borrows `data` from the text it was parsed from.
struct Message {
    MessageType type = MessageType::other;
    std::string name;  ///< the type's
    json::Value data;
};

struct ParsedMessage {
    /// Nothing: to be ignored, unless it is too deep.
    std::optional<Message> message;
    json::Problem problem = json::Problem::none;
};

/// `text` is UTF-8. Of members given twice the last counts.
[[nodiscard]] ParsedMessage parse_message(std::string_view text);

/// {"id": …, "answer": …} and {"id": …, "value": …} of polls and counters.
struct Entry {
    json::Value id;
    json::Value answer;
    json::Value value;
};
[[nodiscard]] Entry read_entry(json::Value object);

/// What a value is as a property key: text as it is, numbers, booleans and null as ECMAScript
/// prints them. Nothing for containers, and for what is absent.
[[nodiscard]] std::optional<std::string> property_key(json::Value value);

/// Of a checked object; the last one counts.
[[nodiscard]] json::Value member_of(json::Value object, std::string_view name);

}  // namespace pulse::rooms
