// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The debug form of a frame.

#include <array>

#include <pulse/protocol/frame.hpp>

namespace pulse::protocol {
namespace {

constexpr std::size_t kShownTextBytes = 64;

/// Quoted; anything but printable ASCII as \xHH, so that a log line stays one line.
void append_quoted(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out += '"';
    for (const char c : text.substr(0, kShownTextBytes)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else {
            out += "\\x";
            out += kHex[byte >> 4];
            out += kHex[byte & 0xf];
        }
    }
    out += '"';
    if (text.size() > kShownTextBytes) {
        out += "... (" + std::to_string(text.size()) + " bytes)";
    }
}

/// Collects `name=value` pairs between braces.
class Fields {
  public:
    explicit Fields(std::string& out) : out_(out) { out_ += '{'; }

    void number(std::string_view name, std::uint64_t value) {
        begin(name);
        out_ += std::to_string(value);
    }
    void number(std::string_view name, const std::optional<std::uint64_t>& value) {
        if (value) number(name, *value);
    }
    void text(std::string_view name, std::string_view value) {
        begin(name);
        append_quoted(out_, value);
    }
    void word(std::string_view name, std::string_view value) {
        begin(name);
        out_ += value;
    }
    void size(std::string_view name, std::size_t bytes) {
        begin(name);
        out_ += std::to_string(bytes) + " bytes";
    }
    void end() { out_ += '}'; }

  private:
    void begin(std::string_view name) {
        if (out_.back() != '{') out_ += ", ";
        out_ += name;
        out_ += '=';
    }

    std::string& out_;
};

void add_fields(Fields& fields, const FrameView& frame) {
    switch (frame.type) {
        case FrameType::subscribe:
            fields.number("id", frame.id);
            fields.text("channel", frame.channel);
            if (frame.data) fields.size("recover", frame.data->size());
            break;
        case FrameType::unsubscribe:
            fields.number("id", frame.id);
            fields.text("channel", frame.channel);
            break;
        case FrameType::publish:
            fields.number("id", frame.id);
            fields.text("channel", frame.channel);
            if (frame.event) fields.text("event", *frame.event);
            fields.size("payload", frame.payload.size());
            if (frame.data) fields.size("position", frame.data->size());
            break;
        case FrameType::presence:
            fields.number("id", frame.id);
            fields.text("channel", frame.channel);
            fields.word("action", to_string(frame.action));
            if (frame.data) fields.size("data", frame.data->size());
            break;
        case FrameType::ack:
            fields.number("id", frame.id);
            if (frame.data) fields.size("recovery", frame.data->size());
            break;
        case FrameType::error:
            fields.number("id", frame.id);
            fields.number("code", frame.code);
            fields.text("message", frame.message);
            break;
        case FrameType::ping:
        case FrameType::pong:
            fields.number("timestamp", frame.timestamp);
            break;
        case FrameType::connect:
            fields.number("version", frame.version);
            if (frame.token) fields.size("token", frame.token->size());
            break;
        case FrameType::connected:
            fields.text("connection_id", frame.connection_id);
            fields.number("version", frame.version);
            fields.number("heartbeat", frame.heartbeat);
            break;
    }
}

}  // namespace

std::string to_string(const FrameView& frame) {
    std::string out(to_string(frame.type));
    Fields fields(out);
    add_fields(fields, frame);
    fields.end();
    return out;
}

}  // namespace pulse::protocol
