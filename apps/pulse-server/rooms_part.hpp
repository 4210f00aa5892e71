// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms as a part of this server.
#pragma once

#include "config/config.hpp"
#include "rooms_page_routes.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/rooms/places.hpp>
#include <pulse/rooms/rooms.hpp>
#include <pulse/transport/http.hpp>

namespace pulse::server {

class RelayPart;

/// `[rooms] enabled`, or else whether clients without credentials are served.
[[nodiscard]] bool is_rooms_enabled(const Config& config);

/// What `[rooms] places_file` tells; null without one. Otherwise what is wrong, with file and line.
[[nodiscard]] tl::expected<std::shared_ptr<const rooms::Places>, std::string> load_places(
    const std::string& path);

/// Rooms, their HTTP API and their pages. Outlived by what it is made of.
class RoomsPart {
  public:
    /// Where browsers of the original look for them.
    static constexpr std::string_view kPath = "/websocket";

    /// `authenticator` says which channels of the hub clients may listen to.
    RoomsPart(const Config& wanted, core::Hub& hub, core::DocumentStore& store,
              core::Authenticator& authenticator, core::Log& log);

    /// Rooms are one with those of other servers. Before anything is served; `relay` goes before
    /// this does.
    void share(RelayPart& relay);

    [[nodiscard]] core::Dialect& dialect() noexcept;
    /// Where a connection is, from the file: once before serving. Errors are an operator's
    /// sentence.
    [[nodiscard]] tl::expected<void, std::string> read_places();
    /// The configuration anew, its file of places too; a file that cannot be read leaves what was.
    void apply(const Config& wanted);
    [[nodiscard]] core::Metrics::Token add_metrics(core::Metrics& metrics);

    [[nodiscard]] bool is_mounted(const ListenerOptions& listener);
    /// The API, for `api_key` where rooms have none of their own, and the pages.
    [[nodiscard]] std::vector<core::Route> routes(const std::string& api_key, RoomsIndex index);
    /// The rooms' 404, but for paths that `others` have for other methods.
    [[nodiscard]] static core::Route not_found_route(const transport::HttpRouter& others);

    /// `done` when all that was accepted is with the store.
    void drain(std::function<void()> done);

  private:
    RoomsOptions options_;
    core::Log& log_;
    rooms::Rooms rooms_;
    RelayPart* relay_ = nullptr;        ///< null: this server has its rooms for itself
    core::Dialect* dialect_ = nullptr;  ///< the relay's
};

}  // namespace pulse::server
