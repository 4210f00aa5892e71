// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An event loop's share of the sockets.
//
// Sockets live in an epoll set of the loop's own, which is itself one descriptor of an
// asio::io_context: one turn takes everything that is ready, handles it, and then writes what
// became due, once per connection. The io_context keeps accepting, timers, signals and whatever
// else the host runs on it.
#pragma once

#include <cstdint>
#include <memory>

#include <asio/io_context.hpp>

#include <pulse/core/hub.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/log.hpp>

namespace pulse::transport {

class TcpConnection;

struct LoopOptions {
    std::size_t read_buffer_bytes = std::size_t{256} * 1024;
    /// Waits up to a millisecond for more input before writing, when the last write-out was long
    /// and carried several messages per channel: larger batches under saturation, nothing at low
    /// load.
    bool has_micro_batching = true;
};

/// Readable from any thread.
struct LoopStats {
    core::LaneCounter accepted;
    core::LaneCounter refused;        ///< sockets closed at once: too many, or out of descriptors
    core::LaneCounter accept_pauses;  ///< times accepting was suspended for want of descriptors
    core::LaneCounter sockets;        ///< now open
    core::LaneCounter websockets;     ///< now open
    core::LaneCounter streams;        ///< HTTP responses without end, now open
    core::LaneCounter upgrades;       ///< WebSocket connections, ever
    core::LaneCounter upgrades_refused;
    core::LaneCounter requests;     ///< HTTP requests answered, upgrades not included
    core::LaneCounter messages_in;  ///< WebSocket messages
    core::LaneCounter bytes_in;
    core::LaneCounter bytes_out;
    core::LaneCounter sends;            ///< system calls that wrote
    core::LaneCounter read_errors;      ///< WebSocket connections that ended without a close frame
    core::LaneCounter protocol_errors;  ///< closed for breaking RFC 6455 or its limits
    core::LaneCounter idle_closes;
    core::LaneCounter slow_closes;
    core::LaneLatencies
        message_time;  ///< from a message's turn beginning to its turn being written
    core::LaneCounter turns;
    core::LaneCounter micro_waits;  ///< turns that waited for more input
};

/// **Loop-bound** to the io_context's single thread, but for wake() and stats().
class Loop final : public core::LaneHost {
  public:
    /// Adds a lane to `hub`. The io_context (which one thread runs) and the hub outlive the loop.
    Loop(asio::io_context& io, core::Hub& hub, const LoopOptions& options = {});
    ~Loop() override;
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    [[nodiscard]] asio::io_context& io() noexcept;
    [[nodiscard]] core::Lane& lane() noexcept;
    [[nodiscard]] const LoopStats& stats() const noexcept;

    void wake() noexcept override;
    void wake_at_due() noexcept override;

    struct Impl;
    [[nodiscard]] Impl& impl() noexcept { return *impl_; }

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace pulse::transport
