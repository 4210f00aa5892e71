// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms as a part of this server.
#pragma once

#include "config/config.hpp"

#include <pulse/rooms/options.hpp>

namespace pulse::server {

/// `[rooms] enabled`, or else whether clients without credentials are served.
[[nodiscard]] bool is_rooms_enabled(const Config& config);

/// The library's options, from the configuration's.
[[nodiscard]] rooms::RoomsOptions rooms_options(const RoomsOptions& wanted);

}  // namespace pulse::server
