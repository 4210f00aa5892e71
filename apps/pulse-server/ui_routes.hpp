// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The web page over HTTP: /, and what it loads from /assets/.
#pragma once

#include "ui_assets.hpp"

#include <string_view>
#include <vector>

#include <pulse/core/http.hpp>

namespace pulse::server {

/// What the page may do: run and load what came from here, and nothing else.
inline constexpr std::string_view kUiContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'";

/// Answers one GET or HEAD: the file, compressed if the client takes that, 304 if it has it
/// already, or 404. Of a program without the page, / says how to build one with it.
[[nodiscard]] core::HttpResponse ui_response(UiAssets assets, const core::HttpRequest& request);
/// The same for the file that `path` names, wherever the request went.
[[nodiscard]] core::HttpResponse ui_response(UiAssets assets, std::string_view path,
                                             const core::HttpRequest& request);

/// The routes of the page. What `assets` was made of outlives them.
[[nodiscard]] std::vector<core::Route> ui_routes(UiAssets assets);

}  // namespace pulse::server
