// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ui_routes.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include <pulse/transport/http.hpp>

namespace pulse::server {
namespace {

using core::HttpRequest;
using core::HttpResponse;

constexpr std::string_view kGzipMagic{"\x1f\x8b", 2};

constexpr std::array<UiAsset, 3> kAssets{{
    {"/", "text/html; charset=utf-8", "<html>", "gzipped html", "\"html\"", "\"html-gzip\"", false},
    {"/assets/app-12.js", "text/javascript", "code", "gzipped code", "\"js\"", "\"js-gzip\"", true},
    {"/assets/icon.svg", "image/svg+xml", "<svg>", {}, "\"svg\"", "\"svg-gzip\"", true},
}};

HttpRequest request_for(std::string path,
                        std::vector<std::pair<std::string, std::string>> headers = {}) {
    HttpRequest request;
    request.method = "GET";
    request.path = std::move(path);
    request.headers = std::move(headers);
    return request;
}

HttpResponse get(std::string path, std::vector<std::pair<std::string, std::string>> headers = {}) {
    return ui_response(UiAssets(kAssets), request_for(std::move(path), std::move(headers)));
}

std::string header(const HttpResponse& response, std::string_view name) {
    std::string found;
    for (const auto& [key, value] : response.headers) {
        if (key != name) continue;
        if (!found.empty()) return "<twice>";
        found = value;
    }
    return found;
}

TEST_CASE("the page and its files are sent as they are to who asks for no compression", "[ui]") {
    for (const UiAsset& asset : kAssets) {
        CAPTURE(asset.path);
        const HttpResponse response = get(std::string(asset.path));
        CHECK(response.status == 200);
        CHECK(response.content_type == asset.content_type);
        CHECK(response.body == asset.bytes);
        CHECK(header(response, "etag") == asset.etag);
        CHECK(header(response, "content-encoding").empty());
    }
}

TEST_CASE("gzip is sent to who accepts it", "[ui]") {
    const auto [accepts, is_gzip] = GENERATE(table<const char*, bool>({
        {"gzip", true},
        {"GZIP", true},
        {"x-gzip", true},
        {"gzip, deflate, br", true},
        {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
        {"*", true},
        {" gzip ; Q = 0.001 ", true},
        {"gzip;foo=0", true},
        {"", false},
        {"identity", false},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip;q=", false},
        {"gzip;q=much1", false},
        {"gzip;q=0, *;q=1", false},
        {"*;q=1, gzip;q=0", false},
        {"*;q=0", false},
        {"gzipped", false},
        {"notgzip", false},
        {",,;;q,=", false},
    }));
    CAPTURE(accepts);
    const HttpResponse response = get("/assets/app-12.js", {{"Accept-Encoding", accepts}});
    CHECK(response.status == 200);
    CHECK(response.body == (is_gzip ? "gzipped code" : "code"));
    CHECK(header(response, "content-encoding") == (is_gzip ? "gzip" : ""));
    CHECK(header(response, "etag") == (is_gzip ? "\"js-gzip\"" : "\"js\""));
    CHECK(header(response, "vary") == "accept-encoding");
}

TEST_CASE("a file that gzip does not make smaller is sent as it is", "[ui]") {
    const HttpResponse response = get("/assets/icon.svg", {{"accept-encoding", "gzip"}});
    CHECK(response.body == "<svg>");
    CHECK(header(response, "etag") == "\"svg\"");
    CHECK(header(response, "content-encoding").empty());
    CHECK(header(response, "vary").empty());
}

TEST_CASE("who has a file already is told so", "[ui]") {
    const auto [tags, is_current] = GENERATE(table<const char*, bool>({
        {"\"html\"", true},
        {"W/\"html\"", true},
        {"\"old\", \"html\"", true},
        {"\"old\",W/\"html\"", true},
        {"*", true},
        {"\"old\"", false},
        {"html", false},
        {"\"html", false},
        {"\"html-gzip\"", false},
        {"", false},
        {",", false},
    }));
    CAPTURE(tags);
    const HttpResponse response = get("/", {{"if-none-match", tags}});
    CHECK(response.status == (is_current ? 304 : 200));
    CHECK(response.body == (is_current ? "" : "<html>"));
    CHECK(response.content_type.empty() == is_current);
    CHECK(header(response, "etag") == "\"html\"");
    CHECK(header(response, "vary") == "accept-encoding");
}

TEST_CASE("the gzip form of a file is known by a tag of its own", "[ui]") {
    const std::pair<std::string, std::string> accepts{"accept-encoding", "gzip"};
    CHECK(get("/", {accepts, {"if-none-match", "\"html-gzip\""}}).status == 304);
    CHECK(get("/", {accepts, {"if-none-match", "\"html\""}}).status == 200);
}

TEST_CASE("files named by their content are kept for ever, the page is asked for each time",
          "[ui]") {
    CHECK(header(get("/"), "cache-control") == "no-cache");
    CHECK(header(get("/assets/app-12.js"), "cache-control") ==
          "public, max-age=31536000, immutable");
    CHECK(header(get("/assets/gone.js"), "cache-control") == "no-store");
}

TEST_CASE("only what is there is found, by its exact path", "[ui]") {
    for (const char* path :
         {"/assets/", "/assets", "/assets/app-12.jsx", "/assets/../", "/assets/%61pp-12.js",
          "/assets//app-12.js", "/assets/app-12.js/", "/index.html", ""}) {
        CAPTURE(path);
        const HttpResponse response = get(path);
        CHECK(response.status == 404);
        CHECK(response.body == "Not Found\n");
    }
}

TEST_CASE("every answer tells browsers to be careful", "[ui]") {
    const HttpResponse answers[] = {get("/"), get("/", {{"if-none-match", "*"}}),
                                    get("/assets/icon.svg"), get("/nowhere"),
                                    ui_response(UiAssets({}), request_for("/"))};
    for (const HttpResponse& response : answers) {
        CAPTURE(response.status, response.body);
        CHECK(header(response, "content-security-policy") == kUiContentSecurityPolicy);
        CHECK(header(response, "x-content-type-options") == "nosniff");
        CHECK(header(response, "x-frame-options") == "DENY");
        CHECK(header(response, "referrer-policy") == "same-origin");
        CHECK(header(response, "cross-origin-opener-policy") == "same-origin");
        CHECK(header(response, "cross-origin-resource-policy") == "same-origin");
    }
}

TEST_CASE("a program without the page says how to build one with it", "[ui]") {
    const HttpResponse response = ui_response(UiAssets({}), request_for("/"));
    CHECK(response.status == 404);
    CHECK(response.body.find("-DPULSE_WITH_UI=ON") != std::string::npos);
    CHECK(ui_response(UiAssets({}), request_for("/assets/app-12.js")).body == "Not Found\n");
}

TEST_CASE("the page is for GET and HEAD, and its routes take nobody else's paths", "[ui]") {
    transport::HttpRouter router;
    router.add(ui_routes(UiAssets(kAssets)));
    using Match = transport::HttpRouter::Match;
    CHECK(router.find("GET", "/").match == Match::found);
    CHECK(router.find("HEAD", "/assets/app-12.js").match == Match::found);
    CHECK(router.find("POST", "/").match == Match::method_not_allowed);
    for (const char* path : {"/ui/session", "/universe/1", "/health", "/ws", "/assetsx"}) {
        CAPTURE(path);
        CHECK(router.find("GET", path).match == Match::not_found);
    }
}

TEST_CASE("what the build put in is whole and small enough", "[ui]") {
    const UiAssets assets = embedded_ui();
    if (assets.empty()) return;  // built without the page
    const UiAsset* page = assets.find("/");
    REQUIRE(page != nullptr);
    CHECK_FALSE(page->is_immutable);

    std::set<std::string_view> tags;
    std::size_t first_load = 0;
    for (const UiAsset& asset : assets.all()) {
        CAPTURE(asset.path);
        CHECK_FALSE(asset.bytes.empty());
        CHECK_FALSE(asset.content_type.empty());
        CHECK(assets.find(asset.path) == &asset);
        for (const std::string_view tag : {asset.etag, asset.gzip_etag}) {
            CHECK(tags.insert(tag).second);
            CHECK((tag.size() > 2 && tag.front() == '"' && tag.back() == '"'));
        }
        if (!asset.gzip_bytes.empty()) {
            CHECK(asset.gzip_bytes.starts_with(kGzipMagic));
            CHECK(asset.gzip_bytes.size() < asset.bytes.size());
        }
        first_load += asset.gzip_bytes.empty() ? asset.bytes.size() : asset.gzip_bytes.size();
        if (&asset == page) continue;
        CHECK(asset.is_immutable);
        CHECK(asset.path.starts_with("/assets/"));
        CHECK(page->bytes.find(asset.path) != std::string_view::npos);
    }
    CHECK(first_load < 150 * 1024);
}

}  // namespace
}  // namespace pulse::server
