// SPDX-License-Identifier: MIT OR Apache-2.0
#include "network.hpp"

#include <algorithm>

namespace pulse::mock {

void Network::configure(const NetworkOptions& options) {
    options_ = options;
    options_.max_delay = std::max(options_.max_delay, options_.min_delay);
    rng_ = core::SeededRng(options.seed);
}

void Network::send(Time now, Universe& universe, const std::shared_ptr<const Message>& message) {
    for (GameServer* server : universe.receivers(message->topic)) {
        ++stats_.sent;
        if (happens(options_.loss)) {
            ++stats_.lost;
            continue;
        }
        const Time due = now + between(options_.min_delay, options_.max_delay);
        if (happens(options_.reorder)) {
            ++stats_.reordered;
            launch(due + between(std::chrono::milliseconds(1), std::chrono::seconds(1)), universe,
                   *server, message, false);
        } else {
            server->last_due = std::max(server->last_due, due);
            launch(server->last_due, universe, *server, message, false);
        }
        if (happens(options_.duplicate)) {
            ++stats_.duplicated;
            launch(now + between(options_.min_delay, options_.max_delay), universe, *server,
                   message, true);
        }
    }
}

std::optional<Time> Network::next_due() const {
    if (flights_.empty()) return std::nullopt;
    return flights_.top().due;
}

std::optional<Flight> Network::take_due(Time now) {
    if (flights_.empty() || flights_.top().due > now) return std::nullopt;
    Flight flight = flights_.top();
    flights_.pop();
    return flight;
}

bool Network::happens(double chance) {
    if (chance <= 0) return false;
    // 53 bits, as many as a double keeps.
    return static_cast<double>(rng_.next_u64() >> 11U) * 0x1p-53 < chance;
}

Span Network::between(Span least, Span most) {
    if (most <= least) return least;
    const auto range = static_cast<std::uint64_t>((most - least).count()) + 1;
    return least + Span(static_cast<Span::rep>(rng_.next_u64() % range));
}

void Network::launch(Time due, Universe& universe, const GameServer& server,
                     const std::shared_ptr<const Message>& message, bool is_duplicate) {
    if (flights_.size() >= kMaxUnderWay) {
        ++stats_.overflow;
        return;
    }
    flights_.push({due, next_serial_++, universe.id(), server.id, message, is_duplicate});
}

}  // namespace pulse::mock
