// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What this server carries to others, and they to it: clients of rooms that are another server's.
#pragma once

#include "config/config.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <pulse/core/dialect.hpp>
#include <pulse/core/http.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/rooms/rooms.hpp>

namespace pulse::server {

class ClusterPart;

/// Made and destroyed on the main thread: after the loops have ended, and before what it carries
/// for.
class RelayPart {
  public:
    /// Null when nothing is carried: a server on its own, or one that keeps its rooms to itself.
    [[nodiscard]] static std::unique_ptr<RelayPart> make(const Config& config,
                                                         const ClusterPart* cluster,
                                                         core::Hub& hub);
    ~RelayPart();
    RelayPart(const RelayPart&) = delete;
    RelayPart& operator=(const RelayPart&) = delete;

    /// Rooms are one on all servers from now on. The dialect to be mounted; lives as long as this.
    [[nodiscard]] core::Dialect& share(rooms::Rooms& rooms);
    /// Routes about rooms are answered by the server that has the room.
    [[nodiscard]] std::vector<core::Route> wrap(rooms::Rooms& rooms,
                                                std::vector<core::Route> routes);

    [[nodiscard]] core::Metrics::Token add_metrics(core::Metrics& metrics) const;
    /// This server is about to end.
    void drain();
    /// Everything is stored: what this server has is others' now.
    void give_back(std::function<void()> done);

  private:
    struct Impl;
    explicit RelayPart(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace pulse::server
