// SPDX-License-Identifier: MIT OR Apache-2.0
#include "universe.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace pulse::mock {

std::string Universe::simulated_job(std::uint32_t index) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "00000000-0000-4000-8000-%012x", index + 1);
    return text.data();
}

bool Universe::simulate(Time now, const Simulated& wanted) {
    const std::size_t attached = by_job_.size() - simulated_.servers;
    if (attached + wanted.servers > kMaxServers) return false;
    const bool is_resubscribed = wanted.topics != simulated_.topics ||
                                 wanted.own_topic_prefix != simulated_.own_topic_prefix;
    const std::uint32_t kept = is_resubscribed ? 0 : std::min(simulated_.servers, wanted.servers);
    for (std::uint32_t i = simulated_.servers; i > kept; --i) {
        if (GameServer* server = find(simulated_job(i - 1))) erase(*server);
    }
    for (std::uint32_t i = 0; i < wanted.servers; ++i) {
        const std::string job = simulated_job(i);
        if (i < kept) {
            if (GameServer* server = find(job)) server->players = wanted.players;
            continue;
        }
        if (GameServer* taken = find(job)) erase(*taken);  // somebody attached under its name
        GameServer& server = add(job, false, wanted.players);
        for (const std::string& topic : wanted.topics) subscribe(server, topic);
        if (!wanted.own_topic_prefix.empty()) subscribe(server, wanted.own_topic_prefix + job);
    }
    simulated_ = wanted;
    history.set(now, by_job_.size());
    return true;
}

GameServer* Universe::attach(Time now, std::string_view job, std::uint32_t players) {
    if (GameServer* server = find(job)) {
        if (!server->is_attached) return nullptr;
        server->players = players;
        return server;
    }
    if (by_job_.size() >= kMaxServers) return nullptr;
    GameServer& server = add(std::string(job), true, players);
    history.set(now, by_job_.size());
    return &server;
}

bool Universe::remove(Time now, std::string_view job) {
    GameServer* server = find(job);
    // Simulated servers come and go by their number alone.
    if (server == nullptr || !server->is_attached) return false;
    erase(*server);
    history.set(now, by_job_.size());
    return true;
}

GameServer* Universe::find(std::string_view job) {
    const auto found = by_job_.find(job);
    return found == by_job_.end() ? nullptr : found->second.get();
}

GameServer* Universe::find(std::uint64_t id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

void Universe::subscribe(GameServer& server, std::string_view topic) {
    if (!server.topics.emplace(topic).second) return;
    receivers_[std::string(topic)].push_back(&server);
}

void Universe::unsubscribe(GameServer& server, std::string_view topic) {
    const auto held = server.topics.find(topic);
    if (held == server.topics.end()) return;
    const auto found = receivers_.find(*held);
    server.topics.erase(held);
    std::erase(found->second, &server);
    if (found->second.empty()) receivers_.erase(found);
}

const std::vector<GameServer*>& Universe::receivers(const std::string& topic) const {
    static const std::vector<GameServer*> kNobody;
    const auto found = receivers_.find(topic);
    return found == receivers_.end() ? kNobody : found->second;
}

SlidingWindow* Universe::topic_window(Time now, const std::string& topic) {
    if (const auto found = topic_windows_.find(topic); found != topic_windows_.end()) {
        return &found->second;
    }
    if (topic_windows_.size() >= kMaxTopicWindows) {
        std::erase_if(topic_windows_,
                      [now](const auto& entry) { return entry.second.clear_at(now) <= now; });
        if (topic_windows_.size() >= kMaxTopicWindows) return nullptr;
    }
    return &topic_windows_[topic];
}

GameServer& Universe::add(std::string job, bool is_attached, std::uint32_t players) {
    auto server = std::make_unique<GameServer>();
    server->id = next_id_++;
    server->job = job;
    server->is_attached = is_attached;
    server->players = players;
    GameServer& added = *server;
    by_id_[added.id] = &added;
    by_job_[std::move(job)] = std::move(server);
    return added;
}

void Universe::erase(GameServer& server) {
    while (!server.topics.empty()) {
        const std::string topic = *server.topics.begin();
        unsubscribe(server, topic);
    }
    by_id_.erase(server.id);
    const std::string job = server.job;
    by_job_.erase(job);
}

}  // namespace pulse::mock
