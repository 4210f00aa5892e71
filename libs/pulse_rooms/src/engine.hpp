// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every room works with.
#pragma once

#include "lane_part.hpp"
#include "topic.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

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
    Engine(RoomsOptions options_, core::Hub& hub_, core::DocumentStore& store_)
        : options(std::move(options_)),
          hub(hub_),
          store(store_),
          store_limits(store_.limits()),
          clock(hub_.clock()),
          rng(hub_.rng()),
          log(hub_.log()) {
        for (const auto& lane : hub.lanes()) {
            parts.push_back(std::make_shared<LanePart>(*lane, *this));
        }
    }

    [[nodiscard]] LanePart& part(const core::Connection& connection) const {
        return *parts[connection.lane().index()];
    }
    [[nodiscard]] const RoomsLimits& limits() const noexcept { return options.limits; }

    /// Writes under way, over all rooms. The last of them calls what drain() was given.
    void begin_write();
    void end_write();
    void when_idle(std::function<void()> done);

    const RoomsOptions options;
    core::Hub& hub;
    core::DocumentStore& store;
    const core::DocumentLimits store_limits;  ///< also when the store is gone
    const core::Clock& clock;
    core::Rng& rng;
    core::Log& log;
    std::vector<std::shared_ptr<LanePart>> parts;
    EngineCounters counters;

    const TopicPtr chat = std::make_shared<const Topic>(Topic{"chat", {}});

  private:
    std::mutex mutex_;
    std::size_t writes_ = 0;
    std::vector<std::function<void()>> when_idle_;
};

}  // namespace pulse::rooms
