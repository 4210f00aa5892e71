// SPDX-License-Identifier: MIT OR Apache-2.0
#include "exposition.hpp"

#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace pulse::server {

namespace {

prometheus::MetricType type_of(core::MetricKind kind) {
    switch (kind) {
        case core::MetricKind::counter:
            return prometheus::MetricType::Counter;
        case core::MetricKind::gauge:
            return prometheus::MetricType::Gauge;
        case core::MetricKind::histogram:
            return prometheus::MetricType::Histogram;
        case core::MetricKind::summary:
            return prometheus::MetricType::Summary;
    }
    return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric convert(const core::MetricSample& sample, core::MetricKind kind) {
    prometheus::ClientMetric out;
    for (const auto& [name, value] : sample.labels) out.label.push_back({name, value});
    switch (kind) {
        case core::MetricKind::counter:
            out.counter.value = sample.value;
            break;
        case core::MetricKind::gauge:
            out.gauge.value = sample.value;
            break;
        case core::MetricKind::histogram:
            out.histogram.sample_count = sample.count;
            out.histogram.sample_sum = sample.value;
            for (const auto& [bound, count] : sample.buckets) {
                prometheus::ClientMetric::Bucket bucket;
                bucket.upper_bound = bound;
                bucket.cumulative_count = count;
                out.histogram.bucket.push_back(bucket);
            }
            break;
        case core::MetricKind::summary:
            out.summary.sample_count = sample.count;
            out.summary.sample_sum = sample.value;
            for (const auto& [quantile, value] : sample.quantiles) {
                out.summary.quantile.push_back({quantile, value});
            }
            break;
    }
    return out;
}

}  // namespace

std::string exposition(const core::Metrics& metrics) {
    std::vector<prometheus::MetricFamily> families;
    for (const core::MetricFamily& family : metrics.collect()) {
        prometheus::MetricFamily out;
        out.name = family.name;
        out.help = family.help;
        out.type = type_of(family.kind);
        for (const core::MetricSample& sample : family.samples) {
            out.metric.push_back(convert(sample, family.kind));
        }
        families.push_back(std::move(out));
    }
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace pulse::server
