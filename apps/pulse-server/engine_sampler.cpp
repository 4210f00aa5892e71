// SPDX-License-Identifier: MIT OR Apache-2.0
#include "engine_sampler.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include <unistd.h>

namespace pulse::server {

namespace {

constexpr std::size_t kHistory = 300;

/// Of this process; 0 where /proc is not there.
std::uint64_t resident_bytes() {
    std::FILE* const file = std::fopen("/proc/self/statm", "re");
    if (file == nullptr) return 0;
    unsigned long size = 0;
    unsigned long resident = 0;
    const int got = std::fscanf(file, "%lu %lu", &size, &resident);
    std::fclose(file);
    const long page = ::sysconf(_SC_PAGESIZE);
    return got == 2 && page > 0 ? std::uint64_t{resident} * static_cast<std::uint64_t>(page) : 0;
}

void remember(std::deque<double>& history, double value) {
    history.push_back(value);
    if (history.size() > kHistory) history.pop_front();
}

}  // namespace

EngineSampler::EngineSampler(MetricSources sources, const core::Clock& clock)
    : sources_(std::move(sources)), clock_(clock), begin_(clock.now()), last_(read_totals()) {
    now_.version = sources_.version;
    now_.loops = sources_.loops.size();
}

EngineSampler::Totals EngineSampler::read_totals() const {
    Totals totals;
    totals.taken = clock_.now();
    totals.publications = sources_.hub.stats().publications_total;
    for (transport::Loop* loop : sources_.loops) {
        totals.deliveries += loop->lane().stats().deliveries.get();
    }
    return totals;
}

void EngineSampler::sample() {
    const Totals next = read_totals();
    const core::HubStats hub = sources_.hub.stats();
    const std::lock_guard lock(mutex_);
    const double seconds = std::chrono::duration<double>(next.taken - last_.taken).count();
    if (seconds <= 0) return;
    const Totals before = std::exchange(last_, next);
    now_.deliveries_per_second = static_cast<double>(next.deliveries - before.deliveries) / seconds;
    now_.publishes_per_second =
        static_cast<double>(next.publications - before.publications) / seconds;
    now_.channels = hub.channels;
    now_.subscriptions = hub.subscriptions;
    now_.connections = 0;
    now_.drops = hub.publications_lost_total;
    now_.queued_bytes = 0;
    for (transport::Loop* loop : sources_.loops) {
        const core::LaneStats& lane = loop->lane().stats();
        now_.connections += loop->stats().websockets.get() + loop->stats().streams.get();
        now_.drops +=
            lane.dropped_oldest.get() + lane.dropped_newest.get() + lane.lost_to_memory.get();
        now_.queued_bytes += lane.backlog_bytes.get();
    }
    now_.memory_bytes = resident_bytes();
    read_latency(next.taken);
    remember(deliveries_, now_.deliveries_per_second);
    remember(connections_, static_cast<double>(now_.connections));
}

void EngineSampler::read_latency(core::MonotonicTime now) {
    constexpr std::array kWanted{0.99};
    RollingQuantiles::Counts counts{};
    for (transport::Loop* loop : sources_.loops) {
        const core::LaneLatencies& part = loop->stats().message_time;
        for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += part.buckets[i].get();
    }
    const double p99 = latencies_.update(now, counts, kWanted).front().second;
    now_.p99_ms = std::isnan(p99) ? 0 : p99 * 1e3;
}

roblox::EngineOverview EngineSampler::overview() const {
    const std::lock_guard lock(mutex_);
    roblox::EngineOverview overview = now_;
    overview.uptime_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - begin_).count());
    overview.history_deliveries.assign(deliveries_.begin(), deliveries_.end());
    overview.history_connections.assign(connections_.begin(), connections_.end());
    return overview;
}

}  // namespace pulse::server
