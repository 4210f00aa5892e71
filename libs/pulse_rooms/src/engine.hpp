// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every room works with.
#pragma once

#include "channel_message.hpp"
#include "lane_part.hpp"
#include "share.hpp"
#include "topic.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/clock.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/rooms/options.hpp>

namespace pulse::rooms {

/// Counted from any thread; nothing depends on their order.
struct EngineCounters {
    using Number = std::atomic<std::uint64_t>;
    Number connections{0};
    Number connections_total{0};
    Number messages{0};
    Number publications{0};
    Number changes{0};
    Number commits{0};
    Number failed_commits{0};
    Number refusals{0};
    Number loads{0};
    Number unloads{0};

    static void add(Number& number, std::uint64_t n = 1) noexcept {
        number.fetch_add(n, std::memory_order_relaxed);
    }
};

struct Engine {
    Engine(RoomsOptions wanted, core::Hub& hub_, core::DocumentStore& store_,
           core::Authenticator* authenticator_)
        : counter_form(wanted.counter_form),
          hub(hub_),
          store(store_),
          authenticator(authenticator_),
          store_limits(store_.limits()),
          clock(hub_.clock()),
          rng(hub_.rng()),
          log(hub_.log()) {
        set_places(wanted.places);
        set_options(std::move(wanted));
        for (const auto& lane : hub.lanes()) {
            parts.push_back(std::make_shared<LanePart>(*lane, *this));
        }
    }

    [[nodiscard]] LanePart& part(const core::Connection& connection) const {
        return *parts[connection.lane().index()];
    }
    [[nodiscard]] const RoomsLimits& limits() const noexcept { return options().limits; }
    /// As they are now. What is returned stays as long as the engine.
    [[nodiscard]] const RoomsOptions& options() const noexcept {
        return *options_.load(std::memory_order_acquire);
    }
    /// In place of all but counter_form and places. Thread-safe.
    void set_options(RoomsOptions options);

    /// Null: there are none.
    [[nodiscard]] std::shared_ptr<const Places> places() const;
    void set_places(std::shared_ptr<const Places> places);

    /// Writes under way, over all rooms. The last of them calls what drain() was given.
    void begin_write();
    void end_write();
    void when_idle(std::function<void()> done);

    const CounterForm counter_form;
    core::Hub& hub;
    core::DocumentStore& store;
    core::Authenticator* const authenticator;  ///< null: everybody is anonymous
    const core::DocumentLimits store_limits;   ///< also when the store is gone
    const core::Clock& clock;
    core::Rng& rng;
    core::Log& log;
    std::vector<std::shared_ptr<LanePart>> parts;
    EngineCounters counters;
    const ChannelEncoder channel_encoder;
    /// Bytes of /users that are composed, over all rooms.
    const Total composed_views = std::make_shared<std::atomic<std::size_t>>(0);

    /// Empty: there is no other process. Set before anything is served.
    RoomSharing sharing;
    [[nodiscard]] bool is_shared() const noexcept { return sharing.on_lost != nullptr; }

    const TopicPtr chat = std::make_shared<const Topic>(Topic{"chat", {}});

  private:
    mutable std::mutex mutex_;
    /// The last is in force. Those before it may still be read, so they stay: there is one for each
    /// time they are set, and none of them holds places.
    std::vector<std::unique_ptr<const RoomsOptions>> all_options_;
    std::atomic<const RoomsOptions*> options_{nullptr};
    std::shared_ptr<const Places> places_;
    std::size_t writes_ = 0;
    std::vector<std::function<void()>> when_idle_;
};

}  // namespace pulse::rooms
