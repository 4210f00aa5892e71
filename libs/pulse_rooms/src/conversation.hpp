// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "registry.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/dialect.hpp>
#include <pulse/core/rate_limiter.hpp>

namespace pulse::rooms {

/// One connection's talk. Until it has been greeted, what it says is held back: it is not read from
/// meanwhile, so that is no more than had arrived already. **Loop-bound.**
class RoomConversation final : public core::Conversation {
  public:
    RoomConversation(Engine& engine, core::Connection& connection, Registry::Pin room,
                     MemberPtr member);
    ~RoomConversation() override;

    void on_open() override;
    void on_message(core::ByteView message, core::MessageKind kind) override;
    void on_tick(core::MonotonicTime now) override;
    void on_closing(core::CloseReason reason) override;
    void on_close(const core::CloseEvent& event) override;
    [[nodiscard]] std::size_t max_message_bytes() const noexcept override;

    // What the lane's part tells.
    void on_greeted();
    void on_refused(std::string_view why);
    void on_resumed();

  private:
    void read(std::string_view text);
    void leave();
    void end(std::uint16_t code);

    Engine& engine_;
    core::Connection& connection_;
    Registry::Pin room_;
    MemberPtr member_;
    std::vector<std::string> held_;
    core::TokenBucket messages_;
    core::MonotonicTime next_ping_{};
    bool is_greeted_ = false;
    bool is_over_ = false;
};

/// Says why a connection cannot be, and closes it.
class RefusedConversation final : public core::Conversation {
  public:
    RefusedConversation(core::Connection& connection, std::string why, std::uint16_t code)
        : connection_(connection), why_(std::move(why)), code_(code) {}
    void on_open() override;
    void on_message(core::ByteView, core::MessageKind) override {}

  private:
    core::Connection& connection_;
    std::string why_;
    std::uint16_t code_;
};

}  // namespace pulse::rooms
