// SPDX-License-Identifier: MIT OR Apache-2.0
#include "contract/connection_contract.hpp"

#include "support/embedded_engine.hpp"
#include "support/hook_dialect.hpp"
#include "support/ws_client.hpp"

#include <optional>

using namespace pulse;

namespace {

/// A WebSocket of a server in this process, and a client that reads it frame by frame.
class WebSocketUnderTest final : public contract::SpokenConnectionUnderTest {
  public:
    WebSocketUnderTest() {
        hooks_.opened = [this](core::Connection& connection) { opened_.put(connection.handle()); };
        hooks_.got_message = [this](core::Connection& connection, core::ByteView message,
                                    core::MessageKind kind) {
            const std::string_view text = protocol::as_text(message);
            heard.put({what_of(kind), std::string(text)});
            if (on_heard) on_heard(connection, text);
        };
        hooks_.ticked = [this](core::Connection&) { ticks.put(1); };
        hooks_.closed = [this](const core::CloseEvent& event) { ends.put(event.code); };
        hooks_.destroyed = [this] { destroyed_.put(1); };
        engine_.emplace(test::EngineParts{}, transport::HttpRouter{},
                        std::vector<std::pair<std::string, core::Dialect*>>{{"/hooks", &hooks_}});
        client_.emplace(engine_->port(),
                        test::UpgradeOptions{.path = "/hooks", .header_lines = {}, .tcp = {}});
        handle_ = opened_.take();
    }
    ~WebSocketUnderTest() override {
        client_.reset();
        engine_.reset();
    }

    [[nodiscard]] core::ConnectionHandle handle() override { return handle_; }
    contract::PeerEvent next() override {
        const test::ServerFrame frame = client_->read_frame();
        switch (frame.opcode) {
            case test::kText:
                return {What::text, frame.payload};
            case test::kBinary:
                return {What::binary, frame.payload};
            case test::kClose:
                if (frame.payload.size() < 2) throw std::runtime_error("a close without a code");
                return {
                    What::end, frame.payload.substr(2),
                    static_cast<std::uint16_t>(static_cast<unsigned char>(frame.payload[0]) << 8 |
                                               static_cast<unsigned char>(frame.payload[1]))};
            default:
                throw std::runtime_error("a control frame that nobody asked for");
        }
    }
    void leave() override {
        client_.reset();
        (void)destroyed_.take();
    }
    void say(std::string_view message, core::MessageKind kind) override {
        client_->send_frame(
            {kind == core::MessageKind::text ? test::kText : test::kBinary, std::string(message)});
    }
    void pass(std::chrono::milliseconds time) override { engine_->clock.advance(time); }

  private:
    using What = contract::PeerEvent::What;
    static What what_of(core::MessageKind kind) {
        return kind == core::MessageKind::text ? What::text : What::binary;
    }

    test::HookDialect hooks_;
    test::Mailbox<core::ConnectionHandle> opened_;
    test::Mailbox<int> destroyed_;
    std::optional<test::EmbeddedEngine> engine_;
    std::optional<test::WsClient> client_;
    core::ConnectionHandle handle_;
};

}  // namespace

TEST_CASE("a WebSocket keeps the contract of connections", "[transport][contract]") {
    contract::connection_contract([] { return std::make_unique<WebSocketUnderTest>(); });
}

TEST_CASE("a WebSocket keeps the contract of connections that hear", "[transport][contract]") {
    contract::spoken_connection_contract([] { return std::make_unique<WebSocketUnderTest>(); });
}
