// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/redis_cluster_backend.hpp"

#include "bytes.hpp"

#include <algorithm>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/redis/redirection.hpp>
#include <pulse/redis/slots.hpp>

namespace pulse::cluster {

using core::HistoryPage;
using core::Result;

namespace {

constexpr std::chrono::milliseconds kTick{50};
/// Nodes whose words are told apart; more than there are, so that it is bounded.
constexpr std::size_t kMaxNodes = 4096;
constexpr std::uint64_t kWindow = 64;

[[nodiscard]] auto unavailable() {
    return tl::unexpected(make_error_code(core::Error::broker_unavailable));
}

}  // namespace

RedisClusterBackend::RedisClusterBackend(const redis::Location& location,
                                         const BrokerOptions& options,
                                         const BrokerServices& services, const NodeId& node)
    : options_(options),
      services_(services),
      node_(node),
      names_(options.prefix, true),
      timer_(services.io),
      slots_(redis::kSlots),
      lanes_(
          services.io,
          [this](const std::string& channel) {
              const Shard* const shard = owner(channel);
              return shard != nullptr ? redis::to_string(shard->address) : std::string();
          },
          [this](const std::shared_ptr<LaneCommand>& command, const std::string& to, bool asks) {
              return send(command, to, asks);
          }) {
    redis::TopologyEvents events;
    events.on_ranges = [this](const std::vector<redis::SlotRange>& ranges) { on_ranges(ranges); };
    events.on_problem = [this](std::string_view why) {
        problem_ = why;
        if (!knows_slots_) tell_state();
    };
    topology_ = std::make_unique<redis::Topology>(
        services.io, location.hosts, options.answer_timeout, services.rng, std::move(events));
}

RedisClusterBackend::~RedisClusterBackend() { *alive_ = false; }

void RedisClusterBackend::start(BackendEvents events) {
    events_ = std::move(events);
    topology_->start();
    tick();
}

void RedisClusterBackend::close() {
    is_closed_ = true;
    timer_.cancel();
    topology_.reset();
    for (const auto& [name, shard] : shards_) shard->redis->close();
    lanes_.clear();
    put_off_.clear();
    listening_.clear();
    by_slot_.clear();
}

void RedisClusterBackend::tick() {
    timer_.expires_after(kTick);
    timer_.async_wait([this, alive = alive_](const asio::error_code& error) {
        if (error || !*alive || is_closed_) return;
        const Time now = std::chrono::steady_clock::now();
        lanes_.tick(now);
        place_homeless();
        for (Read& read : std::exchange(put_off_, {})) start_read(std::move(read));
        retire(now);
        tick();
    });
}

// ---------------------------------------------------------------------- state

void RedisClusterBackend::tell_state() {
    std::string why = knows_slots_ ? std::string() : problem_;
    bool can_send = false;
    for (const auto& [name, shard] : shards_) {
        if (shard->slots == 0) continue;
        can_send = can_send || shard->redis->can_send();
        can_hear_ = can_hear_ || shard->is_there;
        if (why.empty() && !shard->is_there) why = name + ": " + shard->why;
    }
    if (why.empty() && slots_without_owner_ != 0) why = "slots without a master";
    is_whole_ = why.empty();
    can_send_ = can_send;
    events_.on_state(can_send_, can_hear_, why);
}

void RedisClusterBackend::on_shard_state(Shard& shard, std::string_view why) {
    shard.why = why;
    const bool is_there = shard.redis->can_send() && shard.redis->can_hear();
    if (is_there != std::exchange(shard.is_there, is_there)) {
        std::vector<std::string> its;
        for (const auto& [channel, listening] : listening_) {
            if (listening.at == &shard) its.push_back(channel);
        }
        for (const std::string& channel : its) {
            if (!is_there) {
                set_deaf(channel);
            } else if (shard.redis->is_listening(channel)) {
                set_heard(channel);
            }
        }
    }
    // Perhaps another one has its slots by now.
    if (!shard.redis->can_send() && topology_ != nullptr) topology_->refresh();
    tell_state();
    lanes_.flush_soon();
}

RedisClusterBackend::Shard* RedisClusterBackend::owner(const std::string& channel) const {
    return slots_[redis::slot_of(names_.pubsub(channel))];
}

bool RedisClusterBackend::can_send_to(const std::string& channel) const {
    const Shard* const shard = owner(channel);
    return shard != nullptr && shard->redis->can_send();
}

bool RedisClusterBackend::can_hear_from(const std::string& channel) const {
    const Shard* const shard = owner(channel);
    return shard != nullptr && shard->is_there;
}

std::size_t RedisClusterBackend::unsent_bytes() const noexcept {
    std::size_t all = 0;
    for (const auto& [name, shard] : shards_) all += shard->redis->unsent_bytes();
    return all;
}

// -------------------------------------------------------------------- sending

bool RedisClusterBackend::send(const std::shared_ptr<LaneCommand>& command, const std::string& to,
                               bool asks) {
    const auto found = shards_.find(to);
    if (found == shards_.end() || !found->second->redis->can_send()) return false;
    Shard* const shard = found->second.get();
    const auto done = [this, command, shard](std::error_code error, std::string_view refusal) {
        on_answer(command, *shard, error, 0, refusal);
    };
    switch (command->kind) {
        case LaneCommand::Kind::publish:
            shard->redis->publish(command->channel, command->bytes, asks, done);
            break;
        case LaneCommand::Kind::append:
            shard->redis->append(command->channel, command->policy, command->bytes,
                                 command->records, asks, done);
            break;
        case LaneCommand::Kind::say:
            shard->redis->say(command->channel, command->bytes, asks,
                              [this, command, shard](std::size_t nodes, std::string_view refusal) {
                                  on_answer(command, *shard, {}, nodes, refusal);
                              });
            break;
    }
    return true;
}

void RedisClusterBackend::on_answer(const std::shared_ptr<LaneCommand>& command, Shard& by,
                                    std::error_code error, std::size_t nodes,
                                    std::string_view refusal) {
    if (is_closed_) return;
    if (!redis::is_redirection(refusal)) {
        return lanes_.on_answer(command, error, nodes, Lanes::Next::done, {});
    }
    const auto redirection = redis::read_redirection(refusal);
    if (!redirection) {
        topology_->refresh();
        return lanes_.on_answer(command, error, nodes, Lanes::Next::later, {});
    }
    const std::string elsewhere = on_redirected(by, *redirection);
    lanes_.on_answer(command, error, nodes, Lanes::Next::again, elsewhere);
}

/// Where to go for this once; empty: to the owner.
std::string RedisClusterBackend::on_redirected(const Shard& by,
                                               const redis::Redirection& redirection) {
    redis::Address address = by.address;
    if (!redirection.host.empty()) address.host = redirection.host;
    address.port = redirection.port;
    Shard& to = shard_at(address);
    // A new master has no slots while its first one is on its way, however long that takes.
    to.used = std::chrono::steady_clock::now();
    if (redirection.is_for_once) return redis::to_string(address);
    on_moved(redirection.slot, to);
    return {};
}

void RedisClusterBackend::add(LaneCommand::Kind kind, const std::string& channel, std::string bytes,
                              std::function<void(std::error_code, std::size_t)> done) {
    LaneCommand command;
    command.kind = kind;
    command.channel = channel;
    command.bytes = std::move(bytes);
    command.done = std::move(done);
    add(std::move(command));
}

void RedisClusterBackend::add(LaneCommand command) {
    command.due = std::chrono::steady_clock::now() + options_.answer_timeout;
    lanes_.add(std::move(command));
}

void RedisClusterBackend::publish(const std::string& channel, std::string head,
                                  const std::vector<std::string>& records, Done done) {
    for (const std::string& record : records) head += record;
    add(LaneCommand::Kind::publish, channel, std::move(head),
        [done = std::move(done)](std::error_code error, std::size_t) { done(error); });
}

void RedisClusterBackend::append(const std::string& channel, const core::HistoryPolicy& policy,
                                 std::string head, const std::vector<std::string>& records,
                                 Done done) {
    LaneCommand command;
    command.kind = LaneCommand::Kind::append;
    command.channel = channel;
    command.policy = policy;
    command.bytes = std::move(head);
    command.records = records;
    command.done = [done = std::move(done)](std::error_code error, std::size_t) { done(error); };
    add(std::move(command));
}

void RedisClusterBackend::say(const std::string& channel, const std::string& bytes,
                              std::function<void(std::size_t nodes)> done) {
    if (!can_send_to(channel)) {
        if (done) done(0);
        return;
    }
    add(LaneCommand::Kind::say, channel, bytes,
        [done = std::move(done)](std::error_code, std::size_t nodes) {
            if (done) done(nodes);
        });
}

// ---------------------------------------------------------------------- words

/// By every master, since one of them may be away: behind what this node has said there. The first
/// copy counts.
void RedisClusterBackend::announce(const std::string& bytes) {
    std::string stamped;
    append_number(node_[0], stamped);
    append_number(node_[1], stamped);
    append_number(++last_word_, stamped);
    stamped += bytes;
    for (const auto& [name, shard] : shards_) {
        if (shard->slots != 0) shard->redis->announce(stamped);
    }
}

void RedisClusterBackend::on_announced(std::string_view bytes) {
    NodeId node{};
    std::uint64_t number = 0;
    if (!take_number(bytes, node[0]) || !take_number(bytes, node[1]) ||
        !take_number(bytes, number)) {
        return events_.on_announced({});  // counted as malformed
    }
    if (is_first_copy(node, number)) events_.on_announced(bytes);
}

bool RedisClusterBackend::is_first_copy(const NodeId& node, std::uint64_t number) {
    if (words_.size() >= kMaxNodes && !words_.contains(node)) words_.clear();
    Words& words = words_[node];
    if (number > words.newest) {
        const std::uint64_t ahead = number - words.newest;
        words.seen = ahead < kWindow ? (words.seen << ahead) | 1U : 1U;
        words.newest = number;
        return true;
    }
    const std::uint64_t behind = words.newest - number;
    if (behind >= kWindow) return false;
    const std::uint64_t bit = std::uint64_t{1} << behind;
    const bool is_first = (words.seen & bit) == 0;
    words.seen |= bit;
    return is_first;
}

/// What is told of no channel may come more than once.
void RedisClusterBackend::tell(const NodeId& node, const std::string& bytes) {
    for (const auto& [name, shard] : shards_) {
        if (shard->slots != 0) shard->redis->tell(node, bytes);
    }
}

void RedisClusterBackend::tell_about(const std::string& channel, const NodeId& node,
                                     const std::string& bytes) {
    Shard* const shard = owner(channel);
    if (shard != nullptr) shard->redis->tell(node, bytes);
}

// -------------------------------------------------------------------- reading

void RedisClusterBackend::read(const std::string& channel, const core::HistoryPolicy& policy,
                               const core::StreamPosition* since, std::size_t limit,
                               core::HistoryReader::Done done) {
    Read read{channel, policy, std::nullopt, limit, std::move(done), {}};
    if (since != nullptr) read.since = *since;
    read.due = std::chrono::steady_clock::now() + options_.answer_timeout;
    start_read(std::move(read));
}

void RedisClusterBackend::start_read(Read read) {
    Shard* const shard = owner(read.channel);
    const bool is_there = shard != nullptr && shard->is_there;
    if (!is_there || std::chrono::steady_clock::now() >= read.due) return read.done(unavailable());
    const auto found = listening_.find(read.channel);
    // What the page has must have been heard before, so it is listened to there first.
    const bool is_early =
        found != listening_.end() && (found->second.at != shard || !found->second.is_heard);
    if (is_early) return put_off_.push_back(std::move(read));
    const auto kept = std::make_shared<Read>(std::move(read));
    shard->redis->read(kept->channel, kept->policy, kept->since ? &*kept->since : nullptr,
                       kept->limit,
                       [this, kept, shard](Result<HistoryPage> page, std::string_view refusal) {
                           if (page || !redis::is_redirection(refusal) || is_closed_)
                               return kept->done(std::move(page));
                           const auto redirection = redis::read_redirection(refusal);
                           // Not where the slot is on its way to: it is not listened to there yet.
                           if (redirection && !redirection->is_for_once)
                               (void)on_redirected(*shard, *redirection);
                           if (!redirection) topology_->refresh();
                           put_off_.push_back(std::move(*kept));
                       });
}

}  // namespace pulse::cluster
