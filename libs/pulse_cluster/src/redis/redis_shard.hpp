// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One Redis, which has all channels, or those of its slots in a Redis Cluster. Two connections:
// Redis lets a subscriber do nothing else.
#pragma once

#include "backend.hpp"
#include "envelope.hpp"
#include "redis/names.hpp"

#include <cstdint>
#include <deque>
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

struct ShardEvents {
    /// can_send() or can_hear() has changed, or why they are not true.
    std::function<void(std::string_view why)> on_state;
    /// What is published to the channel from now on will be heard. Not for those that were wanted
    /// before can_hear() became true.
    std::function<void(std::string_view channel)> on_listening;
    std::function<void(std::string_view channel, std::string_view bytes)> on_message;
    std::function<void(std::string_view bytes)> on_announced;
    std::function<void(std::string_view bytes)> on_told;
    /// Of a Redis Cluster: the channel is not this one's any more, and not listened to. `why`:
    /// what Redis said, if it is in answer to something.
    std::function<void(std::string_view channel, std::string_view why)> on_gone;
};

struct ShardOptions {
    redis::LinkOptions link{};
    /// One of a Redis Cluster: publications go by sharded pub/sub, and words between nodes have
    /// names of each Redis, since Redis carries them to all others, where they would be heard
    /// again.
    bool is_one_of_many = false;
};

/// **Loop-bound.**
class RedisShard {
  public:
    /// `refusal`: what Redis said, when it did not do it.
    using Done = std::function<void(std::error_code error, std::string_view refusal)>;
    using ReadDone =
        std::function<void(core::Result<core::HistoryPage> page, std::string_view refusal)>;

    RedisShard(ShardOptions shard, const BrokerOptions& options, const BrokerServices& services,
               const NodeId& node, ShardEvents events);

    void start();
    /// Ends, once what was sent last is on its way. Nothing is called any more.
    void close();
    /// Begins anew with both connections; what is under way is answered.
    void restart(std::string_view why);

    [[nodiscard]] bool can_send() const noexcept { return can_send_; }
    [[nodiscard]] bool can_hear() const noexcept { return can_hear_; }
    [[nodiscard]] std::size_t unsent_bytes() const noexcept { return commands_->unsent_bytes(); }
    [[nodiscard]] bool is_idle() const noexcept { return commands_->unanswered() == 0; }

    void listen(const std::string& channel);
    void unlisten(const std::string& channel);
    [[nodiscard]] bool is_listening(const std::string& channel) const;

    /// `asks`: though the slot is another's still, which is giving it away (ASKING).
    void publish(const std::string& channel, const std::string& bytes, bool asks, Done done);
    void append(const std::string& channel, const core::HistoryPolicy& policy,
                const std::string& head, const std::vector<std::string>& records, bool asks,
                Done done);
    /// As Backend::say(); the count is 0 with an error.
    void say(const std::string& channel, const std::string& bytes, bool asks,
             std::function<void(std::size_t nodes, std::string_view refusal)> done);
    void announce(const std::string& bytes);
    void tell(const NodeId& node, const std::string& bytes);
    void read(const std::string& channel, const core::HistoryPolicy& policy,
              const core::StreamPosition* since, std::size_t limit, ReadDone done);

  private:
    /// Complete when Redis has answered and the mark has come the way of publications.
    struct Reading {
        std::string channel;
        ReadDone done;
        std::optional<core::HistoryPage> page;
        bool is_marked = false;
    };
    /// Wanted; heard when that subscription is confirmed.
    struct Wanted {
        std::uint64_t subscription = 0;
        bool is_confirmed = false;
    };
    /// What Redis owes an answer to: a subscription, or (0) the end of a sharded one.
    struct Pending {
        std::string name;
        std::uint64_t subscription = 0;
    };

    // redis_shard.cpp
    void prepare();
    void on_prepared(const redis::Reply& info);
    void on_commands_down(std::string_view why);
    [[nodiscard]] std::string check(const redis::Reply& info, std::string& run) const;
    void send(std::span<const std::string_view> command, bool asks, redis::Answer answer);
    [[nodiscard]] redis::Answer answer_to(Done done);
    [[nodiscard]] std::string new_epoch();
    void take_answer(std::uint64_t id, const redis::Reply* reply);
    [[nodiscard]] bool take_page(Reading& reading, const redis::Reply& reply) const;
    void finish_reading(std::uint64_t id);
    void fail_readings();

    // redis_shard_listen.cpp
    void look_where();
    void subscribe_all();
    void on_subscriber_down(std::string_view why);
    void subscribe(const std::vector<std::string>& names);
    void on_push(const redis::Reply& push);
    void on_refused(std::string_view why);
    void on_confirmed(std::string_view name);
    void settle(const Pending& answered, std::string_view refusal);
    void on_message(std::string_view name, std::string_view bytes);
    void on_unsubscribed(std::string_view name);

    [[nodiscard]] std::string own_name(std::string_view run) const;
    [[nodiscard]] std::string pubsub(std::string_view channel, std::string_view run) const;
    /// Of what the subscriber hears.
    [[nodiscard]] std::optional<std::string_view> channel_of(std::string_view name) const noexcept;

    const BrokerOptions options_;
    const bool is_one_of_many_;
    const Names names_;
    const std::string node_;
    core::Rng& rng_;
    core::Log& log_;
    const ShardEvents events_;
    /// Of the process at the other end, by each connection; they have to be the same.
    std::string commands_run_;
    std::string subscriber_run_;
    std::string own_channel_;
    std::string everybody_;
    std::string append_sha_;
    std::string read_sha_;
    std::map<std::string, Wanted, std::less<>> wanted_;
    std::deque<Pending> pending_;  ///< in the order in which Redis answers
    std::uint64_t last_subscription_ = 0;
    std::uint64_t awaited_ = 0;  ///< the one that completes what was to be listened to anew
    std::uint64_t last_reading_ = 0;
    std::unordered_map<std::uint64_t, Reading> readings_;
    bool can_send_ = false;
    bool can_hear_ = false;
    std::unique_ptr<redis::Link> commands_;
    std::unique_ptr<redis::Link> subscriber_;
};

}  // namespace pulse::cluster
