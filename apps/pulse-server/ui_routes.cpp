// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ui_routes.hpp"

#include <algorithm>
#include <string>

namespace pulse::server {

namespace {

using core::HttpRequest;
using core::HttpResponse;
using core::Route;

constexpr std::string_view kWithoutPage =
    "This pulse-server was built without its web pages.\n"
    "With Node.js and npm installed, build it with -DPULSE_WITH_UI=ON.\n";

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// The part up to `separator`, trimmed; `text` goes on behind it.
std::string_view take(std::string_view& text, char separator) noexcept {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view part = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) noexcept {
    return a.size() == lower.size() &&
           std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
               return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
           });
}

/// Whether a weight allows at all: anything but "0", "0.0" … Unreadable ones do not.
bool is_weight_positive(std::string_view parameters) noexcept {
    while (!parameters.empty()) {
        std::string_view parameter = take(parameters, ';');
        const std::string_view name = take(parameter, '=');
        if (!equals_ignoring_case(name, "q")) continue;
        parameter = trimmed(parameter);
        return parameter.find_first_not_of("0123456789.") == std::string_view::npos &&
               parameter.find_first_of("123456789") != std::string_view::npos;
    }
    return true;
}

/// RFC 9110 section 12.5.3. Saying nothing allows everything, but who says nothing gets what every
/// client understands.
bool accepts_gzip(const HttpRequest& request) noexcept {
    std::string_view codings = request.header("accept-encoding").value_or("");
    bool is_any_accepted = false;
    while (!codings.empty()) {
        std::string_view parameters = take(codings, ',');
        const std::string_view coding = take(parameters, ';');
        if (equals_ignoring_case(coding, "gzip") || equals_ignoring_case(coding, "x-gzip")) {
            return is_weight_positive(parameters);
        }
        if (coding == "*") is_any_accepted = is_weight_positive(parameters);
    }
    return is_any_accepted;
}

/// RFC 9110 section 13.1.2: weak comparison with each of a list. Our tags hold no commas.
bool has_already(const HttpRequest& request, std::string_view etag) noexcept {
    std::string_view tags = request.header("if-none-match").value_or("");
    while (!tags.empty()) {
        std::string_view tag = take(tags, ',');
        if (tag == "*") return true;
        if (tag.starts_with("W/")) tag.remove_prefix(2);
        if (tag == etag) return true;
    }
    return false;
}

void add_security_headers(HttpResponse& response) {
    for (const auto& [name, value] : {
             std::pair{"content-security-policy", kUiContentSecurityPolicy},
             std::pair{"x-content-type-options", std::string_view("nosniff")},
             std::pair{"x-frame-options", std::string_view("DENY")},
             // Not no-referrer: with that, browsers send "null" as the Origin of a form.
             std::pair{"referrer-policy", std::string_view("same-origin")},
             std::pair{"cross-origin-opener-policy", std::string_view("same-origin")},
             std::pair{"cross-origin-resource-policy", std::string_view("same-origin")},
         }) {
        response.headers.emplace_back(name, value);
    }
}

HttpResponse without_body(int status) { return {status, "", "", {}}; }

HttpResponse file_response(const UiAsset& asset, const HttpRequest& request) {
    const bool is_compressed = !asset.gzip_bytes.empty() && accepts_gzip(request);
    const std::string_view etag = is_compressed ? asset.gzip_etag : asset.etag;
    HttpResponse response = without_body(304);
    if (!has_already(request, etag)) {
        response.status = 200;
        response.content_type = asset.content_type;
        response.body = is_compressed ? asset.gzip_bytes : asset.bytes;
        if (is_compressed) response.headers.emplace_back("content-encoding", "gzip");
    }
    response.headers.emplace_back("etag", etag);
    response.headers.emplace_back(
        "cache-control", asset.is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (!asset.gzip_bytes.empty()) response.headers.emplace_back("vary", "accept-encoding");
    return response;
}

}  // namespace

HttpResponse ui_response(UiAssets assets, const HttpRequest& request) {
    return ui_response(assets, request.path, request);
}

HttpResponse ui_response(UiAssets assets, std::string_view path, const HttpRequest& request) {
    const UiAsset* asset = assets.find(path);
    HttpResponse response =
        asset != nullptr
            ? file_response(*asset, request)
            : HttpResponse::text(
                  404, std::string(assets.empty() && path == "/" ? kWithoutPage : "Not Found\n"));
    // A path that a newer version has must not be remembered as missing.
    if (asset == nullptr) response.headers.emplace_back("cache-control", "no-store");
    add_security_headers(response);
    return response;
}

std::vector<Route> ui_routes(UiAssets assets) {
    const auto respond = [assets](const HttpRequest& request) {
        return ui_response(assets, request);
    };
    return {Route::immediate("GET", "/", respond), Route::immediate("GET", "/assets/*", respond)};
}

}  // namespace pulse::server
