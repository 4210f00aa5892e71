// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "http/head_parser.hpp"
#include "timer_wheel.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <sys/epoll.h>

#include <pulse/core/connection.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/transport/loop.hpp>

namespace pulse::transport {

/// A dialect or a route of the host's may throw, and so may every allocation: one connection pays
/// for it, not the loop.
template <typename Work>
void guarded(core::Connection& connection, Work&& work) noexcept {
    try {
        work();
    } catch (const std::exception& error) {
        connection.fail(error.what());
    } catch (...) {
        connection.fail("not a std::exception");
    }
}

/// **Loop-bound**, but for wake().
struct Loop::Impl {
    Impl(Loop& owner, asio::io_context& io, core::Hub& hub, const LoopOptions& options);
    ~Impl();

    void wake() noexcept;
    void wake_at_due() noexcept;

    // For connections.
    void add(TcpConnection& connection);
    /// The connection is torn down and deleted at the end of the turn.
    void doom(TcpConnection& connection);
    void remove(TcpConnection& connection) noexcept;
    void schedule(TimerNode& node, Tick due);
    [[nodiscard]] std::string_view http_date();

    /// Runs a turn now; for code that acts on connections outside one.
    void turn();
    /// Cuts off every connection for which `which` holds. Not within a turn.
    void abort_connections(const std::function<bool(const TcpConnection&)>& which);

    asio::io_context& io;
    core::Hub& hub;
    LoopOptions options;
    core::Lane& lane;
    LoopStats stats;
    int epoll_fd;
    Tick now = 0;                   ///< as of this turn
    std::vector<std::byte> buffer;  ///< what was just received; free between two reads
    http::RequestHead head;         ///< scratch of the connection that parses one
    std::vector<TcpConnection*> connections;
    /// Set by LoopThreads around the io_context's run().
    std::atomic<bool> is_threaded{false};

  private:
    void arm();
    void arm_timer();
    void arm_due_timer();
    void take_events();
    void handle_events(int count);
    void wait_for_more();
    /// When the turn was written.
    core::MonotonicTime end_turn();
    void bury();
    void on_timer();

    TimerWheel wheel_;
    asio::posix::stream_descriptor descriptor_;
    asio::steady_timer timer_;
    bool is_timer_armed_ = false;
    asio::steady_timer due_timer_;  ///< of what is posted to the lane for a time
    int event_fd_;
    std::atomic<bool> is_woken_{false};
    std::vector<epoll_event> events_;
    std::vector<TcpConnection*> doomed_;
    // Micro-batching: what the last flush was like, and how many turns to leave it be.
    std::chrono::nanoseconds last_flush_{0};
    core::Lane::Flushed last_flushed_;
    std::uint32_t micro_wait_pause_ = 0;
    std::uint32_t waits_in_vain_ = 0;  ///< in a row
    std::string date_;
    std::uint64_t date_second_ = 0;
    /// Shared with handlers that asio may still hold when this object is gone.
    std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

}  // namespace pulse::transport
