// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A client of this node whose key somebody owns: it waits until that is known, then is the inner
// dialect's here, or another node's.
#pragma once

#include "relay/desk.hpp"

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include <pulse/core/dialect.hpp>

namespace pulse::cluster {

/// **Loop-bound.**
class RelayConversation final : public core::Conversation {
  public:
    RelayConversation(std::shared_ptr<Desk> desk, core::Connection& connection, SpacePtr space,
                      OpenRecord open, std::shared_ptr<const void> admission);
    ~RelayConversation() override;

    void on_open() override;
    void on_message(core::ByteView message, core::MessageKind kind) override;
    [[nodiscard]] std::size_t max_message_bytes() const noexcept override;
    void on_tick(core::MonotonicTime now) override;
    void on_closing(core::CloseReason reason) override;
    void on_close(const core::CloseEvent& event) override;

    // What the desk tells.
    /// This node owns the key.
    void on_here(const OpenRecord& open);
    /// Another one does, and has let it in.
    void on_opened(const PeerPtr& peer, SessionNumber session, std::uint64_t max_message);
    void on_credit(std::size_t bytes);
    void on_room();
    /// The owner has closed it, or there is none any more.
    void end(std::uint16_t code, std::string_view text);

    [[nodiscard]] core::Connection& connection() const noexcept { return connection_; }
    /// The number that the owner has let it in under; 0: it has not.
    [[nodiscard]] SessionNumber carried_as() const noexcept { return carried_as_; }

  private:
    struct Held {
        core::MessageKind kind;
        std::string message;
    };
    void begin(const OpenRecord& open);
    void hold(core::ByteView message, core::MessageKind kind);
    void forward(core::MessageKind kind, core::ByteView message);
    void pause_if_full();
    void leave(const core::CloseEvent& event);

    core::Connection& connection_;
    SessionNumber carried_as_ = 0;  // with the connection: what comes for it needs both
    const std::shared_ptr<Desk> desk_;
    const SpacePtr space_;
    std::unique_ptr<OpenRecord> open_;
    std::shared_ptr<const void> admission_;
    SessionNumber client_ = 0;
    std::unique_ptr<core::Conversation> inner_;
    PeerPtr peer_;
    std::uint64_t max_message_ = SIZE_MAX;
    std::deque<Held> held_;
    std::size_t held_bytes_ = 0;
    std::size_t unanswered_ = 0;  ///< bytes of messages that the owner has not dealt with
    bool is_paused_ = false;
    bool is_awaiting_room_ = false;  ///< on_room() will be called
    bool is_over_ = false;
};

}  // namespace pulse::cluster
