// SPDX-License-Identifier: MIT OR Apache-2.0
#include "engine_metrics.hpp"

#include "rolling_quantiles.hpp"

#include <array>
#include <limits>
#include <memory>
#include <utility>

namespace pulse::server {

namespace {

using core::MetricFamily;
using core::MetricKind;
using core::MetricLabels;
using core::MetricSample;

class Builder {
  public:
    explicit Builder(std::vector<MetricFamily>& out) : out_(out) {}

    Builder& family(const char* name, MetricKind kind, const char* help) {
        out_.push_back({name, help, kind, {}});
        return *this;
    }
    Builder& sample(std::uint64_t value, MetricLabels labels = {}) {
        MetricSample sample;
        sample.labels = std::move(labels);
        sample.value = static_cast<double>(value);
        out_.back().samples.push_back(std::move(sample));
        return *this;
    }
    void counter(const char* name, const char* help, std::uint64_t value) {
        family(name, MetricKind::counter, help).sample(value);
    }
    void gauge(const char* name, const char* help, std::uint64_t value) {
        family(name, MetricKind::gauge, help).sample(value);
    }

  private:
    std::vector<MetricFamily>& out_;
};

/// Sums one figure over the loops.
class Totals {
  public:
    explicit Totals(const MetricSources& sources) : sources_(sources) {}

    [[nodiscard]] std::uint64_t loop(core::LaneCounter transport::LoopStats::*field) const {
        return sum([&](transport::Loop& l) { return (l.stats().*field).get(); });
    }
    [[nodiscard]] std::uint64_t lane(core::LaneCounter core::LaneStats::*field) const {
        return sum([&](transport::Loop& l) { return (l.lane().stats().*field).get(); });
    }
    [[nodiscard]] std::uint64_t native(core::LaneCounter core::native::NativeStats::*field) const {
        return sum([&](transport::Loop& l) {
            return (sources_.native.stats(l.lane().index()).*field).get();
        });
    }
    [[nodiscard]] MetricSample histogram(core::LaneHistogram core::LaneStats::*field, double first,
                                         double unit) const {
        MetricSample sample;
        std::uint64_t counts[core::LaneHistogram::kBuckets] = {};
        for (transport::Loop* l : sources_.loops) {
            const core::LaneHistogram& part = l->lane().stats().*field;
            for (std::size_t i = 0; i < core::LaneHistogram::kBuckets; ++i) {
                counts[i] += part.buckets[i].get();
            }
            sample.value += static_cast<double>(part.sum.get()) * unit;
        }
        double bound = first * unit;
        for (std::size_t i = 0; i < core::LaneHistogram::kBuckets; ++i) {
            sample.count += counts[i];
            const bool is_last = i + 1 == core::LaneHistogram::kBuckets;
            sample.buckets.emplace_back(is_last ? std::numeric_limits<double>::infinity() : bound,
                                        sample.count);
            bound *= 2;
        }
        return sample;
    }

