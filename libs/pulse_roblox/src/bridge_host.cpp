// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include <pulse/core/hub.hpp>
#include <pulse/roblox/bridge_host.hpp>

namespace pulse::roblox {

/// Loop-bound. Shared with what is posted for it, which finds it gone once the host is.
struct BridgeHost::State : std::enable_shared_from_this<State> {
    State(core::Lane& on, std::unique_ptr<Bridge> hosted) : lane(on), bridge(std::move(hosted)) {}

    void run(const Work& work) {
        work(*bridge);
        settle();
    }
    void tick() {
        armed_for.reset();
        bridge->tick();
        settle();
    }
    /// After anything that may have changed when the next tick is due.
    void settle() {
        if (drained) check_drained();
        if (const auto due = bridge->next_due()) arm(*due);
    }
    void arm(core::MonotonicTime due) {
        if (armed_for && *armed_for <= due) return;
        // A wait for later stays and finds nothing to do: cheaper than taking it out.
        armed_for = due;
        lane.post_at(due, [weak = weak_from_this(), due] {
            const auto self = weak.lock();
            if (self != nullptr && self->armed_for == due) self->tick();
        });
    }
    void shut_down(std::chrono::milliseconds within, std::function<void(bool)> done) {
        drained = std::move(done);
        drain_until = lane.hub().clock().now() + within;
        bridge->shut_down();
        lane.post_at(drain_until, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->settle();
        });
    }
    void check_drained() {
        const bool is_drained = bridge->is_drained();
        if (!is_drained && lane.hub().clock().now() < drain_until) return;
        const auto done = std::exchange(drained, nullptr);
        done(is_drained);
    }

    core::Lane& lane;
    std::unique_ptr<Bridge> bridge;
    std::optional<core::MonotonicTime> armed_for;
    std::function<void(bool)> drained;
    core::MonotonicTime drain_until{};
};

BridgeHost::BridgeHost(core::Lane& lane, std::unique_ptr<Bridge> bridge)
    : state_(std::make_shared<State>(lane, std::move(bridge))), port_(lane.port()) {
    // A publish is answered between calls: what it makes due arrives this way.
    state_->bridge->on_earlier([weak = std::weak_ptr(state_)](core::MonotonicTime due) {
        if (const auto self = weak.lock()) self->arm(due);
    });
    post([](Bridge&) {});
}

BridgeHost::~BridgeHost() = default;

void BridgeHost::post(Work work) const {
    port_->post([weak = std::weak_ptr(state_), work = std::move(work)] {
        if (const auto self = weak.lock()) self->run(work);
    });
}

void BridgeHost::shut_down(std::chrono::milliseconds within,
                           std::function<void(bool is_drained)> done) {
    port_->post([weak = std::weak_ptr(state_), within, done = std::move(done)]() mutable {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->shut_down(within, std::move(done));
        self->settle();
    });
}

Bridge& BridgeHost::bridge() noexcept { return *state_->bridge; }
core::Lane& BridgeHost::lane() const noexcept { return state_->lane; }

}  // namespace pulse::roblox
