// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/redis_backend.hpp"

#include "backend_broker.hpp"
#include "redis/redis_cluster_backend.hpp"

#include <utility>

#include <pulse/cluster/redis_broker.hpp>

namespace pulse::cluster {

using core::Result;

RedisBackend::RedisBackend(const redis::Location& location, const BrokerOptions& options,
                           const BrokerServices& services, const NodeId& node) {
    ShardOptions shard;
    shard.link.answer_timeout = options.answer_timeout;
    // The old master may be silent, or go on as one that nobody else listens to: it is left.
    finder_ = redis::set_destination(shard.link, services.io, location, {}, services.rng,
                                     [this](std::string_view why) { redis_->restart(why); });
    redis_ =
        std::make_unique<RedisShard>(std::move(shard), options, services, node, events_of_shard());
}

ShardEvents RedisBackend::events_of_shard() {
    ShardEvents events;
    events.on_state = [this](std::string_view why) {
        events_.on_state(redis_->can_send(), redis_->can_hear(), why);
    };
    events.on_listening = [this](std::string_view channel) { events_.on_listening(channel); };
    events.on_message = [this](std::string_view channel, std::string_view bytes) {
        events_.on_message(channel, bytes);
    };
    events.on_announced = [this](std::string_view bytes) { events_.on_announced(bytes); };
    events.on_told = [this](std::string_view bytes) { events_.on_told(bytes); };
    return events;
}

void RedisBackend::start(BackendEvents events) {
    events_ = std::move(events);
    if (finder_ != nullptr) finder_->start();
    redis_->start();
}

void RedisBackend::close() {
    redis_->close();
    finder_.reset();
}

void RedisBackend::publish(const std::string& channel, std::string head,
                           const std::vector<std::string>& records, Done done) {
    for (const std::string& record : records) head += record;
    redis_->publish(channel, head, false,
                    [done = std::move(done)](std::error_code error, auto) { done(error); });
}

void RedisBackend::say(const std::string& channel, const std::string& bytes,
                       std::function<void(std::size_t nodes)> done) {
    redis_->say(channel, bytes, false, [done = std::move(done)](std::size_t nodes, auto) {
        if (done) done(nodes);
    });
}

void RedisBackend::append(const std::string& channel, const core::HistoryPolicy& policy,
                          std::string head, const std::vector<std::string>& records, Done done) {
    redis_->append(channel, policy, head, records, false,
                   [done = std::move(done)](std::error_code error, auto) { done(error); });
}

void RedisBackend::read(const std::string& channel, const core::HistoryPolicy& policy,
                        const core::StreamPosition* since, std::size_t limit,
                        core::HistoryReader::Done done) {
    redis_->read(
        channel, policy, since, limit,
        [done = std::move(done)](Result<core::HistoryPage> page, auto) { done(std::move(page)); });
}

// --------------------------------------------------------------------- making

Result<std::shared_ptr<ClusterBroker>> make_redis_broker(const std::string& url,
                                                         BrokerOptions options,
                                                         const BrokerServices& services) {
    const auto location = redis::parse_location(url);
    if (!location) return tl::unexpected(location.error());
    const NodeId node = draw_node_id(services.rng);
    std::unique_ptr<Backend> backend;
    if (location->kind == redis::Location::Kind::cluster) {
        backend = std::make_unique<RedisClusterBackend>(*location, options, services, node);
    } else {
        backend = std::make_unique<RedisBackend>(*location, options, services, node);
    }
    return make_backend_broker(std::move(backend), std::move(options), services, node);
}

std::string find_redis_url_problem(const std::string& url) {
    const auto location = redis::parse_location(url);
    return location ? std::string() : location.error().message();
}

}  // namespace pulse::cluster
