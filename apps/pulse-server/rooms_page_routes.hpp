// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The demo pages of the rooms over HTTP. They speak to /websocket beside them, and to nothing else.
#pragma once

#include "ui_assets.hpp"

#include <vector>

#include <pulse/core/http.hpp>

namespace pulse::server {

enum class RoomsIndex {
    beside_others,  ///< at /rooms: / is somebody else's
    at_root,        ///< at / as well: the listener is the rooms'
};

/// The routes of the pages: /chat, /poll, /ephemeral, /livemap, their index and what they load.
/// Pages answer every method alike, as those of the protocol's first server do. What `pages` was
/// made of outlives them. Of a program without the pages each says how to build one with them.
[[nodiscard]] std::vector<core::Route> rooms_page_routes(UiAssets pages, RoomsIndex index);

}  // namespace pulse::server
