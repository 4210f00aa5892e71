// SPDX-License-Identifier: MIT OR Apache-2.0
#include "bridge_shared.hpp"
#include "real_topics.hpp"
#include "universe.hpp"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <pulse/roblox/bridge.hpp>

namespace pulse::roblox {

namespace {

constexpr std::chrono::minutes kTidyEvery{1};

[[nodiscard]] tl::unexpected<std::error_code> refuse(Error error) {
    return tl::unexpected{make_error_code(error)};
}

}  // namespace

class Bridge::Impl {
  public:
    Impl(BridgeOptions options, BridgeParts parts)
        : shared{.options = std::move(options), .parts = std::move(parts)} {
        shared.enter = [this](std::shared_ptr<Universe> universe, std::function<void()> what) {
            enter(std::move(universe), std::move(what));
        };
    }

    /// The time in which the bridge is in the middle of something. What was put off runs when the
    /// outermost ends, one after the other.
    class Turn {
      public:
        explicit Turn(Impl& impl) : impl_(impl) { ++impl_.depth; }
        ~Turn() {
            if (impl_.depth == 1) impl_.finish_turn();
            --impl_.depth;
        }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

      private:
        Impl& impl_;
    };

    [[nodiscard]] Universe* find(UniverseId id) const noexcept {
        const auto found = universes.find(id);
        return found == universes.end() ? nullptr : found->second.get();
    }
    /// Why there is no such universe.
    [[nodiscard]] Error missing(UniverseId id) const noexcept {
        return elsewhere.contains(id) ? Error::served_elsewhere : Error::unknown_universe;
    }
    [[nodiscard]] PublishResult missing_publish(UniverseId id) {
        const Outcome outcome =
            elsewhere.contains(id) ? Outcome::shutting_down : Outcome::unknown_universe;
        ++shared.metrics.publishes[static_cast<std::size_t>(outcome)];
        return {.outcome = outcome};
    }
    /// False when it is not there.
    bool end(UniverseId id, Outcome outcome) {
        const auto found = universes.find(id);
        if (found == universes.end()) return false;
        found->second->end(outcome);
        due.set(id, found->second->place, {});
        universes.erase(found);
        shared.parts.budget.remove(id);
        return true;
    }
    /// To be called when something of the universe may be due at another time.
    void reschedule(UniverseId id, Universe& universe) {
        due.set(id, universe.place, universe.next_due());
    }
    /// After a message was taken: looking at everything that waits would cost more than a look at
    /// the clock when the message is due.
    void reschedule_sooner(UniverseId id, Universe& universe) {
        if (const auto at = universe.soonest()) due.sooner(id, universe.place, *at);
    }
    /// An answer from outside, for a universe that may have been removed: a turn of its own, or
    /// part of this one when it came from within.
    void enter(std::shared_ptr<Universe> universe, std::function<void()> what) {
        auto all = [this, universe = std::move(universe), what = std::move(what)] {
            what();
            if (find(universe->id()) == universe.get()) reschedule(universe->id(), *universe);
        };
        if (depth != 0) {
            shared.call_later(std::move(all));
            return;
        }
        const Turn turn(*this);
        all();
    }
    void run_due() {
        const core::MonotonicTime now = shared.now();
        while (const auto id = due.due(now)) {
            Universe* universe = find(*id);
            universe->run();
            // At most once each in a tick, whatever it says.
            const auto next = universe->next_due();
            due.set(
                *id, universe->place,
                next ? std::optional(std::max(*next, now + std::chrono::milliseconds(1))) : next);
        }
        if (tidy_at <= now) {
            tidy_at = now + kTidyEvery;
            shared.parts.budget.tidy(now);
        }
    }
    void finish_turn() {
        while (!shared.later.empty()) {
            const auto what = std::move(shared.later.front());
            shared.later.pop_front();
            what();
        }
        const auto earliest = due.earliest();
        if (earliest && rearm && (!told_due || *earliest < *told_due)) {
            told_due = earliest;
            rearm(*earliest);
        }
    }

