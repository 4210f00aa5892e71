// SPDX-License-Identifier: MIT OR Apache-2.0
// idle, connect and churn: what connections cost, rather than messages.
#include "clock.hpp"
#include "histogram.hpp"
#include "payload.hpp"
#include "run.hpp"

#include <algorithm>
#include <vector>

namespace pulse::load {
namespace {

constexpr std::uint64_t kPollNs = 20'000'000;
constexpr double kProofSeconds = 30.0;

double per(double amount, double count) { return count > 0 ? amount / count : 0; }

/// idle: opens N connections, all on channel 0 (or none), holds them, and proves with one
/// publication that every subscription is alive. Loop-bound.
class IdleRun final : public Run {
  public:
    using Run::Run;

    void execute() override {
        const std::uint32_t count = options_.connections;
        add_connections(count + 1, count + 1);  // the last one publishes the proof
        for (std::uint32_t i = 0; i < count; ++i) clients_->at(i).subscribes = options_.subscribe;

        report_.add("scenario", options_.scenario_name);
        if (!options_.label.empty()) report_.add("label", options_.label);
        report_.add("protocol", options_.protocol);
        report_.add("connections", count);
        report_.add("subscribed", options_.subscribe);

        const std::uint64_t rss_before = stats_.rss_bytes();
        const std::uint64_t cpu_before = stats_.cpu_ns();
        const std::uint64_t began = now_ns();
        open_range(0, count);
        const std::uint64_t opened = now_ns();
        const std::uint64_t cpu_opened = stats_.cpu_ns();
        linger(options_.hold);
        const double held = to_seconds(now_ns() - opened);
        const std::uint64_t cpu_held = stats_.cpu_ns();
        const std::uint64_t rss_after = stats_.rss_bytes();

        report_.add("open_seconds", to_seconds(opened - began));
        report_.add("opens_per_s", per(count, to_seconds(opened - began)));
        if (stats_.watches()) {
            report_.add("server_cpu_us_per_connection",
                        per(static_cast<double>(cpu_opened - cpu_before) / 1e3, count));
            report_.add("rss_before_bytes", rss_before);
            report_.add("rss_held_bytes", rss_after);
            report_.add(
                "rss_per_connection_bytes",
                per(static_cast<double>(rss_after) - static_cast<double>(rss_before), count));
            report_.add("idle_cpu_share", per(to_seconds(cpu_held - cpu_opened), held));
        }
        if (options_.subscribe) prove_alive(count);
        for (std::uint32_t i = 0; i <= count; ++i) {
            clients_->close(clients_->at(i), Clients::CloseHow::reset);
        }
        linger(std::min(options_.hold, 1.0));
        if (stats_.watches()) report_.add("rss_closed_bytes", stats_.rss_bytes());
        report_common();
    }

    void on_delivery(Connection& connection, std::optional<std::uint32_t>,
                     std::string_view payload) override {
        if (connection.probed || payload.size() != options_.size) return;
        connection.probed = true;
        ++reached_;
    }

  private:
    void prove_alive(std::uint32_t count) {
        open_range(count, 1);
        const RequestTemplate request =
            protocol_.publish(0, make_payload(options_.size, 0, 0, form()));
        const std::uint64_t began = now_ns();
        clients_->send(clients_->at(count), request.bytes);
        const std::uint64_t deadline = began + to_ns(kProofSeconds);
        while (reached_ < count && now_ns() < deadline && lost_ == 0) clients_->poll(kPollNs);
        report_.add("reached", reached_);
        report_.add("reach_all_ms", to_seconds(now_ns() - began) * 1e3);
        if (reached_ < count) report_.fail("not every connection was reached in the end");
    }

    std::uint32_t reached_ = 0;
};

/// connect: keeps N connections in the making; each is reset as soon as it is usable. Loop-bound.
class ConnectRun final : public Run {
  public:
    using Run::Run;

    void execute() override {
        const std::uint32_t count = options_.connections;
        add_connections(count, count);
        const std::uint64_t measure_at = now_ns() + to_ns(options_.warmup);
        std::uint64_t end_at = measure_at + to_ns(options_.duration);
        Reading begin{};
        for (std::uint32_t i = 0; i < count; ++i) to_open_.push_back(i);
        for (std::uint64_t now = now_ns(); now < end_at && lost_ == 0; now = now_ns()) {
            if (!measuring_ && now >= measure_at) {
                measuring_ = true;
                begin = take_reading();
                end_at = begin.time_ns + to_ns(options_.duration);
            }
            open_due();
            clients_->poll(kPollNs);
        }
        const Reading end = take_reading();
        measuring_ = false;

        const double seconds = to_seconds(end.time_ns - begin.time_ns);
        const auto connected = static_cast<double>(end.connected - begin.connected);
        report_.add("scenario", options_.scenario_name);
        if (!options_.label.empty()) report_.add("label", options_.label);
        report_.add("protocol", options_.protocol);
        report_.add("connections", count);
        report_.add("seconds", seconds);
        report_.add("connected", end.connected - begin.connected);
        report_.add("connects_per_s", per(connected, seconds));
        if (stats_.watches()) {
            const auto cpu = static_cast<double>(end.server_cpu_ns - begin.server_cpu_ns);
            report_.add("server_cpu_us_per_connection", per(cpu / 1e3, connected));
            report_.add("server_cpu_share", per(cpu / 1e9, seconds));
        }
        report_.add("latency_us_p50", static_cast<double>(latency_.percentile(0.5)) / 1e3);
        report_.add("latency_us_p99", static_cast<double>(latency_.percentile(0.99)) / 1e3);
        report_.add("latency_us_max", static_cast<double>(latency_.max()) / 1e3);
        report_.add("load_cpu_share", per(to_seconds(end.own_cpu_ns - begin.own_cpu_ns), seconds));
        if (connected < 1) report_.fail("no connection became usable");
        report_common();
    }

