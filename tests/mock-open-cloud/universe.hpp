// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A universe: its live game servers, who is subscribed to what, and the windows of its limits.
#pragma once

#include "faults.hpp"
#include "keys.hpp"
#include "limits.hpp"
#include "time.hpp"
#include "windows.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pulse::mock {

/// What was published, shared by everybody it goes to.
struct Message {
    std::uint64_t number = 0;  ///< counted over the whole mock
    std::string topic;
    std::string data;
    Time sent;
};

/// Waiting for an attached server to fetch it.
struct QueuedMessage {
    std::uint64_t n = 0;  ///< counted per server, from 1
    std::shared_ptr<const Message> message;
};

struct GameServer {
    static constexpr std::size_t kMaxQueued = 10'000;
    static constexpr std::size_t kMaxTopics = 1'000;

    std::uint64_t id = 0;
    std::string job;
    bool is_attached = false;  ///< otherwise simulated: counts what arrives
    std::uint32_t players = 0;
    std::set<std::string, std::less<>> topics{};
    std::uint64_t received = 0;  ///< duplicates included
    std::uint64_t duplicates = 0;
    std::uint64_t overflowed = 0;  ///< dropped, oldest first, because nobody fetched them
    Time last_due{};               ///< of what is on its way here: keeps the order
    SlidingWindow sent{};
    SlidingWindow subscribe_requests{};
    std::deque<QueuedMessage> queue{};
    std::uint64_t next_n = 1;
};

/// How simulated servers are.
struct Simulated {
    std::uint32_t servers = 0;
    std::uint32_t players = 0;  ///< in each of them
    std::vector<std::string> topics{"pulse", "pulse.b0", "pulse.b1", "pulse.b2"};
    /// Each server is also subscribed to this and its JobId; none when empty.
    std::string own_topic_prefix = "pulse.s.";

    friend bool operator==(const Simulated&, const Simulated&) = default;
};

/// **Not thread-safe.**
class Universe {
  public:
    static constexpr std::size_t kMaxServers = 5'000;
    static constexpr std::size_t kMaxTopicWindows = 20'000;

    Universe(UniverseId id, std::uint64_t& next_server_id) : id_(id), next_id_(next_server_id) {}

    [[nodiscard]] UniverseId id() const noexcept { return id_; }
    [[nodiscard]] std::size_t servers() const noexcept { return by_job_.size(); }

    /// Makes the simulated servers as described; those that stay keep what they counted. False, and
    /// nothing changed, when there would be too many.
    [[nodiscard]] bool simulate(Time now, const Simulated& wanted);
    [[nodiscard]] const Simulated& simulated() const noexcept { return simulated_; }
    /// "00000000-0000-4000-8000-000000000001" for the first.
    [[nodiscard]] static std::string simulated_job(std::uint32_t index);

    /// The attached server of that JobId, made if need be. Null when there are too many, or when
    /// the JobId is a simulated server's.
    GameServer* attach(Time now, std::string_view job, std::uint32_t players);
    bool remove(Time now, std::string_view job);
    [[nodiscard]] GameServer* find(std::string_view job);
    [[nodiscard]] GameServer* find(std::uint64_t id);

    void subscribe(GameServer& server, std::string_view topic);
    void unsubscribe(GameServer& server, std::string_view topic);
    /// In the order in which they appeared.
    [[nodiscard]] const std::vector<GameServer*>& receivers(const std::string& topic) const;
    template <typename Function>
    void for_each(Function&& function) {
        for (auto& [job, server] : by_job_) function(*server);
    }

    /// The window of a topic's "received"; null when too many topics were used within a minute.
    [[nodiscard]] SlidingWindow* topic_window(Time now, const std::string& topic);
    SlidingWindow received;
    ServerHistory history;
    FaultScript faults;
    bool is_publishing_allowed = true;

  private:
    GameServer& add(std::string job, bool is_attached, std::uint32_t players);
    void erase(GameServer& server);

    UniverseId id_;
    std::uint64_t& next_id_;
    Simulated simulated_{.topics = {}, .own_topic_prefix = {}};
    std::map<std::string, std::unique_ptr<GameServer>, std::less<>> by_job_;
    std::unordered_map<std::uint64_t, GameServer*> by_id_;
    std::unordered_map<std::string, std::vector<GameServer*>> receivers_;
    std::unordered_map<std::string, SlidingWindow> topic_windows_;
};

}  // namespace pulse::mock
