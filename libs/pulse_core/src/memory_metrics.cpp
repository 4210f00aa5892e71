// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <cassert>
#include <list>
#include <map>
#include <mutex>
#include <utility>

#include <pulse/core/metrics.hpp>

namespace pulse::core {

namespace {

/// A collector and what keeps its end apart from its run: whoever ends it waits for a run under
/// way.
struct CollectorSlot {
    std::mutex mutex;
    Metrics::Collector function;  ///< empty once ended
};

struct Collectors {
    std::mutex mutex;
    std::list<std::shared_ptr<CollectorSlot>> slots;
};

/// Samples of one family with equal labels become one; they count the same thing in several places.
void merge_samples(std::vector<MetricSample>& samples) {
    std::stable_sort(
        samples.begin(), samples.end(),
        [](const MetricSample& a, const MetricSample& b) { return a.labels < b.labels; });
    std::vector<MetricSample> merged;
    merged.reserve(samples.size());
    for (MetricSample& sample : samples) {
        if (merged.empty() || merged.back().labels != sample.labels) {
            merged.push_back(std::move(sample));
            continue;
        }
        MetricSample& into = merged.back();
        // Quantiles cannot be added, nor histograms with other bounds: the first stands.
        if (!into.quantiles.empty() || !sample.quantiles.empty()) continue;
        const auto same_bound = [](const auto& a, const auto& b) { return a.first == b.first; };
        if (!std::equal(into.buckets.begin(), into.buckets.end(), sample.buckets.begin(),
                        sample.buckets.end(), same_bound)) {
            continue;
        }
        into.value += sample.value;
        into.count += sample.count;
        for (std::size_t i = 0; i < into.buckets.size(); ++i) {
            into.buckets[i].second += sample.buckets[i].second;
        }
    }
    samples = std::move(merged);
}

std::vector<MetricFamily> merge_families(std::vector<MetricFamily> families) {
    std::stable_sort(families.begin(), families.end(),
                     [](const MetricFamily& a, const MetricFamily& b) { return a.name < b.name; });
    std::vector<MetricFamily> merged;
    for (MetricFamily& family : families) {
        if (merged.empty() || merged.back().name != family.name) {
            merged.push_back(std::move(family));
            continue;
        }
        MetricFamily& into = merged.back();
        assert(into.kind == family.kind);
        if (into.kind != family.kind) continue;  // a text with two kinds of one name is unreadable
        if (into.help.empty()) into.help = std::move(family.help);
        std::move(family.samples.begin(), family.samples.end(), std::back_inserter(into.samples));
    }
    for (MetricFamily& family : merged) {
        for (MetricSample& sample : family.samples) {
            std::sort(sample.labels.begin(), sample.labels.end());
        }
        merge_samples(family.samples);
    }
    return merged;
}

class MemoryMetrics final : public Metrics {
  public:
    Counter& counter(std::string_view name, std::string_view help, MetricLabels labels) override {
        const std::lock_guard lock(mutex_);
        return series(name, help, MetricKind::counter, std::move(labels)).counter;
    }

    Gauge& gauge(std::string_view name, std::string_view help, MetricLabels labels) override {
        const std::lock_guard lock(mutex_);
        return series(name, help, MetricKind::gauge, std::move(labels)).gauge;
    }

    [[nodiscard]] Token add_collector(Collector collector) override {
        auto slot = std::make_shared<CollectorSlot>();
        slot->function = std::move(collector);
        const std::lock_guard lock(collectors_->mutex);
        const auto place = collectors_->slots.insert(collectors_->slots.end(), slot);
        return Token(slot.get(), [slot, place, collectors = collectors_](void*) {
            {
                const std::lock_guard list_lock(collectors->mutex);
                collectors->slots.erase(place);
            }
            const std::lock_guard run_lock(slot->mutex);
            slot->function = nullptr;
        });
    }

    [[nodiscard]] std::vector<MetricFamily> collect() const override {
        std::vector<MetricFamily> families = own_families();
        std::vector<std::shared_ptr<CollectorSlot>> slots;
        {
            const std::lock_guard lock(collectors_->mutex);
            slots.assign(collectors_->slots.begin(), collectors_->slots.end());
        }
        // A collector may count and even register while it runs: no lock of the registry is held.
        for (const auto& slot : slots) {
            const std::lock_guard lock(slot->mutex);
            if (slot->function) slot->function(families);
        }
        return merge_families(std::move(families));
    }

  private:
    struct Series {
        Counter counter;
        Gauge gauge;
    };
    struct Family {
        MetricKind kind;
        std::string help;
        std::map<MetricLabels, Series> series;  ///< a tree's nodes stay where they are
    };

    Series& series(std::string_view name, std::string_view help, MetricKind kind,
                   MetricLabels labels) {
        std::sort(labels.begin(), labels.end());
        auto place = families_.find(name);
        if (place == families_.end()) {
            place = families_.emplace(std::string(name), Family{kind, std::string(help), {}}).first;
        }
        assert(place->second.kind == kind && "one name, one kind");
        // Release builds count on, where it does no harm and shows nowhere.
        if (place->second.kind != kind) return misnamed_;
        return place->second.series[std::move(labels)];
    }

    [[nodiscard]] std::vector<MetricFamily> own_families() const {
        const std::lock_guard lock(mutex_);
        std::vector<MetricFamily> families;
        families.reserve(families_.size());
        for (const auto& [name, family] : families_) {
            MetricFamily out{name, family.help, family.kind, {}};
            for (const auto& [labels, series] : family.series) {
                MetricSample sample;
                sample.labels = labels;
                sample.value = family.kind == MetricKind::counter
                                   ? static_cast<double>(series.counter.get())
                                   : series.gauge.get();
                out.samples.push_back(std::move(sample));
            }
            families.push_back(std::move(out));
        }
        return families;
    }

    mutable std::mutex mutex_;
    std::map<std::string, Family, std::less<>> families_;
    Series misnamed_;
    std::shared_ptr<Collectors> collectors_ = std::make_shared<Collectors>();
};

}  // namespace

std::unique_ptr<Metrics> make_memory_metrics() { return std::make_unique<MemoryMetrics>(); }

}  // namespace pulse::core
