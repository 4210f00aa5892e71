// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "backend.hpp"
#include "envelope.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <asio/io_context.hpp>

#include <pulse/cluster/broker.hpp>
#include <pulse/redis/link.hpp>

namespace pulse::cluster {

/// Two connections: Redis lets a subscriber do nothing else.
class RedisBackend final : public Backend {
  public:
    RedisBackend(const redis::Address& address, const BrokerOptions& options,
                 const BrokerServices& services, const NodeId& node);

    void start(BackendEvents events) override;
    void close() override;
    void listen(const std::string& channel) override;
    void unlisten(const std::string& channel) override;
    [[nodiscard]] bool is_listening(const std::string& channel) const override;
    void publish(const std::string& channel, std::string head,
                 const std::vector<std::string>& records, Done done) override;
    void announce(const std::string& bytes) override;
    void tell(const NodeId& node, const std::string& bytes) override;
    void say(const std::string& channel, const std::string& bytes,
             std::function<void(std::size_t nodes)> done) override;
    [[nodiscard]] std::size_t unsent_bytes() const noexcept override {
        return commands_->unsent_bytes();
    }
    [[nodiscard]] bool keeps_history() const noexcept override { return true; }
    void append(const std::string& channel, const core::HistoryPolicy& policy, std::string head,
                const std::vector<std::string>& records, Done done) override;
    void read(const std::string& channel, const core::HistoryPolicy& policy,
              const core::StreamPosition* since, std::size_t limit,
              core::HistoryReader::Done done) override;

  private:
    /// Complete when Redis has answered and the mark has come the way of publications.
    struct Reading {
        std::string channel;
        core::HistoryReader::Done done;
        std::optional<core::HistoryPage> page;
        bool is_marked = false;
    };

    void prepare();
    void on_prepared(const redis::Reply& info);
    void on_commands_down(std::string_view why);
    void subscribe_all();
    void on_subscriber_down(std::string_view why);
    void on_push(const redis::Reply& push);
    void on_confirmed(std::string_view name);
    void settle(std::string_view name);
    void on_message(std::string_view name, std::string_view bytes);
    void tell_state(std::string_view why);
    void subscribe(const std::vector<std::string_view>& names);
    void finish_reading(std::uint64_t id);
    void fail_readings();
    [[nodiscard]] bool take_page(Reading& reading, const redis::Reply& reply) const;
    [[nodiscard]] std::string new_epoch();
    /// Answers of commands that publish.
    [[nodiscard]] redis::Answer answer_to(Done done);

    const BrokerOptions options_;
    core::Rng& rng_;
    core::Log& log_;
    const std::string own_channel_;
    const std::string everybody_;
    const std::string channel_prefix_;
    BackendEvents events_;
    std::string run_;  ///< of the Redis at the other end
    std::string append_sha_;
    std::string read_sha_;
    /// Wanted, and how many confirmations are owed before it counts as listened to.
    std::map<std::string, std::size_t, std::less<>> listening_;
    /// Confirmations owed for subscriptions that were given up.
    std::map<std::string, std::size_t, std::less<>> abandoned_;
    std::uint64_t last_reading_ = 0;
    std::unordered_map<std::uint64_t, Reading> readings_;
    std::size_t unconfirmed_ = 0;  ///< of all, since the subscriber is up
    bool can_send_ = false;
    bool can_hear_ = false;
    std::unique_ptr<redis::Link> commands_;
    std::unique_ptr<redis::Link> subscriber_;
};

}  // namespace pulse::cluster
