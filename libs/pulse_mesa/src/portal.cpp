// SPDX-License-Identifier: MIT OR Apache-2.0
#include "envelope.hpp"

#include <atomic>
#include <utility>

#include <pulse/mesa/error.hpp>
#include <pulse/mesa/portal.hpp>

namespace pulse::mesa {

namespace {

/// RFC 4122, version 4.
std::string random_uuid(core::Rng& rng) {
    std::uint64_t high = rng.next_u64();
    std::uint64_t low = rng.next_u64();
    high = (high & ~std::uint64_t{0xf000}) | 0x4000;
    low = (low & ~(std::uint64_t{3} << 62)) | (std::uint64_t{2} << 62);
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (int i = 0; i < 32; ++i) {
        if (i == 8 || i == 12 || i == 16 || i == 20) out += '-';
        const std::uint64_t word = i < 16 ? high : low;
        out += kHex[(word >> (60 - 4 * (i % 16))) & 15];
    }
    return out;
}

}  // namespace

struct Portal::State : public std::enable_shared_from_this<State> {
    State(std::shared_ptr<Bus> bus_, std::string id_, PortalListeners listeners_,
          PortalSettings settings_)
        : bus(std::move(bus_)),
          id(std::move(id_)),
          listeners(std::move(listeners_)),
          settings(settings_) {}

    void on_state(bool is_up, const std::function<void()>& joined);
    void on_message(std::string_view channel, std::string_view text);
    void tell(const PortalEvent& event) const;
    void raise(std::error_code code) const {
        if (listeners.on_error) listeners.on_error({code, code.message()});
    }

    const std::shared_ptr<Bus> bus;
    const std::string id;
    const PortalListeners listeners;
    const PortalSettings settings;
    Bus::Subscription subscription;
    std::atomic<bool> has_joined{false};
    std::atomic<bool> is_closed{false};
};

Portal::Portal(std::shared_ptr<Bus> bus, core::Rng& rng, PortalListeners listeners,
               PortalSettings settings)
    : state_(std::make_shared<State>(std::move(bus), random_uuid(rng), std::move(listeners),
                                     settings)) {}

Portal::~Portal() {
    close([](std::error_code) {});
}

const std::string& Portal::id() const noexcept { return state_->id; }

void Portal::start(std::function<void()> joined) {
    state_->subscription = state_->bus->subscribe(
        {std::string(kPortalChannel), portal_channel(state_->id)},
        {[weak = state_->weak_from_this()](std::string_view channel, std::string_view text) {
             if (const auto state = weak.lock()) state->on_message(channel, text);
         },
         [weak = state_->weak_from_this(), joined = std::move(joined)](bool is_up) {
             if (const auto state = weak.lock()) state->on_state(is_up, joined);
         }});
}

void Portal::close(std::function<void(std::error_code)> done) {
    if (state_->is_closed.exchange(true)) return done({});
    state_->bus->leave_pool(state_->id,
                            [state = state_, done = std::move(done)](std::error_code error) {
                                state->subscription.reset();
                                done(error);
                            });
}

void Portal::State::on_state(bool is_up, const std::function<void()>& joined) {
    if (!is_up || is_closed) return;
    bus->join_pool(id, [weak = weak_from_this(), joined](std::error_code error) {
        const auto state = weak.lock();
        if (state == nullptr) return;
        if (error) return state->raise(error);
        if (!state->has_joined.exchange(true) && joined) joined();
    });
}

void Portal::State::on_message(std::string_view channel, std::string_view text) {
    if (channel != kPortalChannel || is_closed) return;
    const auto event = read_portal_event(text);
    if (!event) return raise(event.error());
    if (event->portal_id == id || settings.reports_all_events) tell(*event);
}

void Portal::State::tell(const PortalEvent& event) const {
    switch (event.type) {
        case PortalEvent::Type::connection:
            if (listeners.on_connection) listeners.on_connection();
            return;
        case PortalEvent::Type::authentication:
            if (listeners.on_authentication) listeners.on_authentication(*event.client_id);
            return;
        case PortalEvent::Type::message:
            if (listeners.on_message) listeners.on_message(*event.message, event.client_id);
            return;
        case PortalEvent::Type::disconnection:
            if (listeners.on_disconnection) listeners.on_disconnection(event.client_id);
            return;
    }
}

}  // namespace pulse::mesa