    void on_ready(Connection& connection) override {
        if (measuring_) latency_.record(now_ns() - connection.opened_ns);
        ++connected_;
        clients_->close(connection, Clients::CloseHow::reset);
        to_open_.push_back(connection.index);  // opened outside the callback of its own Reader
    }
    void on_subscribed(Connection&) override {}

  private:
    struct Reading {
        std::uint64_t time_ns = 0;
        std::uint64_t server_cpu_ns = 0;
        std::uint64_t own_cpu_ns = 0;
        std::uint64_t connected = 0;
    };

    void open_due() {
        for (const std::uint32_t index : to_open_) {
            std::string error;
            if (!clients_->open(clients_->at(index), error)) throw SetupError(error);
        }
        to_open_.clear();
    }
    [[nodiscard]] Reading take_reading() const {
        return {now_ns(), stats_.cpu_ns(), own_cpu_ns(), connected_};
    }

    std::vector<std::uint32_t> to_open_;
    Histogram latency_;
    std::uint64_t connected_ = 0;
    bool measuring_ = false;
};

/// churn: waves of N connections on channels of their own, opened and then closed in three ways
/// (goodbye, end of stream, reset). The server must be back at its descriptors after each wave, and
/// its memory must stop growing after the first. Loop-bound.
class ChurnRun final : public Run {
  public:
    using Run::Run;

    void execute() override {
        const std::uint32_t count = options_.connections;
        add_connections(count, std::uint64_t{count} * options_.waves);
        report_.add("scenario", options_.scenario_name);
        if (!options_.label.empty()) report_.add("label", options_.label);
        report_.add("protocol", options_.protocol);
        report_.add("connections", count);
        report_.add("waves", options_.waves);

        const std::uint64_t rss_before = stats_.rss_bytes();
        const std::uint64_t fds_before = stats_.descriptors();
        const std::uint64_t cpu_before = stats_.cpu_ns();
        const std::uint64_t began = now_ns();
        std::uint64_t rss_first = 0;
        for (std::uint32_t wave = 0; wave < options_.waves; ++wave) {
            run_wave(wave, count);
            if (!await_descriptors(fds_before)) break;
            if (wave == 0) rss_first = stats_.rss_bytes();
        }
        const double seconds = to_seconds(now_ns() - began);
        const double opened = static_cast<double>(count) * options_.waves;
        report_.add("seconds", seconds);
        report_.add("opens_per_s", per(opened, seconds));
        if (stats_.watches()) report_server(rss_before, rss_first, fds_before, cpu_before, opened);
        report_common();
    }

  private:
    static constexpr double kSettleSeconds = 10.0;

    void run_wave(std::uint32_t wave, std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) {
            Connection& connection = clients_->at(i);
            connection.subscribes = true;
            // Never a channel of an earlier wave: channels that stay behind would show, too.
            connection.channel = wave * count + i;
        }
        open_range(0, count);
        const std::string goodbye = protocol_.goodbye();
        for (std::uint32_t i = 0; i < count; ++i) {
            Connection& connection = clients_->at(i);
            if (i % 3 == 0) clients_->send(connection, goodbye);
            clients_->close(connection,
                            i % 3 == 2 ? Clients::CloseHow::reset : Clients::CloseHow::fin);
        }
    }

    bool await_descriptors(std::uint64_t before) {
        if (!stats_.watches()) return true;
        const std::uint64_t deadline = now_ns() + to_ns(kSettleSeconds);
        while (stats_.descriptors() > before) {
            if (now_ns() > deadline) {
                report_.fail("descriptors stay open after a wave");
                return false;
            }
            clients_->poll(kPollNs);
        }
        return true;
    }

    void report_server(std::uint64_t rss_before, std::uint64_t rss_first, std::uint64_t fds_before,
                       std::uint64_t cpu_before, double opened) {
        const std::uint64_t rss_last = stats_.rss_bytes();
        report_.add("server_cpu_us_per_connection",
                    per(static_cast<double>(stats_.cpu_ns() - cpu_before) / 1e3, opened));
        report_.add("fds_before", fds_before);
        report_.add("fds_after", stats_.descriptors());
        report_.add("rss_before_bytes", rss_before);
        report_.add("rss_first_wave_bytes", rss_first);
        report_.add("rss_last_wave_bytes", rss_last);
        if (options_.waves > 1) {
            report_.add("rss_growth_per_connection_bytes",
                        (static_cast<double>(rss_last) - static_cast<double>(rss_first)) /
                            (opened * (options_.waves - 1) / options_.waves));
        }
    }
};

}  // namespace

std::unique_ptr<Run> make_idle(const Options& options, const Protocol& protocol, Report& report) {
    return std::make_unique<IdleRun>(options, protocol, report);
}

std::unique_ptr<Run> make_connect(const Options& options, const Protocol& protocol,
                                  Report& report) {
    return std::make_unique<ConnectRun>(options, protocol, report);
}

std::unique_ptr<Run> make_churn(const Options& options, const Protocol& protocol, Report& report) {
    return std::make_unique<ChurnRun>(options, protocol, report);
}

}  // namespace pulse::load
