// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A client of another node, as the owner's dialect sees it.
//
// It is an outlet like any other: in place of a socket it writes to the node, and where a socket
// would be full the window of the node is. So what waits is kept under OutletLimits, and slow ones
// are treated alike.
#pragma once

#include "relay/desk.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/connection.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/core/http.hpp>

namespace pulse::cluster {

/// **Loop-bound.** Owned by its desk. Aligned to a line of memory: what is said in a room touches
/// each of thousands, and waits for as few lines as can be.
class alignas(64) RemoteConnection final : public core::Connection {
  public:
    RemoteConnection(Desk& desk, PeerPtr peer, SessionNumber session,
                     const core::PeerAddress& address);
    ~RemoteConnection() override;

    /// False: the dialect does not want it; the other node has been told.
    [[nodiscard]] bool start(core::Dialect& dialect, const OpenRecord& open);

    // What comes from the other node.
    void on_message(core::MessageKind kind, std::string_view message);
    void on_end(std::uint16_t code, std::string_view text, bool is_clean);
    /// This node ends it.
    void restart();
    /// The desk's last word: told to the conversation.
    void on_over(const core::CloseEvent& event);

    // What waits because there was no room.
    /// Adds it to the batch, without letting go of it; how much.
    [[nodiscard]] std::size_t gather_blocked(FrameBatch& batch);
    /// It has been written.
    void release_blocked(std::size_t bytes);

    [[nodiscard]] const PeerPtr& node() const noexcept { return node_; }
    [[nodiscard]] SessionNumber session() const noexcept { return session_; }

    [[nodiscard]] const core::PeerAddress& peer() const noexcept override { return address_; }
    using core::Connection::close;
    void close(std::uint16_t code, std::string_view text) override;
    void request_tick(std::chrono::milliseconds after) override;
    void pause_reading(bool is_paused) override;

  private:
    struct Held {
        core::MessageKind kind;
        std::string message;
    };
    struct End {
        std::uint16_t code;
        std::string text;
        bool is_clean;
    };

    void write_out() noexcept override;
    void on_overflow() noexcept override;
    void deliver(core::MessageKind kind, std::string_view message);
    void drain_held();
    void release_held() noexcept;
    void say_closed();
    void arm_tick();
    void on_timer(std::uint64_t timer, core::MonotonicTime due);
    template <typename Function>
    void guarded(Function function);
    /// Later, in a task of the desk's, if it is still there.
    void later(std::function<void(RemoteConnection&)> function);

    // First what write_out() needs: it stands in one line of memory, or two.
    Desk& desk_;
    const PeerPtr node_;
    const SessionNumber session_;
    FrameBatch::Mark mark_;
    bool is_paused_ = false;
    bool is_draining_ = false;  ///< drain_held() runs
    bool is_blocked_ = false;
    bool is_closing_ = false;
    bool is_over_ = false;  ///< the other node knows, or is gone
    const core::PeerAddress address_;
    std::unique_ptr<core::Conversation> conversation_;
    std::deque<Held> held_;
    std::size_t held_bytes_ = 0;
    std::size_t credit_ = 0;
    core::MonotonicTime tick_due_{};
    std::optional<core::MonotonicTime> timer_due_;  ///< of the timer that counts
    std::uint64_t timer_ = 0;
    std::optional<End> end_;
    std::uint16_t close_code_ = 0;
    std::string close_text_;
};

/// A request that came from another node, for the route's responder. **Loop-bound.**
class RemoteRequest final : public core::HttpConnection {
  public:
    RemoteRequest(Desk& desk, PeerPtr peer, std::uint64_t number, const core::PeerAddress& address)
        : core::HttpConnection(desk.lane(), core::no_framing()),
          desk_(desk),
          node_(std::move(peer)),
          number_(number),
          address_(address) {}

    [[nodiscard]] const PeerPtr& node() const noexcept { return node_; }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    /// Nothing is answered from now on.
    void expire() noexcept { expire_handles(); }

    void complete_response(std::uint32_t serial, core::HttpResponse response) override;
    void begin_stream(std::uint32_t serial, core::HttpResponse head,
                      core::StreamOpener open) override;
    [[nodiscard]] const core::PeerAddress& peer() const noexcept override { return address_; }
    void close(std::uint16_t, std::string_view) override {}
    void request_tick(std::chrono::milliseconds) override {}
    void pause_reading(bool) override {}

  private:
    void write_out() noexcept override { discard_output(); }
    void on_overflow() noexcept override {}

    Desk& desk_;
    const PeerPtr node_;
    const std::uint64_t number_;
    const core::PeerAddress address_;
    bool is_answered_ = false;
};

}  // namespace pulse::cluster
