// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Polls that wait for something, of one universe; at most one per game server.
//
// A poll is looked at again only when something was added that may be for it, after a moment in
// which more may come. Whatever was added in between was not for it, so its place moves on without
// looking: the ring may well have forgotten that by then.
#pragma once

#include "downlink_ring.hpp"
#include "due_queue.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/bridge.hpp>

namespace pulse::roblox {

/// Who reads from the ring, and what.
struct DownlinkReader {
    std::string server;
    std::uint64_t place = 0;
    bool hears_frames = false;
    std::vector<std::string> topics{};

    [[nodiscard]] bool wants(const DownlinkMessage& message) const noexcept;
};

struct HeldPoll {
    PollId id = 0;
    DownlinkReader reader;
    std::uint64_t after = 0;  ///< has everything up to here
    core::MonotonicTime deadline{};
    PollDone done;
    std::uint64_t first_marked = 0;  ///< 0 = nothing new for it
    DueQueue<PollId>::Place place{};
};

/// **Loop-bound.**
class PollHub {
  public:
    /// A poll is over: `page` null = the wait was.
    using Finish = std::function<void(HeldPoll, const DownlinkRing::Page*)>;

    PollHub(DownlinkRing& ring, const BridgeOptions& options) : ring_(ring), options_(options) {}

    void hold(HeldPoll poll);
    [[nodiscard]] std::optional<HeldPoll> take(PollId id);
    [[nodiscard]] std::vector<HeldPoll> take_all();
    /// What is known of its server has changed; what it asked for has not.
    void update(PollId id, std::uint64_t place, bool hears_frames);

    /// `message` was added to the ring, for the poll of `server` (0 = none) or for all.
    void added_for_all(std::uint64_t seq, core::MonotonicTime now);
    void added_for(PollId poll, std::uint64_t seq, core::MonotonicTime now);

    void run(core::MonotonicTime now, const Finish& finish);
    [[nodiscard]] std::optional<core::MonotonicTime> next_due() const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return polls_.size(); }

  private:
    void look(PollId id, core::MonotonicTime now, const Finish& finish);

    DownlinkRing& ring_;
    const BridgeOptions& options_;
    std::map<PollId, HeldPoll> polls_;
    DueQueue<PollId> due_;
    // Something for all of them:
    std::optional<core::MonotonicTime> all_due_;
    std::uint64_t all_first_ = 0;
};

}  // namespace pulse::roblox
