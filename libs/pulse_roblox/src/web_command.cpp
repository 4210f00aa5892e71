// SPDX-License-Identifier: MIT OR Apache-2.0
#include "web_command.hpp"

#include "json/reader.hpp"

#include <array>
#include <cmath>
#include <utility>

#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

namespace {

using json::Kind;

struct Fields {
    bool has_op = false;
    std::optional<std::string> op{};  // nothing: of another kind than text
    std::string id{};
    bool is_id_bad = false;
    std::optional<std::vector<std::string>> topics{};
    std::optional<std::string> topic{}, message{}, server_id{}, destination{}, since{}, key{};
    std::optional<double> ttl{}, version{};
    const char* bad_member = nullptr;  // the first of the wrong kind
};

[[nodiscard]] bool read_text(json::Reader& reader, const char* name,
                             std::optional<std::string>& out, Fields& fields) {
    out.reset();
    if (reader.peek() == Kind::string) return reader.read_string(out.emplace());
    if (fields.bad_member == nullptr) fields.bad_member = name;
    return reader.skip();
}

[[nodiscard]] bool read_number(json::Reader& reader, const char* name, std::optional<double>& out,
                               Fields& fields) {
    out.reset();
    if (reader.peek() == Kind::number) return reader.read_number(out.emplace());
    if (fields.bad_member == nullptr) fields.bad_member = name;
    return reader.skip();
}

[[nodiscard]] bool read_id(json::Reader& reader, Fields& fields) {
    fields.id.clear();
    const Kind kind = reader.peek();
    fields.is_id_bad = kind != Kind::number && kind != Kind::string;
    if (fields.is_id_bad) return reader.skip();
    if (!reader.copy(fields.id)) return false;
    fields.is_id_bad = fields.id.size() > kMaxCommandIdBytes;
    if (fields.is_id_bad) fields.id.clear();
    return true;
}

[[nodiscard]] bool read_topics(json::Reader& reader, Fields& fields) {
    fields.topics.reset();
    const auto refuse = [&] {
        if (fields.bad_member == nullptr) fields.bad_member = "topics";
        return true;
    };
    if (reader.peek() != Kind::array) return reader.skip() && refuse();
    if (!reader.enter_array()) return false;
    auto& topics = fields.topics.emplace();
    bool is_good = true;
    while (reader.next_item()) {
        if (reader.peek() == Kind::string && topics.size() < kMaxTopicsPerCommand) {
            if (!reader.read_string(topics.emplace_back())) return false;
        } else {
            is_good = false;
            if (!reader.skip()) return false;
        }
    }
    return reader.ok() && (is_good || refuse());
}

[[nodiscard]] bool read_member(json::Reader& reader, const std::string& name, Fields& fields) {
    if (name == "op") {
        fields.has_op = true;
        fields.op.reset();
        if (reader.peek() != Kind::string) return reader.skip();
        return reader.read_string(fields.op.emplace());
    }
    if (name == "id") return read_id(reader, fields);
    if (name == "topics") return read_topics(reader, fields);
    if (name == "topic") return read_text(reader, "topic", fields.topic, fields);
    if (name == "serverId") return read_text(reader, "serverId", fields.server_id, fields);
    if (name == "destination") return read_text(reader, "destination", fields.destination, fields);
    if (name == "since") return read_text(reader, "since", fields.since, fields);
    if (name == "key") return read_text(reader, "key", fields.key, fields);
    if (name == "ttl") return read_number(reader, "ttl", fields.ttl, fields);
    if (name == "v") return read_number(reader, "v", fields.version, fields);
    if (name != "message") return reader.skip();
    fields.message.emplace();
    return reader.copy(*fields.message);
}

/// Nothing when all is well.
[[nodiscard]] std::optional<std::string> fill_publish(Fields& fields, SendRequest& send) {
    if (!fields.topic) return "Required";
    send.envelope = {.topic = std::move(*fields.topic),
                     .message = std::move(fields.message),
                     .server_id = std::move(fields.server_id)};
    send.destination = Destination::roblox;
    if (fields.destination == "server") {
        send.destination = Destination::server;
    } else if (fields.destination && fields.destination != "roblox") {
        return "Invalid input";
    }
    if (fields.ttl) {
        if (!(*fields.ttl >= 1)) return "Number must be greater than or equal to 1";
        if (!(*fields.ttl <= 300)) return "Number must be less than or equal to 300";
        send.ttl = std::chrono::milliseconds(static_cast<std::int64_t>(*fields.ttl * 1000));
    }
    if (fields.key && fields.key->size() > kMaxCoalesceKeyBytes) {
        return "String must contain at most 128 character(s)";
    }
    send.key = std::move(fields.key);
    send.text = encode_envelope(send.envelope);
    return {};
}

[[nodiscard]] std::optional<std::string> fill(Fields& fields, WebCommand& command) {
    if (fields.is_id_bad) return "Invalid id";
    constexpr std::array<std::pair<std::string_view, WebOp>, 5> kOps{{
        {"hello", WebOp::hello},
        {"sub", WebOp::subscribe},
        {"unsub", WebOp::unsubscribe},
        {"pub", WebOp::publish},
        {"ping", WebOp::ping},
    }};
    bool is_known = false;
    for (const auto& [name, op] : kOps) {
        if (fields.op != name) continue;
        command.op = op;
        is_known = true;
    }
    if (!is_known) return "Unknown op";
    if (command.op == WebOp::ping) return {};
    if (fields.bad_member != nullptr) return std::string("Invalid ") + fields.bad_member;
    if (command.op == WebOp::publish) return fill_publish(fields, command.send);
    if (command.op == WebOp::hello) {
        if (fields.version && *fields.version != 1) return "Unknown version";
        if (fields.since) command.since = std::move(*fields.since);
        return {};
    }
    if (!fields.topics) return "Invalid topics";
    for (const std::string& topic : *fields.topics) {
        if (!is_valid_pattern(topic)) return "Invalid topic";
    }
    command.topics = std::move(*fields.topics);
    return {};
}

}  // namespace

bool is_valid_pattern(std::string_view pattern) noexcept {
    if (pattern == "*") return true;
    if (pattern.ends_with('*')) pattern.remove_suffix(1);
    return is_valid_topic(pattern);
}

bool may_be_web_command(std::string_view text) noexcept {
    // A member of that name can also be written with escapes; nobody does, and then it is an
    // unknown key of the original's.
    return text.find("\"op\"") != std::string_view::npos;
}

std::optional<tl::expected<WebCommand, WebCommandError>> parse_web_command(std::string_view text) {
    json::Reader reader(text);
    if (reader.peek() != Kind::object || !reader.enter_object()) return {};
    Fields fields;
    std::string name;
    while (reader.next_member(name)) {
        if (!read_member(reader, name, fields)) return {};
    }
    if (!reader.finish() || !fields.has_op) return {};
    WebCommand command;
    if (auto error = fill(fields, command)) {
        return tl::unexpected(WebCommandError{std::move(fields.id), std::move(*error)});
    }
    command.id = std::move(fields.id);
    return command;
}

}  // namespace pulse::roblox
