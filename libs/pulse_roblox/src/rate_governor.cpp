// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rate_governor.hpp"

#include <algorithm>

namespace pulse::roblox {

namespace {

constexpr double kMinFactor = 0.1;
constexpr double kFactorStep = 0.05;
constexpr std::chrono::seconds kFactorEvery{30};
/// A header that asks for more is not believed: it would stop a universe for good.
constexpr std::chrono::milliseconds kLongestBlock{300'000};
/// Too many under way: the universe's own answers make it ask again; those of others, only this.
constexpr std::chrono::milliseconds kAskAgain{50};

}  // namespace

RateGovernor::RateGovernor(GovernorOptions options, core::Rng& rng) : options_(options), rng_(rng) {
    options_.share = std::clamp(options_.share, 0.1, 0.95);
    options_.max_factor = std::max(options_.max_factor, 1.0);
}

RateGovernor::Owner& RateGovernor::owner_of(std::string_view owner) {
    return owners_[std::string(owner)];
}

double RateGovernor::cost_of(const Universe& universe, bool is_targeted) noexcept {
    if (is_targeted || !universe.servers) return 1;
    return std::max(1U, *universe.servers);
}

QuotaLimit RateGovernor::limit_of(double per_minute, double factor) const noexcept {
    return {.per_minute = per_minute, .share = options_.share, .factor = factor};
}

QuotaLimit RateGovernor::universe_limit(const Universe& universe) const noexcept {
    const double limit =
        universe.servers ? options_.universe_base + options_.universe_per_server * *universe.servers
                         : options_.universe_unknown;
    return limit_of(limit, universe.pace.factor);
}

QuotaLimit RateGovernor::topic_limit(const Universe& universe) const noexcept {
    const double limit = universe.servers
                             ? options_.topic_base + options_.topic_per_server * *universe.servers
                             : options_.topic_unknown;
    return limit_of(limit, universe.pace.factor);
}

void RateGovernor::raise(Pace& pace, core::MonotonicTime now) const noexcept {
    if (pace.factor >= options_.max_factor || pace.changed == core::MonotonicTime{}) {
        pace.changed = now;
        return;
    }
    while (now - pace.changed >= kFactorEvery && pace.factor < options_.max_factor) {
        pace.factor = std::min(pace.factor + kFactorStep, options_.max_factor);
        pace.changed += kFactorEvery;
    }
}

void RateGovernor::lower(Pace& pace, const QuotaReport& report, core::MonotonicTime now) {
    pace.factor = std::max(pace.factor / 2, kMinFactor);
    pace.changed = now;
    ++pace.refusals;
    auto wait = report.retry_after ? *report.retry_after
                : report.reset     ? *report.reset
                                   : backoff(options_.backoff, pace.refusals, rng_);
    wait = std::clamp(wait, std::chrono::milliseconds(0), kLongestBlock);
    pace.blocked_until = std::max(pace.blocked_until, now + wait);
}

Permission RateGovernor::try_take(const PublishRequest& request, core::MonotonicTime now) {
    Universe& universe = universes_[request.universe];
    if (in_flight_ >= options_.max_in_flight ||
        universe.in_flight >= options_.max_in_flight_per_universe) {
        return {false, now + kAskAgain};
    }
    Owner& owner = owner_of(request.owner);
    raise(owner.pace, now);
    raise(universe.pace, now);
    auto topic = universe.topics.find(request.real_topic);
    if (topic == universe.topics.end()) {
        topic = universe.topics.emplace(request.real_topic, QuotaBucket{}).first;
    }

    const double cost = cost_of(universe, request.is_targeted);
    const QuotaLimit address_limit = limit_of(options_.address_per_minute, 1);
    const QuotaLimit owner_limit = limit_of(options_.owner_per_minute, owner.pace.factor);
    const QuotaLimit total_limit = universe_limit(universe);
    const QuotaLimit each_limit = topic_limit(universe);
    const core::MonotonicTime at = std::max({owner.pace.blocked_until, universe.pace.blocked_until,
                                             address_.available_at(now, address_limit, 1),
                                             owner.bucket.available_at(now, owner_limit, 1),
                                             universe.total.available_at(now, total_limit, cost),
                                             topic->second.available_at(now, each_limit, cost)});
    if (at > now) return {false, at};

    address_.take(now, address_limit, 1);
    owner.bucket.take(now, owner_limit, 1);
    universe.total.take(now, total_limit, cost);
    topic->second.take(now, each_limit, cost);
    ++universe.in_flight;
    ++in_flight_;
    return {true, now};
}

void RateGovernor::on_answer(const PublishRequest& request, const QuotaReport& report,
                             core::MonotonicTime now) {
    if (in_flight_ > 0) --in_flight_;
    Owner& owner = owner_of(request.owner);
    if (report.remaining) owner.bucket.lower_to(static_cast<double>(*report.remaining));
    const bool is_owner_out = report.remaining && *report.remaining == 0;
    if (is_owner_out && report.reset) {
        const auto wait = std::clamp(*report.reset, std::chrono::milliseconds(0), kLongestBlock);
        owner.pace.blocked_until = std::max(owner.pace.blocked_until, now + wait);
    }
    const auto found = universes_.find(request.universe);
    if (found == universes_.end()) return;  // removed meanwhile
    Universe& universe = found->second;
    if (universe.in_flight > 0) --universe.in_flight;
    if (!report.is_throttled) {
        universe.pace.refusals = 0;
        owner.pace.refusals = 0;
        return;
    }
    // Which limit was hit is not said, unless the owner's counter stands at nothing.
    lower(is_owner_out ? owner.pace : universe.pace, report, now);
}

void RateGovernor::set_servers(UniverseId id, std::optional<unsigned> servers) {
    constexpr unsigned kMostServers = 1'000'000;
    Universe& universe = universes_[id];
    if (servers) servers = std::min(*servers, kMostServers);
    if (universe.servers.has_value() != servers.has_value()) {
        // From publishes to deliveries, or back.
        const double ratio =
            servers ? std::max(1U, *servers) : 1.0 / std::max(1U, *universe.servers);
        universe.total.rescale(ratio);
        for (auto& [name, bucket] : universe.topics) bucket.rescale(ratio);
    }
    universe.servers = servers;
}

void RateGovernor::charge(UniverseId id, std::string_view real_topic, std::uint64_t publishes,
                          core::MonotonicTime now) {
    Universe& universe = universes_[id];
    // A figure from outside: no more than a minute's worth of any limit.
    const QuotaLimit total_limit = universe_limit(universe);
    const double cost =
        std::min(static_cast<double>(publishes) * cost_of(universe, false), total_limit.per_minute);
    universe.total.take(now, total_limit, cost);
    const auto topic = universe.topics.find(real_topic);
    if (topic != universe.topics.end()) {
        const QuotaLimit each_limit = topic_limit(universe);
        topic->second.take(now, each_limit, std::min(cost, each_limit.per_minute));
    }
}

void RateGovernor::tidy(core::MonotonicTime now) {
    for (auto& [id, universe] : universes_) {
        const QuotaLimit limit = topic_limit(universe);
        for (auto topic = universe.topics.begin(); topic != universe.topics.end();) {
            topic =
                topic->second.is_idle(now, limit) ? universe.topics.erase(topic) : std::next(topic);
        }
    }
    for (auto entry = owners_.begin(); entry != owners_.end();) {
        Owner& owner = entry->second;
        raise(owner.pace, now);
        const QuotaLimit limit = limit_of(options_.owner_per_minute, owner.pace.factor);
        const bool is_as_new = owner.pace.blocked_until <= now && owner.pace.factor >= 1 &&
                               owner.bucket.is_idle(now, limit);
        entry = is_as_new ? owners_.erase(entry) : std::next(entry);
    }
}

void RateGovernor::remove(UniverseId universe) {
    const auto found = universes_.find(universe);
    if (found == universes_.end()) return;
    universes_.erase(found);
}

QuotaLevel RateGovernor::level(const PublishRequest& request, core::MonotonicTime now) {
    Universe& universe = universes_[request.universe];
    Owner& owner = owner_of(request.owner);
    raise(universe.pace, now);
    (void)universe.total.available_at(now, universe_limit(universe), 0);
    (void)owner.bucket.available_at(now, limit_of(options_.owner_per_minute, owner.pace.factor), 0);
    const QuotaLimit limit = universe_limit(universe);
    return {.factor = universe.pace.factor,
            .universe_tokens = universe.total.tokens(),
            .owner_tokens = owner.bucket.tokens(),
            .in_flight = universe.in_flight,
            .used = std::clamp(universe.total.used() / limit.per_minute, 0.0, 1.0),
            .limit_per_minute = limit.per_minute / cost_of(universe, false)};
}

std::unique_ptr<PublishBudget> make_rate_governor(GovernorOptions options, core::Rng& rng) {
    return std::make_unique<RateGovernor>(options, rng);
}

}  // namespace pulse::roblox
