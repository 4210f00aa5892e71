// SPDX-License-Identifier: MIT OR Apache-2.0
// The protocol of comparison servers (see ../../README.md): the least a WebSocket pub/sub server
// can speak, so that a peer is measured with nothing of its own in the way.
#include "protocols/factories.hpp"
#include "websocket.hpp"

namespace pulse::load {
namespace {

constexpr std::size_t kSubscribeBytes = 5;

std::string command(char letter, std::uint32_t channel) {
    std::string out(1, letter);
    for (unsigned shift : {24U, 16U, 8U, 0U})
        out.push_back(static_cast<char>(channel >> shift & 0xFFU));
    return out;
}

class BenchReader final : public WebSocketReader {
    void on_upgraded(ReaderEvents& events) override { events.on_ready(); }

    bool on_message(websocket::Opcode opcode, std::string_view message,
                    ReaderEvents& events) override {
        if (opcode != websocket::Opcode::binary) {
            events.on_fault("text message");
            return false;
        }
        if (message.size() == kSubscribeBytes && message.front() == 'S') {
            events.on_subscribed();
        } else {
            events.on_delivery(std::nullopt, message);
        }
        return true;
    }
};

class BenchProtocol final : public Protocol {
  public:
    explicit BenchProtocol(ProtocolOptions options) : options_(std::move(options)) {}

    std::string opening() const override { return websocket::upgrade_request(options_); }
    std::string subscribe(std::uint32_t channel) const override {
        return websocket::frame(websocket::Opcode::binary, command('S', channel));
    }
    RequestTemplate publish(std::uint32_t channel, std::string_view payload) const override {
        std::string message = command('P', channel);
        const std::size_t payload_at = message.size();
        return websocket::framed(message.append(payload), payload_at);
    }
    std::optional<RequestTemplate> echo(std::string_view payload) const override {
        std::string message(1, 'E');
        return websocket::framed(message.append(payload), 1);
    }
    std::string goodbye() const override {
        return websocket::frame(websocket::Opcode::close, std::string_view("\x03\xE8", 2));
    }
    std::unique_ptr<Reader> make_reader() const override { return std::make_unique<BenchReader>(); }

  private:
    ProtocolOptions options_;
};

}  // namespace

std::unique_ptr<Protocol> make_bench_protocol(const ProtocolOptions& options) {
    return std::make_unique<BenchProtocol>(options);
}

}  // namespace pulse::load
