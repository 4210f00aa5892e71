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
    /// Counts the connection when it is admitted; release() must follow. `is_counted` tells release()
    /// whether the address was counted as well.
    [[nodiscard]] Verdict admit(const core::PeerAddress& peer, core::MonotonicTime now,
                                bool& is_counted);
    void release(const core::PeerAddress& peer, bool is_counted) noexcept;
    void set_limits(const ClientLimits& limits);
    [[nodiscard]] std::size_t connections() const noexcept {
        return connections_.load(std::memory_order_relaxed);
    }
    /// Sockets that may be open, those that are not WebSocket connections (yet) included.
    [[nodiscard]] std::size_t max_sockets() const noexcept;

  private:
    struct AddressHash {
        std::size_t operator()(const core::PeerAddress& address) const noexcept;
    };
    struct SameAddress {
        bool operator()(const core::PeerAddress& a, const core::PeerAddress& b) const noexcept {
            return a.is_v6 == b.is_v6 && a.bytes == b.bytes;
        }
    };

    std::atomic<std::size_t> connections_{0};
    std::atomic<std::size_t> max_connections_;
    std::mutex mutex_;  ///< guards the rest
    ClientLimits limits_;
    core::TokenBucket bucket_;
    std::unordered_map<core::PeerAddress, std::size_t, AddressHash, SameAddress> by_address_;
};

}  // namespace pulse::transport
