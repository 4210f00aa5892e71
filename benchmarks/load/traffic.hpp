// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "histogram.hpp"
#include "run.hpp"
#include "verifier.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pulse::load {

/// fanout, rooms, echo and slow: publications go out, deliveries come in.
///
/// Connections are laid out as [subscribers, channel by channel][publishers][never-reading ones].
/// Phases: open and subscribe; probe until each subscriber has received; warm up; measure; drain.
/// Closed loop: a publication counts as done when as many deliveries as the channel has subscribers
/// came in; when half the window is done it is filled up again in one write. Open loop:
/// publications carry the time they were due, so that a stall of server or generator shows in the
/// latency. Loop-bound.
class Traffic final : public Run {
  public:
    Traffic(const Options& options, const Protocol& protocol, Report& report);
    void execute() override;

    void on_subscribed(Connection& connection) override;
    void on_ready(Connection& connection) override;
    void on_delivery(Connection& connection, std::optional<std::uint32_t> channel,
                     std::string_view payload) override;
    void on_pong(Connection& connection, std::uint64_t stamp) override;
    void on_bytes(Connection& connection, char* data, std::size_t size) override;
    void on_lost(Connection& connection, const std::string& why) override;

  private:
    /// One publisher of one channel.
    struct Route {
        std::uint32_t publisher = 0;  // connection index
        RequestTemplate request;
        std::uint64_t next_sequence = 0;
    };
    struct Channel {
        std::vector<Route> routes;
        RequestTemplate probe;
        std::size_t turn = 0;
        std::uint64_t published = 0;
        std::uint64_t received = 0;
        std::uint64_t refill_at = 0;
    };
    struct Reading {
        std::uint64_t time_ns = 0;
        std::uint64_t server_cpu_ns = 0;
        std::vector<std::uint64_t> cpu_ns_each{};  ///< by process
        std::uint64_t own_cpu_ns = 0;
        std::uint64_t deliveries = 0;
        std::uint64_t published = 0;
        Clients::Totals totals;
    };

    void lay_out();
    void build_channels();
    [[nodiscard]] RequestTemplate request_for(std::uint32_t channel, std::uint32_t publisher) const;
    [[nodiscard]] bool is_expendable(const Connection& connection) const override;

    void probe();
    void load();
    void drain();
    void reap_slow();

    void publish(Channel& channel, std::uint32_t count, std::uint64_t stamp_ns);
    void refill(Channel& channel);
    void publish_due(std::uint64_t now);
    void deliver(Connection& connection, const PayloadHeader& header, std::uint64_t now);
    void note_probe(Connection& connection);
    [[nodiscard]] Reading take_reading() const;
    void sample_memory(std::uint64_t now);
    [[nodiscard]] std::uint64_t outstanding() const;

    void report_parameters();
    void report_rates(const Reading& begin, const Reading& end);
    void report_each(const Reading& begin, const Reading& end);
    void report_outcome();

    Scanner scanner_;
    Histogram latency_;
    std::optional<Verifier> verifier_;
    std::vector<Channel> channels_;
    std::string scratch_;  // several requests for one write

    std::uint32_t channel_count_ = 0;
    std::uint32_t per_channel_ = 0;
    std::uint32_t subscriber_count_ = 0;
    std::uint32_t publisher_count_ = 0;  // 0: each subscriber publishes itself (echo)
    std::uint32_t slow_first_ = 0;
    std::uint32_t slow_count_ = 0;
    std::uint32_t routes_ = 1;
    bool parse_always_ = false;
    bool uses_channels_ = true;

    bool closed_loop_ = false;
    bool publishing_ = false;
    bool measuring_ = false;
    bool reaping_ = false;
    std::uint32_t unprobed_ = 0;
    std::uint64_t deliveries_ = 0;
    std::uint64_t published_ = 0;
    std::uint64_t skipped_ = 0;
    std::uint64_t slow_closed_ = 0;

    std::uint64_t next_due_ = 0;
    std::uint64_t interval_ns_ = 0;
    std::size_t due_channel_ = 0;
    std::uint64_t worst_lag_ns_ = 0;

    std::uint64_t rss_before_ = 0;
    std::uint64_t rss_peak_ = 0;
    std::uint64_t next_sample_ = 0;
};

}  // namespace pulse::load
