// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The refusal texts are those of the original's validator, zod 3.23.8; tests/pulse_roblox/
// envelope_test.cpp has them one by one.
#include "json/reader.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <pulse/roblox/envelope.hpp>

namespace pulse::roblox {

namespace {

using json::Kind;

/// What the validator calls a value's type.
[[nodiscard]] std::string_view name_of(Kind kind) noexcept {
    switch (kind) {
        case Kind::null:
            return "null";
        case Kind::boolean:
            return "boolean";
        case Kind::number:
            return "number";
        case Kind::string:
            return "string";
        case Kind::array:
            return "array";
        case Kind::object:
            return "object";
        case Kind::invalid:
            break;
    }
    return "undefined";
}

/// A member that the schema knows: what kind of value it had (invalid: none at all) and, where it
/// is of the kind asked for, the value.
struct Field {
    Kind kind = Kind::invalid;
    std::string text{};  // decoded string, or any value's normal form for `message`
    double number = 0;
    bool flag = false;

    [[nodiscard]] bool is_absent() const noexcept { return kind == Kind::invalid; }
};

struct Fields {
    Field topic, message, server_id, destination, is_async, ttl, key;
    std::vector<std::string> order;    // of the three that are passed on, as the client wrote them
    std::vector<std::string> unknown;  // in normal form, without quotes
};

enum class Schema : unsigned char { http_strict, http_extended, socket };

[[nodiscard]] bool read_field(json::Reader& reader, Kind wanted, Field& field) {
    field = Field{.kind = reader.peek()};
    if (field.kind != wanted) return reader.skip();
    if (wanted == Kind::string) return reader.read_string(field.text);
    if (wanted == Kind::number) return reader.read_number(field.number);
    return reader.read_bool(field.flag);
}

[[nodiscard]] bool read_known(json::Reader& reader, const std::string& key, Schema schema,
                              Fields& fields, bool& is_known) {
    is_known = true;
    if (key == "topic") return read_field(reader, Kind::string, fields.topic);
    if (key == "serverId") return read_field(reader, Kind::string, fields.server_id);
    if (key == "message") {
        fields.message = Field{.kind = reader.peek()};
        return reader.copy(fields.message.text);
    }
    if (schema != Schema::socket && key == "destination") {
        return read_field(reader, Kind::string, fields.destination);
    }
    if (schema == Schema::http_extended) {
        if (key == "async") return read_field(reader, Kind::boolean, fields.is_async);
        if (key == "ttl") return read_field(reader, Kind::number, fields.ttl);
        if (key == "key") return read_field(reader, Kind::string, fields.key);
    }
    is_known = false;
    return reader.skip();
}

void remember(std::vector<std::string>& keys, const std::string& key) {
    // A message that repeats one key a million times must not cost a million comparisons each.
    constexpr std::size_t kMaxRemembered = 64;
    if (keys.size() == kMaxRemembered) return;
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
}

[[nodiscard]] bool read_fields(json::Reader& reader, Schema schema, Fields& fields) {
    if (!reader.enter_object()) return false;
    std::string key;
    while (reader.next_member(key)) {
        bool is_known = false;
        if (!read_known(reader, key, schema, fields, is_known)) return false;
        if (!is_known) {
            remember(fields.unknown, key);
        } else if (key == "topic" || key == "message" || key == "serverId") {
            remember(fields.order, key);
        }
    }
    return reader.finish();
}

[[nodiscard]] Refusal refuse(std::string text) { return {Error::invalid_message, std::move(text)}; }

[[nodiscard]] std::string expected(std::string_view wanted, const Field& field) {
    std::string text = "Expected ";
    text += wanted;
    text += ", received ";
    text += name_of(field.kind);
    return text;
}

/// Keys that look like array indices come first in JavaScript's objects, by number.
void order_like_javascript(std::vector<std::string>& keys) {
    const auto index_of = [](const std::string& key) -> std::optional<std::uint64_t> {
        if (key.empty() || key.size() > 10 || (key.front() == '0' && key.size() > 1)) return {};
        std::uint64_t index = 0;
        for (const char c : key) {
            if (c < '0' || c > '9') return {};
            index = index * 10 + static_cast<std::uint64_t>(c - '0');
        }
        if (index > 0xfffffffeU) return {};
        return index;
    };
    std::stable_sort(keys.begin(), keys.end(), [&](const std::string& a, const std::string& b) {
        const auto index_a = index_of(a);
        const auto index_b = index_of(b);
        if (index_a && index_b) return *index_a < *index_b;
        return index_a.has_value() && !index_b.has_value();
    });
}

[[nodiscard]] std::optional<Refusal> check_extensions(const Fields& fields) {
    if (!fields.is_async.is_absent() && fields.is_async.kind != Kind::boolean) {
        return refuse(expected("boolean", fields.is_async));
    }
    if (!fields.ttl.is_absent()) {
        if (fields.ttl.kind != Kind::number) return refuse(expected("number", fields.ttl));
        if (!(fields.ttl.number >= 1)) {
            return refuse("Number must be greater than or equal to 1");
        }
        if (!(fields.ttl.number <= 300)) {
            return refuse("Number must be less than or equal to 300");
        }
    }
    if (!fields.key.is_absent()) {
        if (fields.key.kind != Kind::string) return refuse(expected("string", fields.key));
        if (fields.key.text.size() > kMaxCoalesceKeyBytes) {
            return refuse("String must contain at most 128 character(s)");
        }
    }
    return {};
}

[[nodiscard]] std::optional<Refusal> check(Fields& fields, Schema schema) {
    if (fields.topic.is_absent()) return refuse("Required");
    if (fields.topic.kind != Kind::string) return refuse(expected("string", fields.topic));
    if (!fields.server_id.is_absent() && fields.server_id.kind != Kind::string) {
        return refuse(expected("string", fields.server_id));
    }
    if (schema != Schema::socket) {
        const Field& destination = fields.destination;
        const bool is_one_of_two = destination.kind == Kind::string &&
                                   (destination.text == "roblox" || destination.text == "server");
        const bool may_be_absent = schema == Schema::http_extended && destination.is_absent();
        if (!is_one_of_two && !may_be_absent) return refuse("Invalid input");
    }
    if (auto refusal = check_extensions(fields)) return refusal;
    if (fields.unknown.empty()) return {};
    order_like_javascript(fields.unknown);
    std::string text = "Unrecognized key(s) in object: ";
    for (const std::string& key : fields.unknown) {
        if (&key != &fields.unknown.front()) text += ", ";
        text += '\'' + key + '\'';
    }
    return refuse(std::move(text));
}

void append_member(std::string& out, std::string_view name) {
    out += out.empty() ? '{' : ',';
    out += '"';
    out += name;
    out += "\":";
}

void append_envelope_member(std::string& out, const Envelope& envelope, std::string_view name) {
    if (name == "topic") {
        append_member(out, name);
        json::append_string(out, envelope.topic);
    } else if (name == "message" && envelope.message) {
        append_member(out, name);
        out += *envelope.message;
    } else if (name == "serverId" && envelope.server_id) {
        append_member(out, name);
        json::append_string(out, *envelope.server_id);
    }
}

[[nodiscard]] Envelope to_envelope(Fields& fields) {
    Envelope envelope{.topic = std::move(fields.topic.text), .message = {}, .server_id = {}};
    if (!fields.message.is_absent()) envelope.message = std::move(fields.message.text);
    if (!fields.server_id.is_absent()) envelope.server_id = std::move(fields.server_id.text);
    return envelope;
}

[[nodiscard]] tl::expected<SendRequest, Refusal> parse(std::string_view text, Schema schema) {
    const Refusal not_json{Error::invalid_json,
                           schema == Schema::socket ? "Invalid message" : "Invalid JSON"};
    json::Reader reader(text);
    const Kind kind = reader.peek();
    if (kind != Kind::object) {
        if (!reader.skip() || !reader.finish()) return tl::unexpected{not_json};
        return tl::unexpected{refuse(expected("object", Field{.kind = kind}))};
    }
    Fields fields;
    if (!read_fields(reader, schema, fields)) return tl::unexpected{not_json};
    if (auto refusal = check(fields, schema)) return tl::unexpected{std::move(*refusal)};

    SendRequest request;
    if (!fields.destination.is_absent()) {
        request.destination =
            fields.destination.text == "roblox" ? Destination::roblox : Destination::server;
    }
    request.is_async = fields.is_async.flag;
    if (!fields.ttl.is_absent()) {
        request.ttl = std::chrono::milliseconds(static_cast<long>(fields.ttl.number * 1000));
    }
    if (!fields.key.is_absent()) request.key = fields.key.text;
    request.envelope = to_envelope(fields);
    if (schema == Schema::socket) {
        for (const std::string& name : fields.order) {
            append_envelope_member(request.text, request.envelope, name);
        }
        request.text += '}';
    } else {
        request.text = encode_envelope(request.envelope);
    }
    return request;
}

}  // namespace

tl::expected<SendRequest, Refusal> parse_send_body(std::string_view body, Checking checking) {
    return parse(body, checking == Checking::strict ? Schema::http_strict : Schema::http_extended);
}

tl::expected<SendRequest, Refusal> parse_socket_message(std::string_view text) {
    return parse(text, Schema::socket);
}

std::string encode_envelope(const Envelope& envelope) {
    std::string out;
    for (const std::string_view name : {"topic", "message", "serverId"}) {
        append_envelope_member(out, envelope, name);
    }
    out += '}';
    return out;
}

std::string encode_for_web(const Envelope& envelope) {
    std::string out;
    for (const std::string_view name : {"topic", "message"}) {
        append_envelope_member(out, envelope, name);
    }
    out += '}';
    return out;
}

tl::expected<Envelope, Error> decode_envelope(std::string_view text) {
    json::Reader reader(text);
    const Kind kind = reader.peek();
    if (kind != Kind::object) {
        const bool is_json = reader.skip() && reader.finish();
        return tl::unexpected{is_json ? Error::invalid_message : Error::invalid_json};
    }
    Fields fields;
    if (!read_fields(reader, Schema::socket, fields)) return tl::unexpected{Error::invalid_json};
    if (fields.topic.kind != Kind::string ||
        (!fields.server_id.is_absent() && fields.server_id.kind != Kind::string)) {
        return tl::unexpected{Error::invalid_message};
    }
    return to_envelope(fields);
}

}  // namespace pulse::roblox
