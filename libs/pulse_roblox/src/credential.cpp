// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a request says about who sends it.
#include <algorithm>

#include <pulse/core/http_text.hpp>
#include <pulse/roblox/access_book.hpp>

namespace pulse::roblox {

namespace {

using Kind = Credential::Kind;

[[nodiscard]] std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// The value in one `Cookie` header; empty when it is not there.
[[nodiscard]] std::string_view session_in(std::string_view cookies) noexcept {
    while (!cookies.empty()) {
        const std::size_t end = std::min(cookies.find(';'), cookies.size());
        const std::string_view one = trim(cookies.substr(0, end));
        cookies.remove_prefix(std::min(end + 1, cookies.size()));
        const std::size_t equals = one.find('=');
        if (equals != std::string_view::npos && one.substr(0, equals) == kSessionCookie) {
            return one.substr(equals + 1);
        }
    }
    return {};
}

[[nodiscard]] Credential credential(Kind kind, std::string_view text) {
    return {.kind = text.empty() ? Kind::none : kind, .text = std::string(text)};
}

[[nodiscard]] Credential in_query(Kind kind, std::string_view query, std::string_view name) {
    const auto value = core::http::query_value(query, name);
    return value ? credential(kind, *value) : Credential{};
}

/// `host[:port]` with the port that the scheme stands for when there is none.
struct Authority {
    std::string_view host;
    std::string_view port;
};
[[nodiscard]] Authority split_authority(std::string_view text, std::string_view default_port) {
    // "[::1]:80": the colons of an IPv6 address are inside brackets.
    const std::size_t bracket = text.rfind(']');
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
        return {text, default_port};
    }
    return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

Credential find_credential(const core::HttpRequest& request, QueryCredentials query) {
    const bool is_query = query == QueryCredentials::accepted;
    Credential found = credential(
        Kind::bearer, parse_bearer(request.header("authorization").value_or(std::string_view{})));
    if (found.kind == Kind::none && is_query) {
        found = in_query(Kind::ticket, request.query, "ticket");
        if (found.kind == Kind::none) found = in_query(Kind::query_key, request.query, "apiKey");
    }
    for (const auto& [name, value] : request.headers) {
        if (found.kind != Kind::none) return found;
        if (core::http::iequals(name, "cookie")) {
            found = credential(Kind::session_cookie, session_in(value));
        }
    }
    return found;
}

Credential find_credential(const core::OpenRequest& request) {
    Credential found = credential(Kind::bearer, parse_bearer(request.header("authorization")));
    if (found.kind == Kind::none) {
        found = credential(Kind::bearer,
                           parse_protocol_token(request.header("sec-websocket-protocol")));
    }
    if (found.kind == Kind::none) found = in_query(Kind::ticket, request.query, "ticket");
    if (found.kind == Kind::none) found = in_query(Kind::query_key, request.query, "apiKey");
    // Last: browsers send it unasked, with whatever a page gives.
    if (found.kind == Kind::none) {
        found = credential(Kind::session_cookie, session_in(request.header("cookie")));
    }
    return found;
}

bool is_own_origin(std::string_view origin, std::string_view host) noexcept {
    constexpr std::string_view kHttp = "http://";
    constexpr std::string_view kHttps = "https://";
    const bool is_http = origin.starts_with(kHttp);
    if (host.empty() || (!is_http && !origin.starts_with(kHttps))) return false;
    const std::string_view port = is_http ? "80" : "443";
    origin.remove_prefix(is_http ? kHttp.size() : kHttps.size());
    const Authority a = split_authority(origin, port);
    // In front of us TLS may end, so that the origin alone tells the scheme.
    const Authority b = split_authority(host, port);
    return !a.host.empty() && core::http::iequals(a.host, b.host) && a.port == b.port;
}

bool is_from_own_page(const core::HttpRequest& request) noexcept {
    const auto origin = request.header("origin");
    if (origin) return is_own_origin(*origin, request.header("host").value_or(std::string_view{}));
    return request.header("sec-fetch-site") == "same-origin";
}

}  // namespace pulse::roblox
