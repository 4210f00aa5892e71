// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "backend.hpp"
#include "redis/redis_shard.hpp"

#include <memory>
#include <string>
#include <vector>

#include <pulse/cluster/broker.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/master_finder.hpp>

namespace pulse::cluster {

/// One Redis: always the same, or the one that sentinels name.
class RedisBackend final : public Backend {
  public:
    RedisBackend(const redis::Location& location, const BrokerOptions& options,
                 const BrokerServices& services, const NodeId& node);

    void start(BackendEvents events) override;
    void close() override;
    void listen(const std::string& channel) override { redis_->listen(channel); }
    void unlisten(const std::string& channel) override { redis_->unlisten(channel); }
    [[nodiscard]] bool is_listening(const std::string& channel) const override {
        return redis_->is_listening(channel);
    }
    void publish(const std::string& channel, std::string head,
                 const std::vector<std::string>& records, Done done) override;
    void announce(const std::string& bytes) override { redis_->announce(bytes); }
    void tell(const NodeId& node, const std::string& bytes) override { redis_->tell(node, bytes); }
    void say(const std::string& channel, const std::string& bytes,
             std::function<void(std::size_t nodes)> done) override;
    [[nodiscard]] std::size_t unsent_bytes() const noexcept override {
        return redis_->unsent_bytes();
    }
    [[nodiscard]] bool keeps_history() const noexcept override { return true; }
    void append(const std::string& channel, const core::HistoryPolicy& policy, std::string head,
                const std::vector<std::string>& records, Done done) override;
    void read(const std::string& channel, const core::HistoryPolicy& policy,
              const core::StreamPosition* since, std::size_t limit,
              core::HistoryReader::Done done) override;

  private:
    [[nodiscard]] ShardEvents events_of_shard();

    BackendEvents events_;
    std::unique_ptr<redis::MasterFinder> finder_;  ///< null without
    std::unique_ptr<RedisShard> redis_;
};

}  // namespace pulse::cluster
