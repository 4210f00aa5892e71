// SPDX-License-Identifier: MIT OR Apache-2.0
// Web clients of Pulse's Roblox bridge: JSON text over WebSocket,
// `/universe/<id>/connect?apiKey=…`. The payload is the message, a JSON string. A publication goes
// to the web clients themselves
// (`"destination":"server"`), as one of a game server does. Who never subscribes gets everything.
#include "protocols/factories.hpp"
#include "websocket.hpp"

namespace pulse::load {
namespace {

using websocket::Opcode;

constexpr std::string_view kTopic = R"({"topic":")";
constexpr std::string_view kMessage = R"(","message":")";
constexpr std::string_view kEnd = R"("})";

class RobloxReader final : public WebSocketReader {
  public:
    explicit RobloxReader(std::string prefix) : prefix_(std::move(prefix)) {}

  private:
    void on_upgraded(ReaderEvents& events) override { events.on_ready(); }

    bool on_message(Opcode opcode, std::string_view message, ReaderEvents& events) override {
        const auto refuse = [&](std::string what) {
            events.on_fault(std::move(what));
            return false;
        };
        if (opcode != Opcode::text) return refuse("binary message from the bridge");
        if (message.starts_with(kTopic)) {
            return on_data(message.substr(kTopic.size()), events) ||
                   refuse("not a message of ours");
        }
        if (message.starts_with(R"({"op":"ok","id":1)")) {
            events.on_subscribed();
        } else if (message != R"({"op":"ack","success":true})") {
            return refuse("unexpected frame: " + std::string(message.substr(0, 200)));
        }
        return true;
    }

    /// `load.000001","message":"…"}`: the bridge writes compact JSON in this order, and payloads
    /// have nothing that it would escape.
    bool on_data(std::string_view rest, ReaderEvents& events) const {
        const std::size_t name_bytes = rest.find('"');
        if (name_bytes == std::string_view::npos) return false;
        const auto channel = channel_number(prefix_, '.', rest.substr(0, name_bytes));
        rest.remove_prefix(name_bytes);
        if (!channel || !rest.starts_with(kMessage) || !rest.ends_with(kEnd)) return false;
        if (rest.size() < kMessage.size() + kEnd.size()) return false;
        rest.remove_prefix(kMessage.size());
        rest.remove_suffix(kEnd.size());
        events.on_delivery(channel, rest);
        return true;
    }

    std::string prefix_;
};

class RobloxProtocol final : public Protocol {
  public:
    explicit RobloxProtocol(ProtocolOptions options) : options_(std::move(options)) {}

    std::string opening() const override { return websocket::upgrade_request(options_); }

    std::string subscribe(std::uint32_t channel) const override {
        return websocket::frame(Opcode::text,
                                R"({"op":"sub","id":1,"topics":[")" + topic(channel) + R"("]})");
    }

    RequestTemplate publish(std::uint32_t channel, std::string_view payload) const override {
        std::string message = R"({"op":"pub","destination":"server","topic":")";
        message.append(topic(channel)).append(kMessage);
        const std::size_t payload_at = message.size();
        message.append(payload).append(kEnd);
        return websocket::framed(message, payload_at, Opcode::text);
    }

    bool carries_text() const override { return true; }

    std::string goodbye() const override {
        return websocket::frame(Opcode::close, std::string_view("\x03\xE8", 2));
    }

    std::unique_ptr<Reader> make_reader() const override {
        return std::make_unique<RobloxReader>(options_.channel_prefix);
    }

  private:
    [[nodiscard]] std::string topic(std::uint32_t channel) const {
        return channel_name(options_, channel, '.');
    }

    ProtocolOptions options_;
};

}  // namespace

std::unique_ptr<Protocol> make_roblox_protocol(const ProtocolOptions& options) {
    return std::make_unique<RobloxProtocol>(options);
}

}  // namespace pulse::load
