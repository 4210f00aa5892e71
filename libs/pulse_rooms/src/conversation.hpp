// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "registry.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include <pulse/core/dialect.hpp>
#include <pulse/core/rate_limiter.hpp>

namespace pulse::rooms {

/// One connection's talk. What it says is held back until it has been greeted, while too much of
/// what it asked for waits, and when it has been enough for one turn of the loop. Meanwhile it is
/// not read from, so what is held is little more than had arrived already. **Loop-bound.**
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
    /// Too much waits for the store on its account. Under the room's lock.
    void on_paused();
    void on_resumed();
    void on_closed();

  private:
    [[nodiscard]] bool is_listening() const noexcept;
    [[nodiscard]] bool may_read() const noexcept;
    void begin_turn() noexcept;
    void hold(std::string_view text);
    void go_on();
    void pause(bool is_paused);
    /// Anything that is sent or received, as /users tells it.
    void note_communication();
    void read(std::string_view text);
    void leave();
    void end(std::uint16_t code);

    Engine& engine_;
    core::Connection& connection_;
    Registry::Pin room_;
    MemberPtr member_;
    std::deque<std::string> held_;
    std::size_t held_bytes_ = 0;
    std::uint64_t work_ = 0;  ///< bytes composed for its messages in this turn
    core::MonotonicTime turn_{};
    core::TokenBucket messages_;
    core::MonotonicTime next_ping_{};
    bool is_greeted_ = false;
    bool is_waiting_ = false;    ///< on_paused()
    bool is_showing_ = false;    ///< there is more to be shown before anything else is read
    bool is_going_on_ = false;   ///< whoever reads now goes on
    bool is_scheduled_ = false;  ///< in another turn
    bool is_paused_ = false;     ///< the transport
    bool is_ending_ = false;     ///< it has asked for it
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
