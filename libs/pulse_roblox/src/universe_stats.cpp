// SPDX-License-Identifier: MIT OR Apache-2.0
#include "universe.hpp"

#include <algorithm>

namespace pulse::roblox {

namespace {

constexpr std::size_t kTopTopics = 20;

[[nodiscard]] double seconds_since(std::optional<core::MonotonicTime> then,
                                   core::MonotonicTime now) noexcept {
    return then ? std::max(0.0, std::chrono::duration<double>(now - *then).count()) : 0.0;
}

}  // namespace

UniverseStats Universe::stats() {
    const Time now = shared_.now();
    const std::string owner = owner_name();
    const QuotaLevel level =
        shared_.parts.budget.level({.universe = id_, .owner = owner, .real_topic = {}}, now);
    Outbox& outbox = dispatcher_.outbox();
    UniverseStats stats{
        .game_servers = directory_.size(),
        .players = directory_.players(),
        .polls_open = polls_.size(),
        .is_compatible = forms_of(config_.mode, has_said_hello_).v0,
        .in = traffic_.in().rates(now),
        .out = traffic_.out().rates(now),
        .in_total = traffic_.in().total(),
        .out_total = traffic_.out().total(),
        .queued_messages = outbox.message_count(),
        .queued_bytes = outbox.byte_count(),
        .oldest_queued_ms = static_cast<std::uint64_t>(seconds_since(outbox.oldest(), now) * 1'000),
        .quota_used = level.used,
        .rate_factor = level.factor,
        .limit_per_minute = level.limit_per_minute,
        .throttled = throttled_,
        .errors = errors_,
        .retries = dispatcher_.retry_count(),
        .coalesced = coalesced_,
        .uplink_duplicates = uplink_duplicates_,
        .is_circuit_open = dispatcher_.is_circuit_open(),
        .key_used_at_ms = key_used_at_ms_,
        .topics = traffic_.busiest(kTopTopics, now),
        .drops = drops_,
        .statuses = statuses_,
        .history_in = traffic_.in().history(now),
        .history_out = traffic_.out().history(now)};
    stats.frames_per_minute = frames_.rates(now).last_60s * 60;
    const double messages = frame_messages_.rates(now).last_60s * 60;
    if (stats.frames_per_minute > 0) stats.messages_per_frame = messages / stats.frames_per_minute;
    return stats;
}

void Universe::add_gauges(BridgeMetrics& metrics) {
    const Time now = shared_.now();
    Outbox& outbox = dispatcher_.outbox();
    metrics.game_servers += directory_.size();
    metrics.queued_messages += outbox.message_count();
    metrics.queued_bytes += outbox.byte_count();
    metrics.queue_age_seconds =
        std::max(metrics.queue_age_seconds, seconds_since(outbox.oldest(), now));
    metrics.in_flight += dispatcher_.in_flight();
    metrics.circuits_open += dispatcher_.is_circuit_open() ? 1U : 0U;
    const std::string owner = owner_name();
    const QuotaLevel level =
        shared_.parts.budget.level({.universe = id_, .owner = owner, .real_topic = {}}, now);
    const auto least = [](std::optional<double>& of, double tokens) {
        of = of ? std::min(*of, tokens) : tokens;
    };
    metrics.rate_factor = std::min(metrics.rate_factor, level.factor);
    least(metrics.universe_tokens, level.universe_tokens);
    least(metrics.owner_tokens, level.owner_tokens);
}

}  // namespace pulse::roblox
