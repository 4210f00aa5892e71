// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms as a part of this server.
#pragma once

#include "config/config.hpp"

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include <pulse/rooms/options.hpp>
#include <pulse/rooms/places.hpp>

namespace pulse::server {

/// `[rooms] enabled`, or else whether clients without credentials are served.
[[nodiscard]] bool is_rooms_enabled(const Config& config);

/// The library's options, from the configuration's.
[[nodiscard]] rooms::RoomsOptions rooms_options(const RoomsOptions& wanted);

/// What `[rooms] places_file` tells; null without one. Otherwise what is wrong, with file and line.
[[nodiscard]] tl::expected<std::shared_ptr<const rooms::Places>, std::string> load_places(
    const std::string& path);

}  // namespace pulse::server
