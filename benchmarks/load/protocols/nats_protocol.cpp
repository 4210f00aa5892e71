// SPDX-License-Identifier: MIT OR Apache-2.0
// NATS client protocol over its WebSocket listener. The server coalesces: one WebSocket message may
// hold many protocol messages, so the text stream is parsed apart from the framing.
#include "protocols/factories.hpp"
#include "websocket.hpp"

#include <charconv>

namespace pulse::load {
namespace {

constexpr std::string_view kConnect =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"protocol\":1,"
    "\"echo\":true,\"lang\":\"c++\",\"version\":\"1\",\"name\":\"pulse-load\"}\r\nPING\r\n";
constexpr std::size_t kMaxLineBytes = 65536;

std::string framed_text(std::string_view text) {
    return websocket::frame(websocket::Opcode::binary, text);
}

class NatsReader final : public WebSocketReader {
  public:
    explicit NatsReader(std::string prefix) : prefix_(std::move(prefix)) {}

  private:
    void on_upgraded(ReaderEvents&) override {}

    bool on_message(websocket::Opcode, std::string_view message, ReaderEvents& events) override {
        stream_.append(message);
        std::string_view left = stream_;
        for (;;) {
            const std::size_t before = left.size();
            if (!take(left, events)) return false;
            if (left.size() == before) break;
        }
        stream_.erase(0, stream_.size() - left.size());
        return true;
    }

    /// Takes one operation off `left` when it is complete.
    bool take(std::string_view& left, ReaderEvents& events) {
        const std::size_t end = left.find("\r\n");
        if (end == std::string_view::npos) {
            if (left.size() <= kMaxLineBytes) return true;
            events.on_fault("endless line");
            return false;
        }
        const std::string_view line = left.substr(0, end);
        if (line.starts_with("MSG ")) return take_message(left, line, events);
        left.remove_prefix(end + 2);
        if (line.starts_with("INFO ")) {
            if (!greeted_) events.on_reply(framed_text(kConnect));
            greeted_ = true;
        } else if (line == "PONG") {
            // The first answers the login, the next the ping behind the subscription.
            if (ready_) {
                events.on_subscribed();
            } else {
                ready_ = true;
                events.on_ready();
            }
        } else if (line == "PING") {
            events.on_reply(framed_text("PONG\r\n"));
        } else if (line != "+OK") {
            events.on_fault(std::string(line));
            return false;
        }
        return true;
    }

    /// MSG <subject> <sid> <bytes>\r\n<payload>\r\n
    bool take_message(std::string_view& left, std::string_view line, ReaderEvents& events) {
        const std::size_t space = line.rfind(' ');
        std::size_t size = 0;
        const auto [stop, error] =
            std::from_chars(line.data() + space + 1, line.data() + line.size(), size);
        const std::string_view subject = line.substr(4, line.find(' ', 4) - 4);
        const auto channel = channel_number(prefix_, '.', subject);
        if (error != std::errc{} || stop != line.data() + line.size() || size > kMaxMessageBytes ||
            !channel) {
            events.on_fault("bad message line: " + std::string(line));
            return false;
        }
        const std::size_t total = line.size() + 2 + size + 2;
        if (left.size() < total) return true;
        events.on_delivery(channel, left.substr(line.size() + 2, size));
        left.remove_prefix(total);
        return true;
    }

    std::string prefix_;
    std::string stream_;
    bool greeted_ = false;
    bool ready_ = false;
};

class NatsProtocol final : public Protocol {
  public:
    explicit NatsProtocol(ProtocolOptions options) : options_(std::move(options)) {}

    std::string opening() const override { return websocket::upgrade_request(options_); }
    std::string subscribe(std::uint32_t channel) const override {
        return framed_text("SUB " + channel_name(options_, channel, '.') + " 1\r\nPING\r\n");
    }
    RequestTemplate publish(std::uint32_t channel, std::string_view payload) const override {
        std::string message = "PUB " + channel_name(options_, channel, '.') + " " +
                              std::to_string(payload.size()) + "\r\n";
        const std::size_t payload_at = message.size();
        return websocket::framed(message.append(payload).append("\r\n"), payload_at);
    }
    std::unique_ptr<Reader> make_reader() const override {
        return std::make_unique<NatsReader>(options_.channel_prefix);
    }

  private:
    ProtocolOptions options_;
};

}  // namespace

std::unique_ptr<Protocol> make_nats_protocol(const ProtocolOptions& options) {
    return std::make_unique<NatsProtocol>(options);
}

}  // namespace pulse::load
