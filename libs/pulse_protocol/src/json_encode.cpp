// SPDX-License-Identifier: MIT OR Apache-2.0

#include "ascii.hpp"
#include "json_data.hpp"
#include "json_text.hpp"

#include <pulse/protocol/base64.hpp>
#include <pulse/protocol/json.hpp>

namespace pulse::protocol {
namespace {

/// Appends `,"name":value` for the fields behind `type`.
class ObjectWriter {
  public:
    explicit ObjectWriter(std::string& out) noexcept : out_(out) {}

    void number(std::string_view name, std::uint64_t value) {
        begin(name);
        json_text::append_number(out_, value);
    }
    void text(std::string_view name, std::string_view value) {
        begin(name);
        json_text::append_string(out_, value);
    }
    void payload(ByteView bytes) {
        const std::string_view value = as_text(bytes);
        if (is_utf8(value)) {
            text("payload", value);
        } else {
            begin("payload_base64");
            out_ += '"';
            append_base64(out_, as_text(bytes));
            out_ += '"';
        }
    }
    void value(std::string_view name, ByteView raw) {
        begin(name);
        append_data(out_, raw);
    }

  private:
    /// Names are ours and need no escaping.
    void begin(std::string_view name) {
        out_ += ",\"";
        out_ += name;
        out_ += "\":";
    }

    std::string& out_;
};

void write_fields(ObjectWriter& object, const FrameView& frame) {
    switch (frame.type) {
        case FrameType::subscribe:
            object.number("id", frame.id.value_or(0));
            object.text("channel", frame.channel);
            if (frame.data) object.value("recover", *frame.data);
            break;
        case FrameType::unsubscribe:
            object.number("id", frame.id.value_or(0));
            object.text("channel", frame.channel);
            break;
        case FrameType::publish:
            if (frame.id) object.number("id", *frame.id);
            object.text("channel", frame.channel);
            if (frame.event) object.text("event", *frame.event);
            object.payload(frame.payload);
            if (frame.data) object.value("position", *frame.data);
            break;
        case FrameType::presence:
            object.number("id", frame.id.value_or(0));
            object.text("channel", frame.channel);
            object.number("action", static_cast<std::uint64_t>(frame.action));
            if (frame.data) object.value("data", *frame.data);
            break;
        case FrameType::ack:
            object.number("id", frame.id.value_or(0));
            if (frame.data) object.value("recovery", *frame.data);
            break;
        case FrameType::error:
            object.number("id", frame.id.value_or(0));
            object.number("code", frame.code);
            object.text("message", frame.message);
            break;
        case FrameType::ping:
        case FrameType::pong:
            if (frame.timestamp) object.number("timestamp", *frame.timestamp);
            break;
        case FrameType::connect:
            object.number("version", frame.version);
            if (frame.token) object.text("token", *frame.token);
            break;
        case FrameType::connected:
            object.text("connection_id", frame.connection_id);
            object.number("version", frame.version);
            object.number("heartbeat", frame.heartbeat);
            break;
    }
}

}  // namespace

void encode_json(const FrameView& frame, std::string& out) {
    out += R"({"type":")";
    out += to_string(frame.type);
    out += '"';
    ObjectWriter object(out);
    write_fields(object, frame);
    out += '}';
}

}  // namespace pulse::protocol
