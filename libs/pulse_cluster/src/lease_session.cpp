// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The session: what this node has it has until `deadline_`, counted from before the last renewal
// was sent, so that it ends here before the store takes it for over.
//
// When the store may have lost what it granted, a new session claims what the last one had, with
// the terms it had. Until all of that is confirmed the deadline stays: the store gives those keys
// to nobody for a lease, which is longer.
#include "envelope.hpp"
#include "lease_ownership.hpp"

#include <algorithm>
#include <utility>

namespace pulse::cluster {

OwnershipOptions completed(OwnershipOptions options, core::Rng& rng) {
    constexpr std::chrono::milliseconds kShortest{100};
    options.lease = std::max(options.lease, kShortest);
    if (options.node.empty())
        options.node = epoch_text(rng.next_u64()) + epoch_text(rng.next_u64());
    return options;
}

LeaseOwnership::LeaseOwnership(std::unique_ptr<LeaseStore> store, OwnershipOptions options,
                               const OwnershipServices& services)
    : io_(services.io),
      rng_(services.rng),
      log_(services.log),
      options_(std::move(options)),
      store_(std::move(store)),
      renew_timer_(services.io),
      deadline_timer_(services.io),
      frozen_timer_(services.io),
      sweep_timer_(services.io) {}

void LeaseOwnership::start() {
    post([](LeaseOwnership& self) {
        LeaseOwnership* const engine = &self;  // the store's owner: it calls nothing later
        self.begin_session();
        self.store_->start(
            {[engine](bool can_ask, bool can_hear, std::string_view run, std::string_view why) {
                 engine->on_state(can_ask, can_hear, run, why);
             },
             [engine](std::string_view key, const LeaseOwner& owner) {
                 engine->on_changed(key, owner);
             },
             [engine] { engine->sweep(); },
             [engine](std::string_view key) { engine->on_late(key); }});
        self.renew_regularly();
    });
}

void LeaseOwnership::close() {
    is_closed_ = true;
    // Not by post(), which leaves closed ones alone.
    asio::post(io_, [self = shared_from_this()] {
        const Entries entries = std::exchange(self->entries_, {});
        for (const auto& [key, entry] : entries) {
            if (!entry.is_mine) continue;
            for (const auto& claimant : entry.claimants) claimant->tell({});
        }
        self->claimed_ = self->owned_ = 0;
        self->store_->end(self->session_);
        self->store_->close();
        self->renew_timer_.cancel();
        self->deadline_timer_.cancel();
        self->frozen_timer_.cancel();
        self->sweep_timer_.cancel();
    });
}

OwnershipStats LeaseOwnership::stats() const {
    OwnershipStats out;
    out.is_up = is_up_ && !is_closed_;
    out.claimed = claimed_;
    out.owned = owned_;
    out.gained_total = gained_;
    out.given_total = given_;
    out.lost_total = lost_;
    out.lapses_total = lapses_;
    out.renewals_total = renewals_;
    out.kept_total = kept_;
    return out;
}

std::string LeaseOwnership::obstacle() const {
    if (is_up_) return {};
    const std::lock_guard lock(mutex_);
    return "ownership: " + why_down_;
}

// ------------------------------------------------------------------ connection

void LeaseOwnership::on_state(bool can_ask, bool can_hear, std::string_view run,
                              std::string_view why) {
    const bool asks_anew = !std::exchange(can_ask_, can_ask) && can_ask;
    const bool hears_anew = !std::exchange(can_hear_, can_hear) && can_hear;
    if (asks_anew) {
        // Answers may have been lost with the last connection.
        is_doubtful_ = true;
        if (run != run_ && !is_new_) carry_over();
        seen_run_ = run;
        renew();
        sweep_after(std::chrono::milliseconds(0));
    }
    if (hears_anew) enqueue_unsettled();
    show_state(why);
}

void LeaseOwnership::show_state(std::string_view why) {
    const bool is_up = can_ask_ && can_hear_ && !is_new_;
    const bool was_up = is_up_.exchange(is_up);
    if (is_up && !was_up) log_.write(core::LogLevel::info, "ownership_up", {});
    if (is_up) return logged_why_.clear();
    if (why.empty()) return;
    {
        const std::lock_guard lock(mutex_);
        why_down_ = why;
    }
    if (why == logged_why_) return;
    logged_why_ = why;
    log_.write(core::LogLevel::warn, "ownership_down", {{"reason", why}});
}

// --------------------------------------------------------------------- session

void LeaseOwnership::begin_session() {
    session_ = options_.node + '/' + epoch_text(rng_.next_u64());
    is_new_ = true;
    for (auto& [key, entry] : entries_) entry.is_held = false;
}

void LeaseOwnership::renew() {
    if (!can_ask_) return;
    const Time asked = Clock::now();
    store_->renew(session_, is_new_,
                  [this, asked, session = session_](std::optional<LeaseRenewal> renewal) {
                      if (renewal && session == session_) on_renewed(asked, *renewal);
                  });
}

void LeaseOwnership::renew_regularly() {
    renew();
    renew_timer_.expires_after(options_.lease / 3);
    renew_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (!error && !self->is_closed_) self->renew_regularly();
    });
}

