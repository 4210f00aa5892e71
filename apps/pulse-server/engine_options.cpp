// SPDX-License-Identifier: MIT OR Apache-2.0
#include "engine_options.hpp"

#include "cluster_part.hpp"
#include "memory_limit.hpp"

#include <string>
#include <utility>
#include <vector>

namespace pulse::server {

namespace {

/// A quarter of the machine's (or the container's) memory for what waits for peers.
std::size_t automatic_budget() {
    const std::uint64_t bytes = usable_memory();
    return bytes == 0 ? std::size_t{1} << 30 : bytes / 4;
}

core::RateLimit rate(std::uint32_t per_second, std::uint32_t burst) {
    return {static_cast<double>(per_second), static_cast<double>(burst)};
}

}  // namespace

std::size_t memory_budget_bytes(const Config& config) {
    const std::size_t wanted = config.transport.memory_budget_bytes;
    return wanted != 0 ? wanted : automatic_budget();
}

core::HubOptions hub_options(const Config& config) {
    core::HubOptions options;
    options.max_channels = config.limits.max_channels;
    options.max_subscriptions_per_session = config.limits.max_subscriptions_per_connection;
    options.auto_create_channels = config.limits.auto_create_channels;
    options.max_presence_bytes = config.limits.max_presence_bytes;
    options.history_policy = history_policies(config.history);
    return options;
}

core::native::NativeOptions native_options(const Config& config) {
    core::native::NativeOptions options;
    options.heartbeat = config.heartbeat.interval;
    options.max_payload_bytes = config.limits.max_message_size;
    options.max_frame_bytes = config.transport.max_frame_bytes;
    options.has_documented_error_codes = config.compat.documented_error_codes;
    options.authentication_timeout = config.auth.timeout;
    options.frame_timeout = config.transport.message_timeout;
    options.publishes = rate(config.limits.publishes_per_second, config.limits.publishes_burst);
    options.subscribes = rate(config.limits.subscribes_per_second, config.limits.subscribes_burst);
    return options;
}

core::OutletLimits outlet_limits(const Config& config) {
    core::OutletLimits limits;
    limits.max_bytes = config.transport.outbox_max_bytes;
    limits.max_messages = config.transport.outbox_max_messages;
    switch (config.transport.slow_consumer) {
        case SlowConsumerPolicy::close:
            limits.policy = core::SlowConsumerPolicy::close;
            break;
        case SlowConsumerPolicy::drop_oldest:
            limits.policy = core::SlowConsumerPolicy::drop_oldest;
            break;
        case SlowConsumerPolicy::drop_newest:
            limits.policy = core::SlowConsumerPolicy::drop_newest;
            break;
    }
    return limits;
}

transport::ConnectionOptions connection_options(const Config& config) {
    transport::ConnectionOptions options;
    options.ping_interval = config.heartbeat.interval;
    options.idle_timeout = config.heartbeat.timeout;
    options.message_timeout = config.transport.message_timeout;
    options.request_timeout = config.transport.handshake_timeout;
    options.keep_alive_timeout = config.transport.http_keep_alive;
    options.allowed_origins = config.transport.allowed_origins;
    options.max_frame_bytes = config.transport.max_websocket_frame_bytes;
    options.max_message_bytes = config.transport.max_websocket_message_bytes;
    options.max_head_bytes = config.transport.max_head_bytes;
    options.max_body_bytes = config.transport.max_body_bytes;
    options.outbox = outlet_limits(config);
    return options;
}

transport::ClientLimits client_limits(const Config& config) {
    transport::ClientLimits limits;
    limits.max_connections = config.limits.max_connections;
    limits.max_connections_per_address = config.limits.max_connections_per_address;
    limits.connections =
        rate(config.limits.connections_per_second, config.limits.connections_burst);
    return limits;
}

std::unique_ptr<core::Authenticator> make_authenticator(const Config& config) {
    if (config.auth.tokens.empty() && !config.auth.is_required()) {
        return core::make_open_authenticator();
    }
    std::vector<core::StaticToken> tokens;
    for (const std::string& token : config.auth.tokens) {
        tokens.push_back({"token-" + std::to_string(tokens.size() + 1), token});
    }
    return core::make_token_authenticator(std::move(tokens), config.auth.is_required());
}

}  // namespace pulse::server
