// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rooms_page_routes.hpp"

#include "support/catch.hpp"
#include "ui_routes.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <pulse/transport/http.hpp>

namespace pulse::server {
namespace {

using Match = transport::HttpRouter::Match;

constexpr std::array<UiAsset, 2> kPages{{
    {"/", "text/html; charset=utf-8", "index", {}, "\"0\"", "\"0-gzip\"", false},
    {"/chat", "text/html; charset=utf-8", "chat", {}, "\"1\"", "\"1-gzip\"", false},
}};

Match match(RoomsIndex index, std::string_view method, std::string_view path) {
    transport::HttpRouter router;
    router.add(rooms_page_routes(UiAssets(kPages), index));
    return router.find(method, path).match;
}

TEST_CASE("the rooms' pages answer every method at exactly their paths", "[ui]") {
    for (const char* path : {"/rooms", "/chat", "/poll", "/ephemeral", "/livemap"}) {
        for (const char* method : {"GET", "HEAD", "POST", "OPTIONS", "DELETE"}) {
            CAPTURE(path, method);
            CHECK(match(RoomsIndex::beside_others, method, path) == Match::found);
        }
    }
    for (const char* path : {"/chat/", "/Chat", "/chatx", "/rooms/", "/websocket", "/users", ""}) {
        CAPTURE(path);
        CHECK(match(RoomsIndex::at_root, "GET", std::string("/x") + path) == Match::not_found);
        if (*path != '\0') {
            CHECK(match(RoomsIndex::at_root, "GET", path) == Match::not_found);
        }
    }
}

TEST_CASE("the rooms' index is at / where the listener is theirs", "[ui]") {
    CHECK(match(RoomsIndex::at_root, "GET", "/") == Match::found);
    CHECK(match(RoomsIndex::beside_others, "GET", "/") == Match::not_found);
}

TEST_CASE("what the rooms' pages load is only read", "[ui]") {
    CHECK(match(RoomsIndex::beside_others, "GET", "/rooms-assets/chat-12.js") == Match::found);
    CHECK(match(RoomsIndex::beside_others, "POST", "/rooms-assets/chat-12.js") ==
          Match::method_not_allowed);
}

TEST_CASE("a file is found by the name of its asset, wherever the request went", "[ui]") {
    core::HttpRequest request;
    request.method = "GET";
    request.path = "/rooms";
    CHECK(ui_response(UiAssets(kPages), "/", request).body == "index");
    CHECK(ui_response(UiAssets(kPages), "/chat", request).body == "chat");
    CHECK(ui_response(UiAssets(kPages), request).status == 404);
}

TEST_CASE("every page of the rooms that the build put in is whole, and small with all it loads",
          "[ui]") {
    const UiAssets pages = embedded_rooms_pages();
    if (pages.empty()) return;  // built without the pages
    for (const char* path : {"/", "/chat", "/poll", "/ephemeral", "/livemap"}) {
        CAPTURE(path);
        const UiAsset* page = pages.find(path);
        REQUIRE(page != nullptr);
        CHECK(page->content_type == "text/html; charset=utf-8");
        CHECK_FALSE(page->is_immutable);
        std::size_t first_load = page->bytes.size();
        int loaded = 0;
        for (const UiAsset& asset : pages.all()) {
            if (!asset.is_immutable ||
                page->bytes.find(asset.path.substr(1)) == std::string_view::npos) {
                continue;
            }
            first_load += asset.bytes.size();
            loaded += 1;
        }
        CHECK(loaded == 3);  // a script, the style, the icon
        CHECK(first_load < 40 * 1024);
    }
}

}  // namespace
}  // namespace pulse::server