void LeaseOwnership::on_renewed(Time asked, const LeaseRenewal& renewal) {
    if (!renewal.is_alive) {
        if (is_new_) return begin_session();  // tried again regularly, by a name that nobody ended
        // Nobody else gets anything while it is frozen: the server has lost its data.
        renewal.frozen.count() > 0 ? carry_over() : lapse("the session was over");
        return renew();
    }
    const Time until = asked + options_.lease * 7 / 8;
    if (until <= Clock::now()) return;  // too late to be worth anything
    renewed_until_ = std::max(renewed_until_, until);
    ++renewals_;
    run_ = seen_run_;
    if (renewal.frozen.count() > 0) freeze(renewal.frozen);
    const bool is_first = std::exchange(is_new_, false);
    if (is_first) renewed_until_ = until;
    extend();
    if (std::exchange(is_doubtful_, false) || is_first) enqueue_unsettled();
    show_state({});
}

void LeaseOwnership::carry_over() {
    for (auto& [key, entry] : entries_) {
        if (entry.is_mine && !std::exchange(entry.is_carried, true)) ++carried_;
    }
    begin_session();
    show_state("the server has lost its data");
}

/// One key less is carried over.
void LeaseOwnership::carried() {
    --carried_;
    extend();
}

void LeaseOwnership::extend() {
    if (carried_ > 0) return;
    deadline_ = renewed_until_;
    watch_deadline();
}

void LeaseOwnership::watch_deadline() {
    deadline_timer_.expires_at(deadline_);
    deadline_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (error || self->is_closed_) return;
        if (Clock::now() < self->deadline_) return;  // extended meanwhile
        self->lapse("not renewed in time");
        self->renew();
    });
}

void LeaseOwnership::lapse(std::string_view why) {
    ++lapses_;
    log_.write(core::LogLevel::warn, "ownership_lapsed",
               {{"reason", why}, {"keys", static_cast<std::uint64_t>(owned_.load())}});
    store_->end(session_);
    begin_session();
    carried_ = 0;
    // What is told may claim or give back, which is done later.
    for (auto& [key, entry] : entries_) {
        entry.is_carried = false;
        if (entry.is_mine) {
            lose(entry);
        } else if (!entry.owner.empty()) {
            entry.owner.clear();
            tell(entry);
        }
    }
    show_state(why);
}

// ------------------------------------------------------- what others left behind

void LeaseOwnership::freeze(std::chrono::milliseconds wait) {
    frozen_until_ = Clock::now() + wait;
    frozen_timer_.expires_at(frozen_until_);
    frozen_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (!error && !self->is_closed_) self->enqueue_unsettled();
    });
}

void LeaseOwnership::sweep() {
    if (!can_ask_) return;
    if (is_sweeping_) {
        is_sweep_again_ = true;
        return;
    }
    is_sweeping_ = true;
    is_sweep_again_ = false;
    store_->sweep([this](std::optional<LeaseSweep> swept) {
        is_sweeping_ = false;
        if (!swept) return;  // begins anew with the next connection
        if (swept->has_more || is_sweep_again_) return sweep_after(std::chrono::milliseconds(0));
        // Not all nodes at one moment: the others find nothing left to do.
        const auto spread = static_cast<std::uint64_t>(options_.lease.count() / 32 + 1);
        sweep_after(swept->wait +
                    std::chrono::milliseconds(static_cast<std::int64_t>(rng_.next_u64() % spread)));
    });
}

void LeaseOwnership::sweep_after(std::chrono::milliseconds wait) {
    sweep_timer_.expires_after(wait);
    sweep_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (!error && !self->is_closed_) self->sweep();
    });
}

}  // namespace pulse::cluster
