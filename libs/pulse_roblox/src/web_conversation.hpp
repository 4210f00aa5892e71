// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "web_command.hpp"
#include "web_relay.hpp"

#include <string>
#include <string_view>

#include <pulse/core/dialect.hpp>
#include <pulse/core/rate_limiter.hpp>
#include <pulse/roblox/bridge_dialect.hpp>

namespace pulse::roblox {

/// One WebSocket of a universe. **Loop-bound.**
class WebConversation final : public core::Conversation {
  public:
    /// `will_say_hello`: nothing is delivered before that.
    WebConversation(BridgeDialect& dialect, core::Connection& connection, UniverseId universe,
                    Caller caller, bool will_say_hello);

    void on_open() override;
    void on_message(core::ByteView message, core::MessageKind kind) override;
    void on_tick(core::MonotonicTime now) override;

  private:
    void on_original(std::string_view text);
    void on_command(WebCommand command);
    void on_hello(const WebCommand& command);
    void on_subscribe(const WebCommand& command);
    /// `id` is nothing for the original's messages.
    void publish(SendRequest request, std::optional<std::string> id);
    void on_published(const SendAnswer& answer, const std::optional<std::string>& id);
    /// Whether one more may be sent now; else it has been answered.
    [[nodiscard]] bool may_publish(const std::optional<std::string>& id);
    void answer(std::string_view op, const std::string& id, std::string_view members = {});
    void send(std::string_view text);

    BridgeDialect& dialect_;
    core::Connection& connection_;
    WebClient client_;
    core::TokenBucket publishes_;
    std::size_t open_publishes_ = 0;
    bool awaits_hello_;
};

/// Closes at once.
class ClosedConversation final : public core::Conversation {
  public:
    explicit ClosedConversation(core::Connection& connection) : connection_(connection) {}
    void on_open() override { connection_.close(core::CloseReason::forbidden); }
    void on_message(core::ByteView, core::MessageKind) override {}

  private:
    core::Connection& connection_;
};

}  // namespace pulse::roblox
