// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "channels.hpp"
#include "registry.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include <pulse/core/dialect.hpp>
#include <pulse/core/rate_limiter.hpp>

namespace pulse::rooms {

/// The page a client is on.
struct ClientPage {
    std::shared_ptr<const std::string> origin;  ///< null: none was named
    bool is_at_home = true;                     ///< see is_page_at_home()
};

/// One connection's talk. What it says is held back until it has been greeted, while too much of
/// what it asked for waits, while a token of it is being checked, and when it has been enough for
/// one turn of the loop. Meanwhile it is not read from, so what is held is little more than had
/// arrived already. **Loop-bound.**
class RoomConversation final : public core::Conversation {
  public:
    RoomConversation(Engine& engine, core::Connection& connection, Registry::Pin room,
                     MemberPtr member, ClientPage page);
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
    /// For something other than a turn of its own.
    [[nodiscard]] bool must_wait() const noexcept {
        return !is_greeted_ || is_waiting_ || (channels_ != nullptr && channels_->is_asking());
    }
    void begin_turn() noexcept;
    void hold(std::string_view text);
    void go_on();
    void pause(bool is_paused);
    /// Anything that is sent or received, as /users tells it.
    void note_communication();
    void read(std::string_view text);
    void ask_for_channel(MessageType type, const ChannelRequest& request);
    void on_channel_answer(const std::string& problem);
    void refuse(std::string_view problem);
    void ping_if_due(core::MonotonicTime now);
    void request_tick(core::MonotonicTime now);
    void leave();
    void end(std::uint16_t code);

    Engine& engine_;
    core::Connection& connection_;
    Registry::Pin room_;
    MemberPtr member_;
    ClientPage page_;
    std::unique_ptr<Channels> channels_;  ///< null: it has never asked for one
    std::list<std::string> held_;         ///< one that is empty costs nothing
    std::size_t held_bytes_ = 0;
    std::uint64_t work_ = 0;  ///< bytes composed for its messages in this turn
    core::MonotonicTime turn_{};
    core::TokenBucket messages_;
    core::MonotonicTime next_ping_{};  ///< none: there will be none
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
