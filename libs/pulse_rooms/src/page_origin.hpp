// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which pages are at home here. Pages of any site may come into a room, as with the original; what
// others publish in the hub is not for them to read unless somebody gave them a token.
#pragma once

#include <string>
#include <vector>

#include <pulse/core/dialect.hpp>

namespace pulse::rooms {

/// Whether the request comes from a page of an origin that `allowed` names ("*": of any). Where
/// that is empty: of the host that the request itself names; from the own machine, of any address
/// of the own machine. Clients without an Origin are no browsers, and at home.
[[nodiscard]] bool is_page_at_home(const core::OpenRequest& request,
                                   const std::vector<std::string>& allowed);

}  // namespace pulse::rooms
