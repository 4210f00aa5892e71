// SPDX-License-Identifier: MIT OR Apache-2.0
#include "server_directory.hpp"

#include <algorithm>
#include <type_traits>

namespace pulse::roblox {

ServerTransport transport_of(const ServerHello& hello) noexcept {
    if (hello.transport) return *hello.transport;
    if (!hello.polls) return ServerTransport::messaging;
    return hello.speaks_v1 ? ServerTransport::hybrid : ServerTransport::poll;
}

void ServerDirectory::count(const LiveServer& server, int sign) noexcept {
    const auto add = [sign](auto& sum, std::uint64_t amount) {
        using Sum = std::remove_reference_t<decltype(sum)>;
        sum = static_cast<Sum>(sign > 0 ? sum + amount : sum - amount);
    };
    add(by_transport_[static_cast<std::size_t>(server.transport)], 1);
    add(players_, server.hello.players);
    if (!server.hears_frames()) return;
    add(listeners_, 1);
    add(by_shards_[std::min(server.hello.shards, kMaxShards)], 1);
    if (server.hello.has_zstd) add(zstd_, 1);
    if (server.hello.has_http) add(http_, 1);
}

LiveServer* ServerDirectory::find(std::string_view id) noexcept {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &*found->second;
}

LiveServer* ServerDirectory::touch(std::string_view id, core::MonotonicTime now) noexcept {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return nullptr;
    found->second->seen = now;
    servers_.splice(servers_.end(), servers_, found->second);
    return &*found->second;
}

LiveServer& ServerDirectory::put(const ServerHello& hello, ServerTransport transport, bool is_hello,
                                 core::MonotonicTime now) {
    LiveServer* server = touch(hello.server, now);
    if (server == nullptr) {
        server = &servers_.emplace_back();
        server->hello = hello;
        by_id_.emplace(server->hello.server, std::prev(servers_.end()));
    } else {
        count(*server, -1);
        by_id_.erase(server->id());  // a view into what is overwritten
        server->hello = hello;
        by_id_.emplace(server->id(), std::prev(servers_.end()));
    }
    // More players than any server has would make sums wrap.
    server->hello.players = std::min<std::uint64_t>(hello.players, 1'000'000);
    server->transport = transport;
    server->seen = now;
    server->has_said_hello = server->has_said_hello || is_hello;
    count(*server, +1);
    return *server;
}

void ServerDirectory::set_transport(LiveServer& server, ServerTransport transport) {
    count(server, -1);
    server.transport = transport;
    count(server, +1);
}

void ServerDirectory::remove(LiveServer& server) {
    count(server, -1);
    const auto found = by_id_.find(server.id());
    const auto place = found->second;
    by_id_.erase(found);
    servers_.erase(place);
}

LiveServer* ServerDirectory::silent(core::MonotonicTime now,
                                    std::chrono::seconds gone_after) noexcept {
    if (servers_.empty() || servers_.front().seen + gone_after > now) return nullptr;
    return &servers_.front();
}

std::optional<core::MonotonicTime> ServerDirectory::next_silent(
    std::chrono::seconds gone_after) const noexcept {
    if (servers_.empty()) return {};
    return servers_.front().seen + gone_after;
}

unsigned ServerDirectory::shards(unsigned wanted) const noexcept {
    // 0 = not said: such a server listens to what it was told in answer to its hello.
    for (unsigned count = 1; count < wanted; ++count) {
        if (by_shards_[count] != 0) return count;
    }
    return wanted;
}

}  // namespace pulse::roblox
