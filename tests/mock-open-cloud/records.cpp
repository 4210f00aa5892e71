// SPDX-License-Identifier: MIT OR Apache-2.0
#include "records.hpp"

#include <numeric>
#include <utility>

namespace pulse::mock {

namespace {

template <typename Entry>
void push(std::deque<Entry>& ring, Entry entry, std::size_t most) {
    if (ring.size() >= most) ring.pop_front();
    ring.push_back(std::move(entry));
}

/// At most `most` bytes, not cut inside a character.
void shorten(std::string& text, std::size_t most) {
    if (text.size() <= most) return;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
    text.resize(most);
    text.shrink_to_fit();
}

}  // namespace

void Records::add(LogEntry entry) {
    entry.n = next_log++;
    shorten(entry.topic, kMaxTextBytes);
    shorten(entry.message, kMaxTextBytes);
    push(log, std::move(entry), kMaxLog);
}

void Records::add(Violation violation) {
    ++violation_counts[static_cast<std::size_t>(violation.source)]
                      [static_cast<std::size_t>(violation.limit)];
    shorten(violation.subject, kMaxTextBytes);
    push(violations, std::move(violation), kMaxViolations);
}

void Records::add(Delivery delivery) {
    delivery.n = next_delivery++;
    push(deliveries, std::move(delivery), kMaxDeliveries);
}

void Records::saw(Source source, Limit limit, std::uint64_t used, std::uint64_t allowed) {
    Peak& peak = peaks[static_cast<std::size_t>(source)][static_cast<std::size_t>(limit)];
    if (used > peak.used) peak = {used, allowed};
}

std::uint64_t Records::violations_of(Source source) const noexcept {
    const auto& counts = violation_counts[static_cast<std::size_t>(source)];
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::uint64_t Records::publishes(int status) const {
    const auto found = publishes_by_status.find(status);
    return found == publishes_by_status.end() ? 0 : found->second;
}

}  // namespace pulse::mock
