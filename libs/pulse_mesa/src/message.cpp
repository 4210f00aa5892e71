// SPDX-License-Identifier: MIT OR Apache-2.0
#include "envelope.hpp"

#include <charconv>
#include <cmath>

#include <pulse/core/json.hpp>
#include <pulse/mesa/error.hpp>
#include <pulse/mesa/message.hpp>

namespace pulse::mesa {

namespace json = core::json;

namespace {

void begin_key(std::string& out, std::string_view key) {
    out += out.back() == '{' ? "\"" : ",\"";
    out += key;
    out += "\":";
}

void read_opcode(Message& message, json::Value value) {
    message.opcode.reset();
    message.odd_opcode.clear();
    std::int64_t number = 0;
    const char* const end = value.raw.data() + value.raw.size();
    const auto [at, error] = std::from_chars(value.raw.data(), end, number);
    if (error == std::errc{} && at == end) {
        message.opcode = number;
        return;
    }
    // 2.0 and 2e0 are the same number.
    double real = 0;
    const auto [real_at, real_error] = std::from_chars(value.raw.data(), end, real);
    constexpr double kExact = 9007199254740992.0;  // 2^53: whole numbers below it are exact
    if (real_error == std::errc{} && real_at == end && std::trunc(real) == real &&
        std::abs(real) < kExact) {
        message.opcode = static_cast<std::int64_t>(real);
    } else {
        message.odd_opcode = value.raw;
    }
}

void read_type(Message& message, json::Value value) {
    message.type.reset();
    message.odd_type.clear();
    if (value.is(json::Type::text)) {
        message.type = value.text();
    } else {
        message.odd_type = value.raw;
    }
}

void read_options(Message& message, json::Value value) {
    if (!value.is(json::Type::object)) return;
    message.options.emplace();
    json::Members members(value);
    while (const auto member = members.next()) {
        if (json::is_key(member->key, "sync")) message.options->sync = member->value.raw != "false";
    }
}

}  // namespace

void append_json(std::string& out, const Message& message, Form form) {
    // Room for all but long types: most messages are written with one allocation.
    out.reserve(out.size() + message.data.size() + 64);
    out += '{';
    if (message.opcode) {
        out += "\"op\":";
        char digits[24];
        const auto end = std::to_chars(digits, digits + sizeof digits, *message.opcode).ptr;
        out.append(digits, end);
    } else if (!message.odd_opcode.empty()) {
        out += "\"op\":";
        out += message.odd_opcode;
    }
    if (!message.data.empty()) {
        begin_key(out, "d");
        out += message.data;
    }
    if (message.type) {
        begin_key(out, "t");
        json::append_text(out, *message.type);
    } else if (!message.odd_type.empty()) {
        begin_key(out, "t");
        out += message.odd_type;
    }
    if (form == Form::wire && message.sequence) {
        begin_key(out, "s");
        out += std::to_string(*message.sequence);
    }
    if (form == Form::internal && message.options) {
        begin_key(out, "o");
        out += message.options->sync ? R"({"sync":true})" : R"({"sync":false})";
    }
    out += '}';
}

std::string to_json(const Message& message, Form form) {
    std::string out;
    append_json(out, message, form);
    return out;
}

Message read_message(json::Value value, Form form) {
    Message message;
    if (!value.is(json::Type::object)) return message;
    json::Members members(value);
    while (const auto member = members.next()) {
        if (json::is_key(member->key, "op")) {
            read_opcode(message, member->value);
        } else if (json::is_key(member->key, "d")) {
            message.data = member->value.raw;
        } else if (json::is_key(member->key, "t")) {
            read_type(message, member->value);
        } else if (form == Form::internal && json::is_key(member->key, "o")) {
            read_options(message, member->value);
        }
    }
    return message;
}

core::Result<Message> parse_message(std::string_view text, Form form) {
    const json::Parsed parsed = json::parse(text);
    if (parsed.problem == json::Problem::too_deep) {
        return tl::unexpected(make_error_code(Error::nested_too_deeply));
    }
    if (!parsed || parsed.value.is(json::Type::null)) {
        return tl::unexpected(make_error_code(Error::invalid_json));
    }
    return read_message(parsed.value, form);
}

}  // namespace pulse::mesa
