// SPDX-License-Identifier: MIT OR Apache-2.0
#include "cloud.hpp"

#include "publish.hpp"

#include <charconv>
#include <utility>

namespace pulse::mock {

namespace {

Time unix_time(const core::Clock& clock) {
    return Time(std::chrono::milliseconds(static_cast<std::int64_t>(clock.unix_ms())));
}

}  // namespace

Cloud::Cloud(const core::Clock& clock)
    : clock_(clock), anchor_(unix_time(clock)), anchor_monotonic_(clock.now()) {}

void Cloud::reset() {
    limits = Limits{};
    keys_.clear();
    universes_.clear();
    owners_.clear();
    addresses_.clear();
    faults_.clear();
    network_ = Network{};
    records_ = Records{};
}

Time Cloud::now() const {
    // The wall clock may step; what limits are judged by may not.
    return anchor_ + std::chrono::duration_cast<Span>(clock_.now() - anchor_monotonic_);
}

bool Cloud::put_key(std::string key, ApiKey record) {
    // A universe that a key names exists.
    for (const Scope& scope : record.scopes) {
        for (const std::string& id : scope.universes) {
            if (const auto parsed = parse_universe(id); parsed && universe(*parsed) == nullptr) {
                return false;
            }
        }
    }
    return keys_.put(std::move(key), std::move(record));
}

Universe* Cloud::universe(UniverseId id) {
    if (Universe* known = find_universe(id)) return known;
    if (universes_.size() >= kMaxUniverses) return nullptr;
    return &universes_.try_emplace(id, id, next_server_).first->second;
}

Universe* Cloud::find_universe(UniverseId id) {
    const auto found = universes_.find(id);
    return found == universes_.end() ? nullptr : &found->second;
}

bool Cloud::simulate(UniverseId id, const Simulated& wanted) {
    const std::size_t topics = wanted.topics.size() + (wanted.own_topic_prefix.empty() ? 0 : 1);
    if (topics > limits.subscriptions + limits.subscriptions_per_player * wanted.players) {
        return false;
    }
    Universe* target = universe(id);
    return target != nullptr && target->simulate(now(), wanted);
}

GameServer* Cloud::attach(UniverseId id, std::string_view job, std::uint32_t players) {
    Universe* target = universe(id);
    return target == nullptr ? nullptr : target->attach(now(), job, players);
}

std::optional<std::string> Cloud::set_faults(const std::vector<std::string>& script,
                                             std::optional<UniverseId> id) {
    FaultScript faults;
    for (const std::string& item : script) {
        const auto fault = parse_fault(item);
        if (!fault || faults.size() >= kMaxScript) return item;
        faults.push_back(*fault);
    }
    if (!id) {
        faults_ = std::move(faults);
    } else if (Universe* target = universe(*id)) {
        target->faults = std::move(faults);
    } else {
        return "too many universes";
    }
    return std::nullopt;
}

Fault Cloud::next_fault(Universe& universe) {
    FaultScript& script = universe.faults.empty() ? faults_ : universe.faults;
    if (script.empty()) return {};
    const Fault fault = script.front();
    script.pop_front();
    return fault;
}

bool Cloud::violated(Source source, Limit limit, UniverseId universe, std::string_view subject,
                     std::uint64_t used, std::uint64_t allowed) {
    records_.add(Violation{now(), source, limit, universe, std::string(subject), used, allowed});
    return limits.is_enforced;
}

void Cloud::run_due() {
    const Time until = now();
    while (const auto flight = network_.take_due(until)) arrive(*flight);
}

void Cloud::arrive(const Flight& flight) {
    Universe* universe = find_universe(flight.universe);
    GameServer* server = universe == nullptr ? nullptr : universe->find(flight.server);
    if (server == nullptr || !server->topics.contains(flight.message->topic)) {
        ++network_.stats().gone;
        return;
    }
    ++network_.stats().delivered;
    ++server->received;
    if (flight.is_duplicate) ++server->duplicates;
    if (server->is_attached) {
        if (server->queue.size() >= GameServer::kMaxQueued) {
            server->queue.pop_front();
            ++server->overflowed;
        }
        server->queue.push_back({server->next_n++, flight.message});
    }
    Delivery delivery;
    delivery.at = flight.due;
    delivery.universe = flight.universe;
    delivery.job = server->job;
    delivery.topic = flight.message->topic;
    delivery.data = flight.message->data;
    delivery.sent = flight.message->sent;
    delivery.message = flight.message->number;
    delivery.is_duplicate = flight.is_duplicate;
    if (on_delivery) on_delivery(delivery);
    records_.add(std::move(delivery));
}

std::optional<UniverseId> parse_universe(std::string_view text) noexcept {
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    UniverseId id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc{} || end != text.data() + text.size() || id > INT64_MAX) {
        return std::nullopt;
    }
    return id;
}

}  // namespace pulse::mock
