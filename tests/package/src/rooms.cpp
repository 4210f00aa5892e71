// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program with rooms of its own, and no sockets: what it links has to come along.
#include <cstdio>

#include <pulse/core/hub.hpp>
#include <pulse/rooms/rooms.hpp>

namespace {

class NoLoop final : public pulse::core::LaneHost {
    void wake() noexcept override {}
};

}  // namespace

int main() {
    pulse::core::SystemClock clock;
    pulse::core::SystemRng rng;
    pulse::core::NullLog log;
    NoLoop host;
    pulse::core::Hub hub({}, {clock, rng, log});
    pulse::core::Lane& lane = hub.add_lane(host);
    const auto store = pulse::core::make_memory_document_store(clock);
    pulse::rooms::Rooms rooms({}, hub, *store);
    bool is_stored = false;
    rooms.set_config("lobby", "open", [&](std::error_code error) { is_stored = !error; });
    for (int turn = 0; turn < 10; ++turn) {
        lane.begin_turn();
        lane.flush();
    }
    std::puts(is_stored ? "stored" : "not stored");
    return is_stored && rooms.dialect().name() == "rooms" ? 0 : 1;
}
