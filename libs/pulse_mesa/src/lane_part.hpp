// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A server's part of one lane: the clients there, by id, and what waits for them.
#pragma once

#include "delivery.hpp"
#include "due_queue.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

#include <pulse/core/lane.hpp>
#include <pulse/core/outlet.hpp>
#include <pulse/mesa/message.hpp>
#include <pulse/mesa/recipients.hpp>
#include <pulse/mesa/server.hpp>

namespace pulse::mesa {

class ConnectedClient;

/// **Loop-bound**, but for run().
///
/// Timers and posted functions may hold it a little longer than its server, which has no clients
/// then: without any it does not look at the server.
class LanePart : public std::enable_shared_from_this<LanePart> {
  public:
    LanePart(core::Lane& lane, Server::Impl& server);

    [[nodiscard]] core::Lane& lane() const noexcept { return lane_; }
    [[nodiscard]] std::uint32_t index() const noexcept { return lane_.index(); }
    [[nodiscard]] core::MonotonicTime now() const noexcept;

    /// Runs `function` on the lane: at once when the caller is on it, otherwise soon. Thread-safe.
    void run(std::function<void()> function);
    /// As run(), but never at once.
    void post(std::function<void()> function) const { port_->post(std::move(function)); }
    /// The thread that calls runs the lane.
    void claim_thread() noexcept { thread_.store(std::this_thread::get_id()); }
    [[nodiscard]] bool is_on_thread() const noexcept {
        return thread_.load() == std::this_thread::get_id();
    }

    void add(ConnectedClient& client);
    void remove(ConnectedClient& client);
    void add_id(const Id& id, ConnectedClient& client);
    void remove_id(const Id& id, ConnectedClient& client);

    void deliver(const Delivery& delivery);
    /// The same on the lane: at once when the caller is on it, otherwise soon. Error::delivery_lost
    /// where too much waits already. Thread-safe.
    [[nodiscard]] std::error_code hand_over(const DeliveryPtr& delivery);
    /// To these alone; all of this lane.
    void send_to(const Delivery& delivery, const std::vector<ConnectedClient*>& to);
    [[nodiscard]] std::vector<std::shared_ptr<ConnectedClient>> clients() const;

    void wait_for_beat(core::MonotonicTime due, const std::shared_ptr<ConnectedClient>& client);
    void wait_for_authentication(core::MonotonicTime due,
                                 const std::shared_ptr<ConnectedClient>& client);
    /// Calls `function` with the client, if it is still there.
    void after(std::chrono::milliseconds time, std::weak_ptr<ConnectedClient> client,
               std::function<void(ConnectedClient&)> function);

    /// Frames a message for connections with this framing. An empty frame when memory is exhausted.
    [[nodiscard]] core::SharedFrame encode(std::string_view text, const core::Framing& framing);

  private:
    void arm(DueQueue& queue, void (LanePart::*step)());
    void run_beats();
    void run_authentication_timeouts();
    [[nodiscard]] bool is_recipient(const Delivery& delivery, const ConnectedClient& client) const;

    core::Lane& lane_;
    Server::Impl& server_;
    const std::shared_ptr<core::Lane::Port> port_;
    std::atomic<std::thread::id> thread_{};
    std::atomic<std::size_t> waiting_{0};  ///< deliveries that were handed over
    std::atomic<std::size_t> waiting_bytes_{0};

    std::vector<ConnectedClient*> clients_;
    std::unordered_map<Id, std::vector<ConnectedClient*>> by_id_;
    std::vector<ConnectedClient*> found_;
    DueQueue beats_;
    DueQueue authentications_;
    core::FrameBuffer buffer_;
    core::MonotonicTime buffer_turn_{};
};

}  // namespace pulse::mesa
