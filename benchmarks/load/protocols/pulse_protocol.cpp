// SPDX-License-Identifier: MIT OR Apache-2.0
// Pulse's native dialect: a u32 big-endian length and a MessagePack map per WebSocket message.
#include "msgpack_reader.hpp"
#include "protocols/factories.hpp"
#include "websocket.hpp"

namespace pulse::load {
namespace {

void append_string(std::string& out, std::string_view text) {
    if (text.size() <= 31) {
        out.push_back(static_cast<char>(0xA0U | text.size()));
    } else {
        out.push_back(static_cast<char>(0xD9));
        out.push_back(static_cast<char>(text.size()));
    }
    out.append(text);
}

void append_big_endian(std::string& out, std::uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i) & 0xFFU));
}

void append_binary_header(std::string& out, std::size_t size) {
    const unsigned bytes = size <= 0xFF ? 1 : size <= 0xFFFF ? 2 : 4;
    out.push_back(static_cast<char>(bytes == 1 ? 0xC4 : bytes == 2 ? 0xC5 : 0xC6));
    append_big_endian(out, size, bytes);
}

std::string with_length(const std::string& body) {
    std::string out;
    append_big_endian(out, body.size(), 4);
    return out + body;
}

class PulseReader final : public WebSocketReader {
  public:
    explicit PulseReader(std::string prefix) : prefix_(std::move(prefix)) {}

  private:
    struct Fields {
        std::string_view type;
        std::optional<std::string_view> channel, payload, text;
        std::optional<std::uint64_t> id, code, timestamp;
    };

    void on_upgraded(ReaderEvents&) override {}

    bool on_message(websocket::Opcode opcode, std::string_view message,
                    ReaderEvents& events) override {
        const auto refuse = [&](std::string what) {
            events.on_fault(std::move(what));
            return false;
        };
        if (opcode != websocket::Opcode::binary)
            return refuse("text message on a native connection");
        if (message.size() < 4) return refuse("message shorter than a length prefix");
        std::uint64_t length = 0;
        for (const char byte : message.substr(0, 4)) {
            length = length << 8U | static_cast<unsigned char>(byte);
        }
        if (length != message.size() - 4) return refuse("not exactly one frame in a message");
        const auto fields = parse(message.substr(4));
        if (!fields) return refuse("frame is no valid MessagePack map");
        return on_frame(*fields, events);
    }

    static std::optional<Fields> parse(std::string_view body) {
        MsgpackReader reader(body);
        const auto entries = reader.read_map();
        if (!entries) return std::nullopt;
        Fields fields;
        for (std::uint32_t i = 0; i < *entries; ++i) {
            const auto key = reader.read_string();
            if (!key || !parse_entry(*key, reader, fields)) return std::nullopt;
        }
        if (!reader.at_end() || fields.type.empty()) return std::nullopt;
        return fields;
    }

    static bool parse_entry(std::string_view key, MsgpackReader& reader, Fields& fields) {
        if (key == "type") {
            const auto type = reader.read_string();
            fields.type = type.value_or("");
            return type.has_value();
        }
        if (key == "channel") return (fields.channel = reader.read_string()).has_value();
        if (key == "payload") return (fields.payload = reader.read_binary()).has_value();
        if (key == "message") return (fields.text = reader.read_string()).has_value();
        if (key == "id") return (fields.id = reader.read_unsigned()).has_value();
        if (key == "code") return (fields.code = reader.read_unsigned()).has_value();
        if (key == "timestamp") return (fields.timestamp = reader.read_unsigned()).has_value();
        return reader.skip();
    }

    bool on_frame(const Fields& fields, ReaderEvents& events) {
        const auto refuse = [&](std::string what) {
            events.on_fault(std::move(what));
            return false;
        };
        // The first frame of a session is `connected`, unasked; and it comes once.
        if ((fields.type == "connected") == greeted_) {
            return refuse("unexpected frame: " + std::string(fields.type));
        }
        if (fields.type == "connected") {
            greeted_ = true;
            events.on_ready();
        } else if (fields.type == "publish") {
            if (!fields.channel || !fields.payload) return refuse("publish without its fields");
            const auto channel = channel_number(prefix_, ':', *fields.channel);
            if (!channel) return refuse("delivery of a foreign channel");
            events.on_delivery(channel, *fields.payload);
        } else if (fields.type == "ack") {
            if (!fields.id) return refuse("ack without id");
            events.on_subscribed();
        } else if (fields.type == "pong") {
            if (!fields.timestamp) return refuse("pong without the timestamp of its ping");
            events.on_pong(*fields.timestamp);
        } else if (fields.type == "error") {
            return refuse("error " + std::to_string(fields.code.value_or(0)) + ": " +
                          std::string(fields.text.value_or("")));
        } else if (fields.type != "ping") {
            return refuse("unexpected frame: " + std::string(fields.type));
        }
        return true;
    }

    std::string prefix_;
    bool greeted_ = false;
};

class PulseProtocol final : public Protocol {
  public:
    explicit PulseProtocol(ProtocolOptions options) : options_(std::move(options)) {}

    std::string opening() const override { return websocket::upgrade_request(options_); }

    std::string subscribe(std::uint32_t channel) const override {
        std::string body = "\x83";
        append_string(body, "type");
        append_string(body, "subscribe");
        append_string(body, "id");
        body.push_back('\x01');
        append_string(body, "channel");
        append_string(body, channel_name(options_, channel, ':'));
        return websocket::frame(websocket::Opcode::binary, with_length(body));
    }

    RequestTemplate publish(std::uint32_t channel, std::string_view payload) const override {
        std::string body = "\x83";
        append_string(body, "type");
        append_string(body, "publish");
        append_string(body, "channel");
        append_string(body, channel_name(options_, channel, ':'));
        append_string(body, "payload");
        append_binary_header(body, payload.size());
        const std::size_t payload_at = 4 + body.size();
        body.append(payload);
        return websocket::framed(with_length(body), payload_at);
    }

    std::optional<RequestTemplate> ping() const override {
        std::string body = "\x82";
        append_string(body, "type");
        append_string(body, "ping");
        append_string(body, "timestamp");
        body.push_back('\xCF');
        const std::size_t stamp_at = 4 + body.size();
        append_big_endian(body, 0, 8);
        RequestTemplate request = websocket::framed(with_length(body), stamp_at);
        request.kind = RequestTemplate::Stamp::big_endian_time;
        return request;
    }

    std::string goodbye() const override {
        return websocket::frame(websocket::Opcode::close, std::string_view("\x03\xE8", 2));
    }

    std::unique_ptr<Reader> make_reader() const override {
        return std::make_unique<PulseReader>(options_.channel_prefix);
    }

  private:
    ProtocolOptions options_;
};

}  // namespace

std::unique_ptr<Protocol> make_pulse_protocol(const ProtocolOptions& options) {
    return std::make_unique<PulseProtocol>(options);
}

}  // namespace pulse::load
