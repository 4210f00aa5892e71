// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Numbers for operators. Libraries count in counters they were given or keep figures of their own
// that a collector reads when somebody asks; neither knows the text format they end up in.
//
// Names follow docs/operations/metrics.md: pulse_<part>_<thing>_<unit>, counters end in _total,
// seconds and bytes. Label values come from small fixed sets, never from peers.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pulse::core {

enum class MetricKind : std::uint8_t { counter, gauge, histogram, summary };

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// One series as it stands. For histograms `buckets` holds cumulative counts by upper bound, the
/// last bound being infinity; for summaries `quantiles` holds values by quantile (0 to 1). In both
/// `value` is the sum and `count` the number of observations.
struct MetricSample {
    MetricLabels labels;
    double value = 0;
    std::uint64_t count = 0;
    std::vector<std::pair<double, std::uint64_t>> buckets;
    std::vector<std::pair<double, double>> quantiles;
};

struct MetricFamily {
    std::string name;
    std::string help;
    MetricKind kind = MetricKind::counter;
    std::vector<MetricSample> samples;
};

/// **Thread-safe**; a relaxed atomic.
class Counter {
  public:
    void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t get() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// **Thread-safe.**
class Gauge {
  public:
    void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
    void add(double delta) noexcept { value_.fetch_add(delta, std::memory_order_relaxed); }
    [[nodiscard]] double get() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<double> value_{0};
};

/// **Thread-safe.** Every engine passes tests/contract/metrics.
class Metrics {
  public:
    virtual ~Metrics() = default;

    /// The series of that name and labels, made at the first call; lives as long as the registry.
    /// The same name must always come with the same kind.
    virtual Counter& counter(std::string_view name, std::string_view help,
                             MetricLabels labels = {}) = 0;
    virtual Gauge& gauge(std::string_view name, std::string_view help,
                         MetricLabels labels = {}) = 0;

    /// Called by collect(), on its thread; adds families. Removed when the token is destroyed,
    /// after which it is not running any more.
    using Collector = std::function<void(std::vector<MetricFamily>& out)>;
    using Token = std::shared_ptr<void>;
    [[nodiscard]] virtual Token add_collector(Collector collector) = 0;

    /// Everything as it stands, families sorted by name, equal names merged.
    [[nodiscard]] virtual std::vector<MetricFamily> collect() const = 0;
};

[[nodiscard]] std::unique_ptr<Metrics> make_memory_metrics();

}  // namespace pulse::core
