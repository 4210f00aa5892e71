// SPDX-License-Identifier: MIT OR Apache-2.0
#include "client_limits.hpp"

#include <cstring>

namespace pulse::transport {

ClientGate::ClientGate(const ClientLimits& limits, core::MonotonicTime now)
    : max_connections_(limits.max_connections), limits_(limits), bucket_(now, limits.connections) {}

std::size_t ClientGate::AddressHash::operator()(const core::PeerAddress& address) const noexcept {
    std::uint64_t words[2];
    std::memcpy(words, address.bytes.data(), sizeof words);
    return static_cast<std::size_t>((words[0] ^ words[1] * 0x9e3779b97f4a7c15ULL) *
                                    0xd1b54a32d192ed03ULL >> 7);
}

ClientGate::Verdict ClientGate::admit(const core::PeerAddress& peer, core::MonotonicTime now,
                                      bool& is_counted) {
    is_counted = false;
    const std::size_t limit = max_connections_.load(std::memory_order_relaxed);
    if (connections_.fetch_add(1, std::memory_order_relaxed) >= limit && limit != 0) {
        connections_.fetch_sub(1, std::memory_order_relaxed);
        return Verdict::full;
    }
    const std::lock_guard lock(mutex_);
    if (!bucket_.try_take(now, limits_.connections)) {
        connections_.fetch_sub(1, std::memory_order_relaxed);
        return Verdict::too_fast;
    }
    if (limits_.max_connections_per_address != 0) {
        std::size_t& count = by_address_[peer];
        if (count >= limits_.max_connections_per_address) {
            connections_.fetch_sub(1, std::memory_order_relaxed);
            return Verdict::too_many_from_address;
        }
        ++count;
        is_counted = true;
    }
    return Verdict::admitted;
}

void ClientGate::release(const core::PeerAddress& peer, bool is_counted) noexcept {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    if (!is_counted) return;
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(peer);
    if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

void ClientGate::set_limits(const ClientLimits& limits) {
    max_connections_.store(limits.max_connections, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    limits_ = limits;
}

std::size_t ClientGate::max_sockets() const noexcept {
    constexpr std::size_t kForHttp = 1024;
    const std::size_t limit = max_connections_.load(std::memory_order_relaxed);
    return limit == 0 ? SIZE_MAX : limit + kForHttp;
}

}  // namespace pulse::transport