  private:
    template <typename Read>
    std::uint64_t sum(Read&& read) const {
        std::uint64_t total = 0;
        for (transport::Loop* l : sources_.loops) total += read(*l);
        return total;
    }
    const MetricSources& sources_;
};

void add_traffic(Builder& out, const Totals& total, const core::HubStats& hub) {
    using Lane = core::LaneStats;
    using Native = core::native::NativeStats;
    // The greeting answers nobody. Read before the sums that hold it, which so never fall below it.
    const std::uint64_t greetings = total.native(&Native::greetings);
    const std::uint64_t greeting_bytes = total.native(&Native::greeting_bytes);
    out.family("pulse_messages_total", MetricKind::counter,
               "Frames by direction: decoded from clients, sent to them, published to channels.")
        .sample(total.native(&Native::frames_in), {{"direction", "inbound"}})
        .sample(total.lane(&Lane::replies) + total.lane(&Lane::deliveries) - greetings,
                {{"direction", "outbound"}})
        .sample(hub.publications_total, {{"direction", "broadcast"}});
    out.family("pulse_messages_bytes", MetricKind::counter,
               "Bytes by direction: encoded frames from clients, to clients, payloads published.")
        .sample(total.native(&Native::frame_bytes_in), {{"direction", "inbound"}})
        .sample(
            total.lane(&Lane::reply_bytes) + total.lane(&Lane::delivered_bytes) - greeting_bytes,
            {{"direction", "outbound"}})
        .sample(hub.publication_bytes_total, {{"direction", "broadcast"}});
    out.gauge("pulse_channels_active", "Channels with at least one subscriber.", hub.channels);
    out.counter("pulse_subscriptions_total", "Successful subscribes.", hub.subscribes_total);
    out.gauge("pulse_subscriptions_active", "Subscriptions now.", hub.subscriptions);
    out.counter(
        "pulse_deliveries_total",
        "Publications and presence events handed to a subscriber's connection, in any dialect.",
        total.lane(&Lane::deliveries));
}

void add_connections(Builder& out, const Totals& total) {
    using Loop = transport::LoopStats;
    out.counter("pulse_connections_total", "WebSocket connections accepted.",
                total.loop(&Loop::upgrades));
    out.gauge("pulse_connections_active", "WebSocket connections open now.",
              total.loop(&Loop::websockets));
    out.gauge("pulse_streams_active", "Endless HTTP responses (server-sent events) open now.",
              total.loop(&Loop::streams));
    out.gauge("pulse_sockets_active", "Sockets open now, HTTP included.",
              total.loop(&Loop::sockets));
    out.counter("pulse_connections_refused_total",
                "WebSocket upgrades answered with an error status.",
                total.loop(&Loop::upgrades_refused));
    out.counter("pulse_accept_pauses_total",
                "Times accepting was suspended for want of file descriptors.",
                total.loop(&Loop::accept_pauses));
    out.counter("pulse_http_requests_total", "HTTP requests answered, upgrades not included.",
                total.loop(&Loop::requests));
    out.family("pulse_evictions_total", MetricKind::counter,
               "Connections closed by the server, by reason.")
        .sample(total.loop(&Loop::slow_closes), {{"reason", "slow_consumer"}})
        .sample(total.loop(&Loop::idle_closes), {{"reason", "idle"}})
        .sample(total.loop(&Loop::protocol_errors), {{"reason", "protocol_error"}});
}

void add_trouble(Builder& out, const Totals& total, const MetricSources& sources) {
    using Lane = core::LaneStats;
    using Native = core::native::NativeStats;
    out.family("pulse_errors_total", MetricKind::counter, "Errors by type.")
        .sample(total.loop(&transport::LoopStats::read_errors), {{"type", "websocket"}})
        .sample(total.native(&Native::invalid_frames), {{"type", "frame"}})
        .sample(total.native(&Native::errors_sent), {{"type", "answered"}});
    out.family("pulse_dropped_total", MetricKind::counter,
               "Publications (under memory: answers too) not delivered, by reason.")
        .sample(total.lane(&Lane::dropped_oldest), {{"reason", "drop_oldest"}})
        .sample(total.lane(&Lane::dropped_newest), {{"reason", "drop_newest"}})
        .sample(total.lane(&Lane::lost_to_memory) + sources.hub.stats().publications_lost_total,
                {{"reason", "memory"}});
    out.gauge("pulse_queue_bytes", "Bytes waiting for clients whose sockets are full.",
              total.lane(&Lane::backlog_bytes));
    out.gauge("pulse_queue_connections", "Connections whose sockets are full.",
              total.lane(&Lane::backlog_outlets));
    out.gauge("pulse_memory_budget_used_bytes", "Memory held for clients' input and output.",
              sources.budget.used());
    out.gauge("pulse_memory_budget_limit_bytes", "Limit of that memory.", sources.budget.limit());
    out.counter("pulse_memory_budget_refusals_total", "Times that limit was hit.",
                sources.budget.refusals());
    out.counter("pulse_rate_limited_total", "Requests refused by a rate limit.",
                total.native(&Native::rate_limited));
    out.counter("pulse_authentication_failures_total", "Tokens refused or missing in time.",
                total.native(&Native::authentication_failures));
}

/// The field's dashboards know this name and these quantiles as a summary.
void add_latency(Builder& out, std::vector<MetricFamily>& families, const MetricSources& sources,
                 RollingQuantiles& quantiles) {
    constexpr std::array kWanted{0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0};
    RollingQuantiles::Counts counts{};
    MetricSample sample;
    for (transport::Loop* loop : sources.loops) {
        const core::LaneLatencies& part = loop->stats().message_time;
        for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += part.buckets[i].get();
        sample.count += part.count.get();
        sample.value += static_cast<double>(part.sum.get()) * 1e-9;
    }
    sample.quantiles = quantiles.update(sources.hub.clock().now(), counts, kWanted);
    out.family("pulse_latency_seconds", MetricKind::summary,
               "From a client's message being read to all it caused being written, by quantile of "
               "about the last minute.");
    families.back().samples.push_back(std::move(sample));
}

void add_times(Builder& out, std::vector<MetricFamily>& families, const Totals& total) {
    out.family("pulse_fan_out_subscribers", MetricKind::histogram,
               "Subscribers per batch of publications on one event loop.");
    families.back().samples.push_back(total.histogram(
        &core::LaneStats::fan_out, static_cast<double>(core::LaneStats::kFanOutFirst), 1));
    out.family("pulse_publish_to_write_seconds", MetricKind::histogram,
               "From the first publication of a batch until it was handed to the sockets.");
    families.back().samples.push_back(
        total.histogram(&core::LaneStats::publish_to_write,
                        static_cast<double>(core::LaneStats::kLatencyFirst), 1e-9));
}

}  // namespace

core::Metrics::Token add_engine_metrics(core::Metrics& metrics, MetricSources sources) {
    auto quantiles = std::make_shared<RollingQuantiles>();
    return metrics.add_collector(
        [sources = std::move(sources), quantiles](std::vector<MetricFamily>& out) {
            Builder builder(out);
            const Totals total(sources);
            add_latency(builder, out, sources, *quantiles);
            add_traffic(builder, total, sources.hub.stats());
            add_connections(builder, total);
            add_trouble(builder, total, sources);
            add_times(builder, out, total);
            builder.family("pulse_build_info", MetricKind::gauge, "Always 1; see the labels.")
                .sample(1, {{"version", sources.version}});
        });
}

}  // namespace pulse::server
