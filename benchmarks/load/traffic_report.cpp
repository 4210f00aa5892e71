// SPDX-License-Identifier: MIT OR Apache-2.0
// What a Traffic run reports: the meaning of each name is in ../README.md.
#include "clock.hpp"
#include "traffic.hpp"

#include <algorithm>

namespace pulse::load {
namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

void Traffic::report_parameters() {
    report_.add("scenario", options_.scenario_name);
    if (!options_.label.empty()) report_.add("label", options_.label);
    report_.add("protocol", options_.protocol);
    report_.add("channels", channel_count_);
    report_.add("subscribers", per_channel_);
    report_.add("publishers", publisher_count_ == 0 ? subscriber_count_ : publisher_count_);
    report_.add("size", options_.size);
    if (closed_loop_) {
        report_.add("window", options_.window);
    } else {
        report_.add("rate", options_.rate);
        report_.add("burst", options_.burst);
    }
    report_.add("verify", options_.verify);
}

void Traffic::report_rates(const Reading& begin, const Reading& end) {
    const double seconds = to_seconds(end.time_ns - begin.time_ns);
    const auto deliveries = static_cast<double>(end.deliveries - begin.deliveries);
    const auto reads = static_cast<double>(end.totals.reads - begin.totals.reads);
    const auto bytes = static_cast<double>(end.totals.bytes - begin.totals.bytes);
    report_.add("seconds", seconds);
    report_.add("deliveries", end.deliveries - begin.deliveries);
    report_.add("deliveries_per_s", ratio(deliveries, seconds));
    report_.add("publications_per_s",
                ratio(static_cast<double>(end.published - begin.published), seconds));
    if (stats_.watches()) {
        const auto cpu = static_cast<double>(end.server_cpu_ns - begin.server_cpu_ns);
        report_.add("server_cpu_us_per_delivery", ratio(cpu / 1e3, deliveries));
        report_.add("server_cpu_share", ratio(cpu / 1e9, seconds));
        report_each(begin, end);
    }
    const auto add_latency = [this](const char* name, double fraction) {
        report_.add(name, static_cast<double>(latency_.percentile(fraction)) / 1e3);
    };
    add_latency("latency_us_p50", 0.50);
    add_latency("latency_us_p90", 0.90);
    add_latency("latency_us_p99", 0.99);
    add_latency("latency_us_p999", 0.999);
    report_.add("latency_us_max", static_cast<double>(latency_.max()) / 1e3);
    report_.add("deliveries_per_read", ratio(deliveries, reads));
    report_.add("wire_bytes_per_delivery", ratio(bytes, deliveries));
    report_.add("load_cpu_share", ratio(to_seconds(end.own_cpu_ns - begin.own_cpu_ns), seconds));
    if (stats_.watches()) {
        report_.add("rss_before_bytes", rss_before_);
        report_.add("rss_bytes", stats_.rss_bytes());
    }
    if (end.deliveries == begin.deliveries) report_.fail("no delivery in the measured time");
}

/// With several processes: what each of them spent, numbered from 1 in the order of --pid.
void Traffic::report_each(const Reading& begin, const Reading& end) {
    const std::size_t count = std::min(begin.cpu_ns_each.size(), end.cpu_ns_each.size());
    if (count < 2) return;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name = "server_" + std::to_string(i + 1) + "_cpu_us";
        const auto cpu = static_cast<double>(end.cpu_ns_each[i] - begin.cpu_ns_each[i]) / 1e3;
        report_.add(name + "_per_delivery",
                    ratio(cpu, static_cast<double>(end.deliveries - begin.deliveries)));
        report_.add(name + "_per_publication",
                    ratio(cpu, static_cast<double>(end.published - begin.published)));
    }
}

void Traffic::report_outcome() {
    const std::uint64_t missing = outstanding();
    report_.add("missing", missing);
    report_.add("published", published_);
    if (missing > 0 && !options_.allow_loss) {
        report_.fail(std::to_string(missing) + " deliveries missing or too many");
    }
    if (stats_.watches()) report_.add("rss_peak_bytes", rss_peak_);
    if (!closed_loop_) {
        report_.add("send_lag_us_max", static_cast<double>(worst_lag_ns_) / 1e3);
        report_.add("skipped", skipped_);
    }
    if (slow_count_ > 0) {
        report_.add("slow_connections", slow_count_);
        report_.add("slow_closed", slow_closed_);
    }
    if (verifier_) {
        std::vector<std::uint64_t> published;
        for (const Channel& channel : channels_) {
            for (const Route& route : channel.routes) published.push_back(route.next_sequence);
        }
        verifier_->finish(published, report_);
    }
    report_common();
}

std::unique_ptr<Run> make_traffic(const Options& options, const Protocol& protocol,
                                  Report& report) {
    return std::make_unique<Traffic>(options, protocol, report);
}

}  // namespace pulse::load
