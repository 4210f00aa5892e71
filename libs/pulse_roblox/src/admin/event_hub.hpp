// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What open pages of the administration see live. One sample a second serves all pages: whichever
// page's tick comes first takes it, the figures are encoded once and posted to every page. Without
// pages nothing is sampled. A page that does not read is skipped until it does.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <pulse/core/connection.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/roblox/admin_routes.hpp>

namespace pulse::roblox::admin {

/// **Thread-safe.**
class EventHub : public std::enable_shared_from_this<EventHub> {
  public:
    EventHub(AdminParts parts, AdminOptions options)
        : parts_(std::move(parts)), options_(options) {}

    [[nodiscard]] bool has_room() const;
    /// The conversation of a page that shows the figures of `universe`, too, when there is one.
    [[nodiscard]] std::unique_ptr<core::Conversation> open(core::Connection& connection,
                                                           Caller caller,
                                                           std::optional<UniverseId> universe);

  private:
    class Page;
    struct Viewer {
        core::ConnectionHandle handle;
        std::optional<UniverseId> universe;
    };
    /// One second's events, encoded.
    struct Sample {
        std::string common;
        std::map<UniverseId, std::string> stats;
    };

    /// False when there are too many.
    [[nodiscard]] bool join(std::uint64_t id, Viewer viewer);
    void leave(std::uint64_t id);
    void sample_if_due(core::MonotonicTime now);
    void take_sample();
    void encode_universes(const std::vector<UniverseView>& views,
                          const std::vector<std::optional<UniverseStats>>& stats,
                          Sample& sample) const;
    void deliver(const std::shared_ptr<const Sample>& sample);

    const AdminParts parts_;
    const AdminOptions options_;

    mutable std::mutex mutex_;
    std::map<std::uint64_t, Viewer> viewers_;
    std::uint64_t last_id_ = 0;
    std::uint64_t samples_ = 0;
    std::optional<core::MonotonicTime> sampled_at_;
};

}  // namespace pulse::roblox::admin
