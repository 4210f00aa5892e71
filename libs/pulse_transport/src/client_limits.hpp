// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include <pulse/core/clock.hpp>
#include <pulse/core/connection.hpp>
#include <pulse/transport/options.hpp>

namespace pulse::transport {

/// Counts WebSocket connections and says whether one more may come. **Thread-safe.**
class ClientGate {
  public:
    explicit ClientGate(const ClientLimits& limits, core::MonotonicTime now);

    enum class Verdict : std::uint8_t { admitted, full, too_many_from_address, too_fast };
    /// Counts the connection when it is admitted; release() must follow. `is_counted` tells
    /// release() whether the address was counted as well.
    [[nodiscard]] Verdict admit(const core::PeerAddress& peer, core::MonotonicTime now,
                                bool& is_counted);
    void release(const core::PeerAddress& peer, bool is_counted) noexcept;
    void set_limits(const ClientLimits& limits);

    /// Counts a socket, WebSocket connection (yet) or not. Without limits for each address that is
    /// all; with them an address has its connections' number of sockets, and a few more for HTTP.
    [[nodiscard]] bool admit_socket(const core::PeerAddress& peer, bool& is_counted);
    void release_socket(const core::PeerAddress& peer, bool is_counted) noexcept;
    [[nodiscard]] std::size_t sockets() const noexcept {
        return sockets_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t connections() const noexcept {
        return connections_.load(std::memory_order_relaxed);
    }

  private:
    struct AddressHash {
        std::size_t operator()(const core::PeerAddress& address) const noexcept;
    };
    struct SameAddress {
        bool operator()(const core::PeerAddress& a, const core::PeerAddress& b) const noexcept {
            return a.is_v6 == b.is_v6 && a.bytes == b.bytes;
        }
    };

    struct Counts {
        std::size_t connections = 0;
        std::size_t sockets = 0;
    };
    using Addresses = std::unordered_map<core::PeerAddress, Counts, AddressHash, SameAddress>;
    /// Under the mutex.
    void forget_if_unused(Addresses::iterator address) noexcept;

    std::atomic<std::size_t> connections_{0};
    std::atomic<std::size_t> sockets_{0};
    std::atomic<std::size_t> max_connections_;
    std::atomic<std::size_t> max_per_address_;
    std::mutex mutex_;  ///< guards the rest
    ClientLimits limits_;
    core::TokenBucket bucket_;
    Addresses by_address_;
};

}  // namespace pulse::transport