    BridgeShared shared;
    std::unordered_map<UniverseId, std::shared_ptr<Universe>> universes;
    std::unordered_set<UniverseId> elsewhere;  ///< other nodes have them
    DueQueue<UniverseId> due;
    std::function<void(core::MonotonicTime)> rearm;
    std::optional<core::MonotonicTime> told_due;
    core::MonotonicTime tidy_at{};
    unsigned depth = 0;
};

Bridge::Bridge(BridgeOptions options, BridgeParts parts)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(parts))) {}

Bridge::~Bridge() {
    const Impl::Turn turn(*impl_);
    impl_->rearm = nullptr;
    impl_->shared.is_shutting_down = true;
    for (auto& [id, universe] : impl_->universes) universe->end(Outcome::shutting_down);
    impl_->universes.clear();
}

// ------------------------------------------------------------------ universes

core::Result<void> Bridge::set_universe(UniverseId id, UniverseConfig config) {
    const Impl::Turn turn(*impl_);
    if (!is_valid_prefix(config.prefix) || config.shards == 0 || config.shards > kMaxShards) {
        return refuse(Error::invalid_message);
    }
    Universe* universe = impl_->find(id);
    if (universe == nullptr) {
        if (impl_->universes.size() >= impl_->shared.options.max_universes) {
            return refuse(Error::too_many_entries);
        }
        universe = impl_->universes.emplace(id, std::make_shared<Universe>(id, impl_->shared))
                       .first->second.get();
    }
    universe->configure(std::move(config));
    impl_->elsewhere.erase(id);
    impl_->reschedule(id, *universe);
    return {};
}

bool Bridge::remove_universe(UniverseId id) {
    const Impl::Turn turn(*impl_);
    const bool was_elsewhere = impl_->elsewhere.erase(id) != 0;
    return impl_->end(id, Outcome::unknown_universe) || was_elsewhere;
}

void Bridge::release_universe(UniverseId id) {
    const Impl::Turn turn(*impl_);
    (void)impl_->end(id, Outcome::shutting_down);
    if (impl_->elsewhere.size() < impl_->shared.options.max_universes) impl_->elsewhere.insert(id);
}

bool Bridge::is_elsewhere(UniverseId id) const noexcept { return impl_->elsewhere.contains(id); }

bool Bridge::has_universe(UniverseId id) const noexcept { return impl_->find(id) != nullptr; }

void Bridge::probe(UniverseId id, std::function<void(const KeyReport&)> done) {
    const Impl::Turn turn(*impl_);
    if (Universe* universe = impl_->find(id)) {
        universe->probe(std::move(done));
        impl_->reschedule(id, *universe);
    } else if (done) {
        impl_->shared.call_later([done = std::move(done)] { done({}); });
    }
}

// ------------------------------------------------------------------ messages

void Bridge::publish(UniverseId id, OutgoingMessage message, PublishDone done) {
    const Impl::Turn turn(*impl_);
    if (Universe* universe = impl_->find(id)) {
        universe->publish(std::move(message), std::move(done));
        impl_->reschedule_sooner(id, *universe);
        return;
    }
    impl_->shared.call_later([done = std::move(done), result = impl_->missing_publish(id)] {
        if (done) done(result);
    });
}

void Bridge::send(UniverseId id, SendCommand command, SendDone done) {
    const Impl::Turn turn(*impl_);
    if (Universe* universe = impl_->find(id)) {
        universe->send(std::move(command), std::move(done));
        impl_->reschedule_sooner(id, *universe);
        return;
    }
    PublishResult result{.outcome = Outcome::unknown_universe};
    if (impl_->missing(id) == Error::served_elsewhere) {
        result = {.outcome = Outcome::shutting_down, .retry_after = std::chrono::seconds(1)};
    }
    impl_->shared.call_later(
        [done = std::move(done), answer = answer_for(result)] { done(answer); });
}

core::Result<HelloReply> Bridge::hello(UniverseId id, const ServerHello& hello) {
    const Impl::Turn turn(*impl_);
    Universe* universe = impl_->find(id);
    if (universe == nullptr) return refuse(impl_->missing(id));
    if (impl_->shared.is_shutting_down) return refuse(Error::shutting_down);
    auto reply = universe->hello(hello);
    impl_->reschedule(id, *universe);
    return reply;
}

