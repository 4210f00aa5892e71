// SPDX-License-Identifier: MIT OR Apache-2.0
#include "endpoint.hpp"

#include "http/text.hpp"

#include <algorithm>

#include <arpa/inet.h>

namespace pulse::transport {

namespace {

/// "host:port" of "scheme://host:port"; empty when there is no scheme.
std::string_view authority_of(std::string_view origin) noexcept {
    const std::size_t at = origin.find("://");
    return at == std::string_view::npos ? std::string_view{} : origin.substr(at + 3);
}

/// RFC 1122 §3.2.1.3: all of 127.0.0.0/8. In dotted form alone, which is the one browsers send.
bool is_loopback_v4(std::string_view host) noexcept {
    in_addr address{};
    char text[INET_ADDRSTRLEN];
    if (!host.starts_with("127.") || host.size() >= sizeof text) return false;
    text[host.copy(text, sizeof text - 1)] = '\0';
    return ::inet_pton(AF_INET, text, &address) == 1;
}

bool is_loopback_authority(std::string_view authority) noexcept {
    // The port is what follows the last colon outside brackets; anything else behind the host is
    // part of another name.
    const std::size_t from = authority.starts_with('[') ? authority.find(']') : 0;
    if (from == std::string_view::npos) return false;
    const std::size_t end = std::min(authority.find(':', from), authority.size());
    const std::string_view host = authority.substr(0, end);
    return http::iequals(host, "localhost") || host == "[::1]" || is_loopback_v4(host);
}

/// Segment by segment; `{name}` takes any that is not empty.
bool is_mounted_at(std::string_view pattern, std::string_view path) noexcept {
    for (;;) {
        const std::size_t want_end = std::min(pattern.find('/'), pattern.size());
        const std::size_t have_end = std::min(path.find('/'), path.size());
        const std::string_view want = pattern.substr(0, want_end);
        const std::string_view have = path.substr(0, have_end);
        const bool is_any = want.size() > 2 && want.front() == '{' && want.back() == '}';
        if (is_any ? have.empty() : want != have) return false;
        const bool is_last = want_end == pattern.size();
        if (is_last || have_end == path.size()) return is_last && have_end == path.size();
        pattern.remove_prefix(want_end + 1);
        path.remove_prefix(have_end + 1);
    }
}

}  // namespace

void Shared::set_options(const ConnectionOptions& options) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::make_unique<const ConnectionOptions>(options));
    current_.store(all_.back().get(), std::memory_order_release);
}

core::Dialect* Endpoint::dialect_at(std::string_view path) const noexcept {
    for (const auto& [at, dialect] : mounts.dialects) {
        if (at != "*" && is_mounted_at(at, path)) return dialect;
    }
    return nullptr;
}

core::Dialect* Endpoint::fallback_dialect() const noexcept {
    for (const auto& [at, dialect] : mounts.dialects) {
        if (at == "*") return dialect;
    }
    return nullptr;
}

bool Endpoint::has_route(std::string_view path) const {
    return mounts.routes != nullptr && mounts.routes->is_made_for(path);
}

bool Endpoint::is_origin_allowed(const http::RequestHead& head) const noexcept {
    const auto origin = head.find("origin");
    if (!origin) return true;
    const auto& allowed = shared->options().allowed_origins;
    if (!allowed.empty()) {
        return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& entry) {
            return entry == "*" || http::iequals(entry, *origin);
        });
    }
    const std::string_view authority = authority_of(*origin);
    if (!is_loopback) return !authority.empty() && http::iequals(authority, head.authority);
    // A developer's machine: pages from a local server on any port, or opened from a file. The host
    // must be called by an address of this machine: any site can have its own name resolve to it.
    return is_loopback_authority(head.authority) &&
           (is_loopback_authority(authority) || *origin == "null" || *origin == "file://");
}

}  // namespace pulse::transport
