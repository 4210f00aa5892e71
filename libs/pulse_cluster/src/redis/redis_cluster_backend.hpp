// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Redis Cluster: each channel belongs to the master of its slot, which orders and keeps it as a
// single Redis does. A master that is away takes its channels along and no others.
//
// A command that is sent elsewhere (MOVED, ASK) or put off (TRYAGAIN) has not been done, so it is
// sent again. Meanwhile what comes later for the same channel is held: its order stays. Slots that
// move take their channels along; those are listened to at the new place, and then told to be
// behind (BackendEvents::on_missed).
#pragma once

#include "backend.hpp"
#include "redis/lanes.hpp"
#include "redis/redis_shard.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <asio/steady_timer.hpp>

#include <pulse/cluster/broker.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/redirection.hpp>
#include <pulse/redis/topology.hpp>

namespace pulse::cluster {

class RedisClusterBackend final : public Backend {
  public:
    RedisClusterBackend(const redis::Location& location, const BrokerOptions& options,
                        const BrokerServices& services, const NodeId& node);
    ~RedisClusterBackend() override;

    void start(BackendEvents events) override;
    void close() override;
    void listen(const std::string& channel) override;
    void unlisten(const std::string& channel) override;
    [[nodiscard]] bool is_listening(const std::string& channel) const override;
    void publish(const std::string& channel, std::string head,
                 const std::vector<std::string>& records, Done done) override;
    void announce(const std::string& bytes) override;
    void tell(const NodeId& node, const std::string& bytes) override;
    void tell_about(const std::string& channel, const NodeId& node,
                    const std::string& bytes) override;
    void say(const std::string& channel, const std::string& bytes,
             std::function<void(std::size_t nodes)> done) override;
    [[nodiscard]] std::size_t unsent_bytes() const noexcept override;
    [[nodiscard]] bool keeps_history() const noexcept override { return true; }
    void append(const std::string& channel, const core::HistoryPolicy& policy, std::string head,
                const std::vector<std::string>& records, Done done) override;
    void read(const std::string& channel, const core::HistoryPolicy& policy,
              const core::StreamPosition* since, std::size_t limit,
              core::HistoryReader::Done done) override;
    [[nodiscard]] bool is_whole() const noexcept override { return is_whole_; }
    [[nodiscard]] bool can_send_to(const std::string& channel) const override;
    [[nodiscard]] bool can_hear_from(const std::string& channel) const override;

  private:
    using Time = std::chrono::steady_clock::time_point;
    /// One master, or one that a slot is on its way to.
    struct Shard {
        redis::Address address;
        std::unique_ptr<RedisShard> redis;
        std::size_t slots = 0;
        Time used;
        std::string why;  ///< it is not there
        /// It can be sent to and heard. Channels are heard from then on: what is asked and told
        /// then has its way.
        bool is_there = false;
    };
    struct Listening {
        Shard* at = nullptr;  ///< null: nobody has it at the moment
        bool is_heard = false;
        bool was_deaf = false;  ///< since it was told that it is heard, or from the beginning
    };
    /// Of a slot, by MOVED, which is newer than what the others say for a while.
    struct Hint {
        const Shard* old = nullptr;
        Time until;
    };
    struct Read {
        std::string channel;
        core::HistoryPolicy policy;
        std::optional<core::StreamPosition> since;
        std::size_t limit = 0;
        core::HistoryReader::Done done;
        Time due;
    };
    /// Copies of a word that have come; a node sends each by all masters.
    struct Words {
        std::uint64_t newest = 0;
        std::uint64_t seen = 0;  ///< bit n: newest - n
    };

    // redis_cluster_backend.cpp
    void tick();
    void tell_state();
    void on_shard_state(Shard& shard, std::string_view why);
    [[nodiscard]] Shard* owner(const std::string& channel) const;
    void add(LaneCommand::Kind kind, const std::string& channel, std::string bytes,
             std::function<void(std::error_code, std::size_t)> done);
    void add(LaneCommand command);
    [[nodiscard]] bool send(const std::shared_ptr<LaneCommand>& command, const std::string& to,
                            bool asks);
    void on_answer(const std::shared_ptr<LaneCommand>& command, Shard& by, std::error_code error,
                   std::size_t nodes, std::string_view refusal);
    std::string on_redirected(const Shard& by, const redis::Redirection& redirection);
    void on_announced(std::string_view bytes);
    [[nodiscard]] bool is_first_copy(const NodeId& node, std::uint64_t number);
    void start_read(Read read);

    // redis_cluster_slots.cpp
    [[nodiscard]] Shard& shard_at(const redis::Address& address);
    [[nodiscard]] ShardEvents events_of(Shard& shard);
    void on_ranges(const std::vector<redis::SlotRange>& ranges);
    void give(std::uint16_t slot, Shard* shard);
    void on_moved(std::uint16_t slot, Shard& to);
    void retire(Time now);
    void place(const std::string& channel);
    void place_homeless();
    void set_heard(const std::string& channel);
    void set_deaf(const std::string& channel);
    void on_gone(Shard& shard, const std::string& channel, std::string_view why);

    const BrokerOptions options_;
    const BrokerServices services_;
    const NodeId node_;
    const Names names_;
    BackendEvents events_;
    asio::steady_timer timer_;
    std::map<std::string, std::unique_ptr<Shard>> shards_;  ///< by host and port
    std::vector<Shard*> slots_;                             ///< null: nobody has it
    std::unordered_map<std::uint16_t, Hint> hints_;
    std::map<std::string, Listening> listening_;
    std::unordered_map<std::uint16_t, std::set<std::string>> by_slot_;  ///< of listening_
    std::set<std::string> homeless_;                                    ///< to be placed again
    std::map<NodeId, Words> words_;
    std::uint64_t last_word_ = 0;
    std::vector<Read> put_off_;
    std::string problem_ = "not connected yet";  ///< of the topology
    std::size_t slots_without_owner_ = 0;
    bool knows_slots_ = false;
    bool can_send_ = false;
    bool can_hear_ = false;
    bool is_whole_ = false;
    bool is_closed_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    Lanes lanes_;
    std::unique_ptr<redis::Topology> topology_;
};

}  // namespace pulse::cluster