void Bridge::bye(UniverseId id, std::string_view server) {
    const Impl::Turn turn(*impl_);
    if (Universe* universe = impl_->find(id)) {
        universe->bye(server);
        impl_->reschedule(id, *universe);
    }
}

core::Result<UplinkReply> Bridge::uplink(UniverseId id, UplinkBatch batch) {
    const Impl::Turn turn(*impl_);
    Universe* universe = impl_->find(id);
    if (universe == nullptr) return refuse(impl_->missing(id));
    if (impl_->shared.is_shutting_down) return refuse(Error::shutting_down);
    UplinkReply reply = universe->uplink(std::move(batch));
    impl_->reschedule_sooner(id, *universe);
    return reply;
}

PollId Bridge::poll(UniverseId id, PollRequest request, PollDone done) {
    const Impl::Turn turn(*impl_);
    if (Universe* universe = impl_->find(id)) {
        const PollId poll = universe->poll(std::move(request), std::move(done));
        impl_->reschedule(id, *universe);
        return poll;
    }
    impl_->shared.call_later([done = std::move(done), error = impl_->missing(id)] {
        done({.status = PollStatus::refused, .error = error});
    });
    return ++impl_->shared.last_poll;
}

void Bridge::cancel_poll(UniverseId id, PollId poll) {
    const Impl::Turn turn(*impl_);
    if (Universe* universe = impl_->find(id)) {
        universe->cancel_poll(poll);
        impl_->reschedule(id, *universe);
    }
}

const std::string* Bridge::blob(UniverseId id, std::string_view token) {
    Universe* universe = impl_->find(id);
    return universe == nullptr ? nullptr : universe->blob(token);
}

WebPage Bridge::read_web(UniverseId id, std::string_view cursor, std::size_t max_messages) {
    Universe* universe = impl_->find(id);
    if (universe != nullptr) return universe->read_web(cursor, max_messages);
    // What was missed only the universe's owner knows.
    WebPage page;
    page.has_missed = is_elsewhere(id);
    return page;
}

std::string Bridge::web_cursor(UniverseId id) const {
    const Universe* universe = impl_->find(id);
    return universe == nullptr ? std::string() : universe->web_cursor();
}

// ------------------------------------------------------------------ figures

std::optional<UniverseStats> Bridge::stats(UniverseId id) const {
    Universe* universe = impl_->find(id);
    if (universe == nullptr) return {};
    return universe->stats();
}

std::vector<ServerInfo> Bridge::servers(UniverseId id) const {
    const Universe* universe = impl_->find(id);
    return universe == nullptr ? std::vector<ServerInfo>{} : universe->servers();
}

BridgeMetrics Bridge::metrics() const {
    BridgeMetrics metrics = impl_->shared.metrics;
    metrics.universes = impl_->universes.size();
    metrics.polls_open = impl_->shared.polls_open;
    for (const auto& [id, universe] : impl_->universes) universe->add_gauges(metrics);
    return metrics;
}

// ------------------------------------------------------------------ time

void Bridge::tick() {
    const Impl::Turn turn(*impl_);
    impl_->told_due.reset();
    impl_->run_due();
}

std::optional<core::MonotonicTime> Bridge::next_due() const noexcept {
    return impl_->due.earliest();
}

void Bridge::on_earlier(std::function<void(core::MonotonicTime)> rearm) {
    impl_->rearm = std::move(rearm);
}

void Bridge::shut_down() {
    const Impl::Turn turn(*impl_);
    impl_->shared.is_shutting_down = true;
    for (auto& [id, universe] : impl_->universes) {
        universe->end_polls(PollStatus::shutting_down);
        impl_->reschedule(id, *universe);
    }
}

bool Bridge::is_drained() const noexcept {
    for (const auto& [id, universe] : impl_->universes) {
        if (!universe->is_drained()) return false;
    }
    return true;
}

}  // namespace pulse::roblox
