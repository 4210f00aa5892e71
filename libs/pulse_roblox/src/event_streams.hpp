// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Server-sent events of a universe: what web clients get, and what game servers come for.
#pragma once

#include "web_relay.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pulse/core/dialect.hpp>
#include <pulse/roblox/bridge_host.hpp>

namespace pulse::roblox {

/// Proxies end connections that are quiet, often after a minute.
inline constexpr std::chrono::seconds kEventKeepAlive{15};

/// The messages of web clients. **Loop-bound.**
class WebEvents final : public core::Conversation {
  public:
    /// `topics` empty: all.
    WebEvents(BridgeHost& host, WebClients& clients, core::Connection& connection,
              UniverseId universe, Caller caller, std::vector<std::string> topics,
              std::string since);

    void on_open() override;
    void on_message(core::ByteView, core::MessageKind) override {}
    void on_tick(core::MonotonicTime now) override;

  private:
    BridgeHost& host_;
    core::Connection& connection_;
    WebClient client_;
    std::vector<std::string> topics_;
    std::string since_;
};

/// The messages for one game server: polls that follow one another. **Loop-bound.**
class GameEvents final : public core::Conversation {
  public:
    GameEvents(BridgeHost& host, AccessBook& access, core::Connection& connection,
               UniverseId universe, Caller caller, PollRequest request);
    ~GameEvents() override;

    void on_open() override;
    void on_message(core::ByteView, core::MessageKind) override {}
    void on_tick(core::MonotonicTime now) override;

  private:
    void poll();
    void on_reply(const PollReply& reply);
    void wait_until_read();

    BridgeHost& host_;
    AccessBook& access_;
    core::Connection& connection_;
    UniverseId universe_;
    Caller caller_;
    PollRequest request_;
    // Belongs to the bridge's loop: the open poll, which ends with this.
    std::shared_ptr<std::optional<PollId>> open_ = std::make_shared<std::optional<PollId>>();
};

}  // namespace pulse::roblox
