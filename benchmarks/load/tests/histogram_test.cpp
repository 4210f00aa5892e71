// SPDX-License-Identifier: MIT OR Apache-2.0
#include "histogram.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

using pulse::load::Histogram;

TEST_CASE("an empty histogram has percentiles of zero", "[load][histogram]") {
    const auto histogram = std::make_unique<Histogram>();
    CHECK(histogram->percentile(0.5) == 0);
    CHECK(histogram->max() == 0);
}

TEST_CASE("small values are kept exactly", "[load][histogram]") {
    const auto histogram = std::make_unique<Histogram>();
    for (std::uint64_t value = 1; value <= 100; ++value) histogram->record(value);
    CHECK(histogram->percentile(0.0) == 1);
    CHECK(histogram->percentile(0.5) == 50);
    CHECK(histogram->percentile(0.99) == 99);
    CHECK(histogram->percentile(1.0) == 100);
}

TEST_CASE("percentiles stay within 0.8 percent of the sorted truth", "[load][histogram]") {
    const auto histogram = std::make_unique<Histogram>();
    std::mt19937_64 random(7);
    std::lognormal_distribution<double> latencies(10.0, 2.5);
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 20'000; ++i) {
        values.push_back(static_cast<std::uint64_t>(latencies(random)));
        histogram->record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double fraction : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999}) {
        const auto rank = static_cast<std::size_t>(std::ceil(fraction * 20'000)) - 1;
        const auto truth = static_cast<double>(values[rank]);
        const auto got = static_cast<double>(histogram->percentile(fraction));
        INFO("fraction " << fraction << " truth " << truth << " got " << got);
        CHECK(std::abs(got - truth) <= truth * 0.008 + 1);
    }
    CHECK(histogram->max() == values.back());
    CHECK(histogram->count() == values.size());
}

TEST_CASE("values beyond the last bucket report the exact maximum", "[load][histogram]") {
    const auto histogram = std::make_unique<Histogram>();
    histogram->record(~std::uint64_t{0});
    CHECK(histogram->percentile(0.5) == ~std::uint64_t{0});
}
