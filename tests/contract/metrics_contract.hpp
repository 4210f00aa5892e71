// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every Metrics registry keeps to. Call it in a TEST_CASE of its own.
#pragma once

#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <pulse/core/metrics.hpp>

namespace pulse::contract {

inline void metrics_contract(const std::function<std::unique_ptr<core::Metrics>()>& make) {
    const std::unique_ptr<core::Metrics> metrics = make();
    const auto family = [&](std::string_view name) {
        for (const core::MetricFamily& each : metrics->collect()) {
            if (each.name == name) return each;
        }
        return core::MetricFamily{};
    };

    SECTION("a new registry is empty") { CHECK(metrics->collect().empty()); }

    SECTION("a counter counts and shows with its name, help and kind") {
        core::Counter& counter = metrics->counter("pulse_test_total", "What was counted");
        CHECK(counter.get() == 0);
        counter.add();
        counter.add(41);
        const core::MetricFamily shown = family("pulse_test_total");
        CHECK(shown.help == "What was counted");
        CHECK(shown.kind == core::MetricKind::counter);
        REQUIRE(shown.samples.size() == 1);
        CHECK(shown.samples[0].labels.empty());
        CHECK(shown.samples[0].value == 42);
    }

    SECTION("a gauge goes up and down") {
        core::Gauge& gauge = metrics->gauge("pulse_test_bytes", "What there is");
        gauge.set(10);
        gauge.add(5);
        gauge.add(-7.5);
        CHECK(gauge.get() == 7.5);
        const core::MetricFamily shown = family("pulse_test_bytes");
        CHECK(shown.kind == core::MetricKind::gauge);
        REQUIRE(shown.samples.size() == 1);
        CHECK(shown.samples[0].value == 7.5);
    }

    SECTION("a series shows at zero before its first use") {
        (void)metrics->counter("pulse_test_total", "");
        REQUIRE(family("pulse_test_total").samples.size() == 1);
        CHECK(family("pulse_test_total").samples[0].value == 0);
    }

    SECTION("the same name and labels are the same series, in whatever order the labels come") {
        core::Counter& first = metrics->counter("pulse_test_total", "", {{"a", "1"}, {"b", "2"}});
        core::Counter& again = metrics->counter("pulse_test_total", "", {{"b", "2"}, {"a", "1"}});
        core::Counter& other = metrics->counter("pulse_test_total", "", {{"a", "1"}, {"b", "3"}});
        core::Counter& fewer = metrics->counter("pulse_test_total", "", {{"a", "1"}});
        CHECK(&first == &again);
        CHECK(&first != &other);
        CHECK(&first != &fewer);
        first.add(1);
        other.add(2);
        fewer.add(3);
        const core::MetricFamily shown = family("pulse_test_total");
        REQUIRE(shown.samples.size() == 3);
        double sum = 0;
        for (const core::MetricSample& sample : shown.samples) sum += sample.value;
        CHECK(sum == 6);
    }

    SECTION("a series stays where it is while others are made") {
        core::Counter& first = metrics->counter("pulse_test_total", "", {{"n", "first"}});
        for (int i = 0; i < 1000; ++i) {
            metrics->counter("pulse_test_total", "", {{"n", std::to_string(i)}}).add();
            (void)metrics->gauge("pulse_test_" + std::to_string(i), "");
        }
        first.add(7);
        CHECK(&metrics->counter("pulse_test_total", "", {{"n", "first"}}) == &first);
        CHECK(first.get() == 7);
    }

    SECTION("families come sorted by name, each once") {
        (void)metrics->counter("pulse_c_total", "");
        (void)metrics->gauge("pulse_a", "");
        const core::Metrics::Token token =
            metrics->add_collector([](std::vector<core::MetricFamily>& out) {
                out.push_back({"pulse_b", "", core::MetricKind::gauge, {}});
                out.push_back({"pulse_a", "", core::MetricKind::gauge, {}});
            });
        std::vector<std::string> names;
        for (const core::MetricFamily& each : metrics->collect()) names.push_back(each.name);
        CHECK(names == std::vector<std::string>{"pulse_a", "pulse_b", "pulse_c_total"});
    }

    SECTION("what several collectors and the registry say of one family is merged") {
        metrics->counter("pulse_test_total", "help", {{"part", "own"}}).add(1);
        const auto collector = [](std::string part, double value) {
            return [part = std::move(part), value](std::vector<core::MetricFamily>& out) {
                core::MetricSample sample;
                sample.labels = {{"part", part}};
                sample.value = value;
                out.push_back(
                    {"pulse_test_total", "", core::MetricKind::counter, {std::move(sample)}});
            };
        };
        const auto first = metrics->add_collector(collector("a", 10));
        const auto second = metrics->add_collector(collector("b", 20));
        const auto third = metrics->add_collector(collector("a", 5));
        const core::MetricFamily shown = family("pulse_test_total");
        CHECK(shown.help == "help");
        REQUIRE(shown.samples.size() == 3);
        std::vector<std::pair<std::string, double>> values;
        for (const auto& sample : shown.samples) {
            REQUIRE(sample.labels.size() == 1);
            values.emplace_back(sample.labels[0].second, sample.value);
        }
        std::sort(values.begin(), values.end());
        CHECK(values ==
              std::vector<std::pair<std::string, double>>{{"a", 15}, {"b", 20}, {"own", 1}});
    }

    SECTION("equal histograms are added bucket by bucket") {
        const auto collector = [](std::vector<core::MetricFamily>& out) {
            core::MetricSample sample;
            sample.value = 2.5;
            sample.count = 3;
            sample.buckets = {{1, 1}, {std::numeric_limits<double>::infinity(), 3}};
            out.push_back({"pulse_test_seconds", "", core::MetricKind::histogram, {sample}});
        };
        const auto first = metrics->add_collector(collector);
        const auto second = metrics->add_collector(collector);
        const core::MetricFamily shown = family("pulse_test_seconds");
        REQUIRE(shown.samples.size() == 1);
        CHECK(shown.samples[0].value == 5);
        CHECK(shown.samples[0].count == 6);
        REQUIRE(shown.samples[0].buckets.size() == 2);
        CHECK(shown.samples[0].buckets[0].second == 2);
        CHECK(shown.samples[0].buckets[1].second == 6);
    }

    SECTION("quantiles cannot be added, so the first summary stands whole") {
        const auto collector = [](double median, double sum) {
            return [median, sum](std::vector<core::MetricFamily>& out) {
                core::MetricSample sample;
                sample.value = sum;
                sample.count = 1;
                sample.quantiles = {{0.5, median}};
                out.push_back({"pulse_test_seconds", "", core::MetricKind::summary, {sample}});
            };
        };
        const auto first = metrics->add_collector(collector(1, 10));
        const auto second = metrics->add_collector(collector(2, 20));
        const core::MetricFamily shown = family("pulse_test_seconds");
        CHECK(shown.kind == core::MetricKind::summary);
        REQUIRE(shown.samples.size() == 1);
        CHECK(shown.samples[0].value == 10);
        CHECK(shown.samples[0].count == 1);
        CHECK(shown.samples[0].quantiles == std::vector<std::pair<double, double>>{{0.5, 1}});
    }

    SECTION("a collector runs until its token goes") {
        int runs = 0;
        core::Metrics::Token token =
            metrics->add_collector([&runs](std::vector<core::MetricFamily>&) { ++runs; });
        (void)metrics->collect();
        (void)metrics->collect();
        CHECK(runs == 2);
        token.reset();
        (void)metrics->collect();
        CHECK(runs == 2);
    }

    SECTION("what a collector holds goes with its token") {
        const auto held = std::make_shared<int>(1);
        core::Metrics::Token token =
            metrics->add_collector([held](std::vector<core::MetricFamily>&) {});
        CHECK(held.use_count() == 2);
        token.reset();
        CHECK(held.use_count() == 1);
    }

    SECTION("a collector may use the registry") {
        const auto token = metrics->add_collector([&](std::vector<core::MetricFamily>&) {
            metrics->counter("pulse_collections_total", "").add();
        });
        (void)metrics->collect();
        (void)metrics->collect();
        CHECK(metrics->counter("pulse_collections_total", "").get() == 2);
    }

    SECTION("a token waits for a run under way") {
        std::atomic<bool> is_stopping{false};
        std::thread collecting([&] {
            while (!is_stopping) (void)metrics->collect();
        });
        for (int i = 0; i < 200; ++i) {
            auto value = std::make_unique<std::uint64_t>(0);
            auto token = metrics->add_collector(
                [raw = value.get()](std::vector<core::MetricFamily>&) { ++*raw; });
            token.reset();
            value.reset();  // a run still under way would write to freed memory
        }
        is_stopping = true;
        collecting.join();
        CHECK(metrics->collect().empty());
    }

    SECTION("threads that count, register and collect at once lose nothing") {
        constexpr int kThreads = 4;
        constexpr int kEach = 2000;
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < kEach; ++i) {
                    metrics->counter("pulse_test_total", "", {{"n", std::to_string(i % 7)}}).add();
                    metrics->gauge("pulse_test", "").add(1);
                    if (i % 100 == 0) (void)metrics->collect();
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        double sum = 0;
        for (const auto& sample : family("pulse_test_total").samples) sum += sample.value;
        CHECK(sum == kThreads * kEach);
        CHECK(metrics->gauge("pulse_test", "").get() == kThreads * kEach);
    }
}

}  // namespace pulse::contract
