// SPDX-License-Identifier: MIT OR Apache-2.0
// MQTT 3.1.1 over TCP, quality of service 0.
#include "protocols/factories.hpp"
#include "protocols/stream_reader.hpp"

namespace pulse::load {
namespace {

enum class Packet : unsigned char {
    connect = 1,
    connack = 2,
    publish = 3,
    subscribe = 8,
    suback = 9,
    pingresp = 13,
    disconnect = 14,
};

std::string string_field(std::string_view text) {
    std::string out{static_cast<char>(text.size() >> 8U & 0xFFU),
                    static_cast<char>(text.size() & 0xFFU)};
    return out.append(text);
}

/// Fixed header (type, flags, remaining length in 7-bit groups) and body.
std::string packet(Packet type, unsigned flags, std::string_view body) {
    std::string out(1, static_cast<char>(static_cast<unsigned>(type) << 4U | flags));
    std::size_t length = body.size();
    do {
        const unsigned group = length & 0x7FU;
        length >>= 7U;
        out.push_back(static_cast<char>(group | (length > 0 ? 0x80U : 0U)));
    } while (length > 0);
    return out.append(body);
}

class MqttReader final : public StreamReader {
  public:
    explicit MqttReader(std::string prefix) : prefix_(std::move(prefix)) {}

  private:
    bool take(std::string_view& left, ReaderEvents& events) override {
        std::size_t length = 0;
        std::size_t at = 1;
        for (;; ++at) {
            if (at >= left.size()) return true;
            if (at > 4) return refuse("remaining length longer than 4 bytes", events);
            const auto group = static_cast<unsigned char>(left[at]);
            length |= std::size_t{group & 0x7FU} << (7 * (at - 1));
            if ((group & 0x80U) == 0) break;
        }
        ++at;
        if (left.size() - at < length) return true;
        const auto type = static_cast<Packet>(static_cast<unsigned char>(left.front()) >> 4U);
        const std::string_view body = left.substr(at, length);
        left.remove_prefix(at + length);
        return on_packet(type, body, events);
    }

    bool on_packet(Packet type, std::string_view body, ReaderEvents& events) {
        switch (type) {
            case Packet::connack:
                if (body.size() != 2 || body[1] != 0) return refuse("connection refused", events);
                events.on_ready();
                return true;
            case Packet::suback:
                if (body.size() != 3 || body[2] != 0) return refuse("subscription refused", events);
                events.on_subscribed();
                return true;
            case Packet::publish:
                return on_publish(body, events);
            case Packet::pingresp:
                return true;
            default:
                return refuse("unexpected packet type", events);
        }
    }

    bool on_publish(std::string_view body, ReaderEvents& events) {
        if (body.size() < 2) return refuse("publish without a topic", events);
        const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(body[0]))
                                     << 8U |
                                 static_cast<unsigned char>(body[1]);
        if (body.size() - 2 < size) return refuse("publish with a truncated topic", events);
        const auto channel = channel_number(prefix_, '/', body.substr(2, size));
        if (!channel) return refuse("foreign topic", events);
        events.on_delivery(channel, body.substr(2 + size));
        return true;
    }

    std::string prefix_;
};

class MqttProtocol final : public Protocol {
  public:
    explicit MqttProtocol(ProtocolOptions options) : options_(std::move(options)) {}

    std::string opening() const override {
        // Protocol level 4, clean session, keep-alive off, the server makes up a client id.
        constexpr std::string_view kRest("\x04\x02\x00\x00", 4);
        return packet(Packet::connect, 0,
                      string_field("MQTT").append(kRest).append(string_field("")));
    }
    std::string subscribe(std::uint32_t channel) const override {
        std::string body("\x00\x01", 2);
        body.append(string_field(channel_name(options_, channel, '/'))).push_back('\0');
        return packet(Packet::subscribe, 2, body);
    }
    RequestTemplate publish(std::uint32_t channel, std::string_view payload) const override {
        std::string body = string_field(channel_name(options_, channel, '/'));
        std::string bytes = packet(Packet::publish, 0, body.append(payload));
        const std::size_t payload_at = bytes.size() - payload.size();
        return {.bytes = std::move(bytes), .stamp_at = payload_at};
    }
    std::string goodbye() const override { return packet(Packet::disconnect, 0, {}); }
    std::unique_ptr<Reader> make_reader() const override {
        return std::make_unique<MqttReader>(options_.channel_prefix);
    }

  private:
    ProtocolOptions options_;
};

}  // namespace

std::unique_ptr<Protocol> make_mqtt_protocol(const ProtocolOptions& options) {
    return std::make_unique<MqttProtocol>(options);
}

}  // namespace pulse::load
