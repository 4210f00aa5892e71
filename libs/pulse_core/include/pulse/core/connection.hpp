// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a dialect sees of a transport.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <pulse/core/lane.hpp>
#include <pulse/core/outlet.hpp>
#include <pulse/protocol/close_reason.hpp>

namespace pulse::core {

using protocol::CloseReason;

/// Address and port of a peer. A value type.
struct PeerAddress {
    std::array<std::uint8_t, 16> bytes{};  ///< IPv4 in the first four
    std::uint16_t port = 0;
    bool is_v6 = false;

    /// "192.0.2.1" or "2001:db8::1", without the port.
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] bool is_loopback() const noexcept;
    friend bool operator==(const PeerAddress&, const PeerAddress&) = default;
};

class Connection;

/// A weak, copyable reference for other threads and for answers that come later: it can only post.
/// **Thread-safe.**
class ConnectionHandle {
  public:
    ConnectionHandle() = default;
    /// Runs `function` on the connection's loop, unless the connection, its loop or the hub is gone
    /// by then. What it throws ends the connection.
    void post(std::function<void(Connection&)> function) const;

  private:
    friend class Connection;
    struct Target {
        std::shared_ptr<Lane::Port> port;
        Connection* connection;  ///< null when gone; the lane's thread only
    };
    std::shared_ptr<Target> target_;
};

/// A peer that messages go to and come from, on whatever transport. **Loop-bound.**
class Connection : public Outlet {
  public:
    using Outlet::Outlet;
    ~Connection() override;

    [[nodiscard]] virtual const PeerAddress& peer() const noexcept = 0;

    /// Ends the connection: what is queued is sent (within the transport's time limit), then the
    /// close with this code and text. No message is handed to the conversation from now on. Codes
    /// are those of WebSocket (RFC 6455 §7.4.1); transports without codes just end. Repeated calls
    /// do nothing.
    virtual void close(std::uint16_t code, std::string_view text) = 0;
    void close(CloseReason reason) {
        const protocol::CloseInfo& info = protocol::close_info(reason);
        close(info.websocket_code, info.text);
    }

    /// Asks for one Conversation::on_tick in about `after` (the transport's timers are coarse, a
    /// quarter of a second). A later call replaces an earlier one.
    virtual void request_tick(std::chrono::milliseconds after) = 0;

    /// While paused, nothing more is read from the peer; what has been read already still arrives.
    virtual void pause_reading(bool is_paused) = 0;

    [[nodiscard]] ConnectionHandle handle();

    /// Code that works for this connection has thrown: it pays for that alone. By default closed
    /// with CloseReason::internal_error.
    virtual void fail(std::string_view what) noexcept;

  protected:
    /// Nothing posted through the handles that there are runs from now on; one that is asked for
    /// later works again. For transports, before they let go of the conversation.
    void expire_handles() noexcept;

  private:
    std::shared_ptr<ConnectionHandle::Target> target_;
};

}  // namespace pulse::core
