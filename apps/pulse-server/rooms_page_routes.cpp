// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rooms_page_routes.hpp"

#include "ui_routes.hpp"

#include <string>
#include <string_view>

namespace pulse::server {

namespace {

using core::HttpRequest;
using core::Route;

/// The file `asset`, for requests to `path`.
Route page(UiAssets pages, std::string_view path, std::string_view asset) {
    // Where there are no pages, "/" is the one that says so.
    if (pages.empty()) asset = "/";
    return Route::immediate("*", std::string(path), [pages, asset](const HttpRequest& request) {
        return ui_response(pages, asset, request);
    });
}

}  // namespace

std::vector<Route> rooms_page_routes(UiAssets pages, RoomsIndex index) {
    std::vector<Route> routes;
    if (index == RoomsIndex::at_root) routes.push_back(page(pages, "/", "/"));
    routes.push_back(page(pages, "/rooms", "/"));
    for (const std::string_view path : {"/chat", "/poll", "/ephemeral", "/livemap"}) {
        routes.push_back(page(pages, path, path));
    }
    routes.push_back(Route::immediate(
        "GET", "/rooms-assets/*",
        [pages](const HttpRequest& request) { return ui_response(pages, request); }));
    return routes;
}

}  // namespace pulse::server
