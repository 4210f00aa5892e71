// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What this server carries to others, and they to it: clients of rooms, and of Roblox universes,
// that are another server's.
#pragma once

#include "config/config.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
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
    /// Null when nothing is carried: a server on its own.
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

    /// What concerns a universe, for the bridge of the server that sends for it.
    struct Universes {
        core::Dialect& dialect;
        std::function<std::optional<std::string>(const core::OpenRequest&)> key_of_client;
        std::function<std::optional<std::string>(const core::HttpRequest&)> key_of_request;
        std::chrono::milliseconds patience{};  ///< of requests; polls are held for some time
    };
    /// The dialect to be mounted; once.
    [[nodiscard]] core::Dialect& share(Universes universes);
    /// Behind share().
    [[nodiscard]] std::vector<core::Route> wrap_universes(std::vector<core::Route> routes);

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
