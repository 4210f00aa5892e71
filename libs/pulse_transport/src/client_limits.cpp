// SPDX-License-Identifier: MIT OR Apache-2.0
#include "client_limits.hpp"

#include <cstring>

namespace pulse::transport {

namespace {

constexpr std::size_t kSocketsForHttp = 1024;
constexpr std::size_t kSocketsForHttpPerAddress = 16;

}  // namespace

ClientGate::ClientGate(const ClientLimits& limits, core::MonotonicTime now)
    : max_connections_(limits.max_connections),
      max_per_address_(limits.max_connections_per_address),
      limits_(limits),
      bucket_(now, limits.connections) {}

std::size_t ClientGate::AddressHash::operator()(const core::PeerAddress& address) const noexcept {
    std::uint64_t words[2];
    std::memcpy(words, address.bytes.data(), sizeof words);
    return static_cast<std::size_t>(
        (words[0] ^ words[1] * 0x9e3779b97f4a7c15ULL) * 0xd1b54a32d192ed03ULL >> 7);
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
        std::size_t& count = by_address_[peer].connections;
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
    if (found == by_address_.end()) return;
    --found->second.connections;
    forget_if_unused(found);
}

void ClientGate::forget_if_unused(Addresses::iterator address) noexcept {
    const Counts& counts = address->second;
    if (counts.connections == 0 && counts.sockets == 0) by_address_.erase(address);
}

bool ClientGate::admit_socket(const core::PeerAddress& peer, bool& is_counted) {
    is_counted = false;
    const std::size_t all = max_connections_.load(std::memory_order_relaxed);
    if (sockets_.fetch_add(1, std::memory_order_relaxed) >= all + kSocketsForHttp && all != 0) {
        sockets_.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }
    const std::size_t limit = max_per_address_.load(std::memory_order_relaxed);
    if (limit == 0) return true;
    const std::lock_guard lock(mutex_);
    std::size_t& count = by_address_[peer].sockets;
    if (count >= limit + kSocketsForHttpPerAddress) {
        sockets_.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }
    ++count;
    is_counted = true;
    return true;
}

void ClientGate::release_socket(const core::PeerAddress& peer, bool is_counted) noexcept {
    sockets_.fetch_sub(1, std::memory_order_relaxed);
    if (!is_counted) return;
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(peer);
    if (found == by_address_.end()) return;
    --found->second.sockets;
    forget_if_unused(found);
}

void ClientGate::set_limits(const ClientLimits& limits) {
    max_connections_.store(limits.max_connections, std::memory_order_relaxed);
    max_per_address_.store(limits.max_connections_per_address, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    limits_ = limits;
}

}  // namespace pulse::transport
