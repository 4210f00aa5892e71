// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "support/lane_hosts.hpp"
#include "support/manual_clock.hpp"
#include "support/recording_outlet.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/core/session.hpp>

namespace pulse::test {

/// What a hub under test is made of, unless the test says otherwise.
struct HubParts {
    core::HubOptions options{};
    std::size_t lanes = 1;
    std::size_t memory_limit = 0;
    core::HistoryStore* history = nullptr;
    core::Broker* broker = nullptr;
};

/// A hub with manual time, repeatable ids, and lanes the test turns by hand.
class HubFixture {
  public:
    using Parts = HubParts;

    explicit HubFixture(Parts parts = {})
        : budget(parts.memory_limit),
          hub(std::move(parts.options), core::HubServices{.clock = clock,
                                                          .rng = rng,
                                                          .log = log,
                                                          .budget = &budget,
                                                          .history = parts.history,
                                                          .broker = parts.broker}) {
        for (std::size_t i = 0; i < parts.lanes; ++i) {
            hosts.push_back(std::make_unique<FakeHost>());
            hub.add_lane(*hosts.back());
        }
    }

    [[nodiscard]] core::Lane& lane(std::size_t index = 0) { return *hub.lanes()[index]; }
    [[nodiscard]] FakeHost& host(std::size_t index = 0) { return *hosts[index]; }
    void flush() {
        for (const auto& each : hub.lanes()) each->flush();
    }
    core::Result<std::size_t> publish(std::string_view channel, std::string_view payload,
                                      core::Lane* from = nullptr) {
        core::PublicationView publication{channel};
        publication.payload = protocol::as_bytes(payload);
        return hub.publish(publication, from);
    }

    ManualClock clock;
    core::SeededRng rng{1};
    core::NullLog log;
    core::MemoryBudget budget;
    std::vector<std::unique_ptr<FakeHost>> hosts;
    core::Hub hub;
};

/// A connected client: an outlet and its session, whose id is {number, 0}.
class Peer {
  public:
    Peer(core::Lane& lane, std::uint64_t number, const core::Encoder& encoder,
         const core::Framing& framing = core::no_framing())
        : outlet(lane, framing),
          session(lane.hub(), outlet, encoder, core::SessionId{{number, 0}}) {}

    RecordingOutlet outlet;
    core::Session session;
};

}  // namespace pulse::test
