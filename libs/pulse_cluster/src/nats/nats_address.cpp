// SPDX-License-Identifier: MIT OR Apache-2.0
#include "nats/nats_address.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include <pulse/core/http_text.hpp>

namespace pulse::cluster {

namespace {

constexpr std::string_view kDefaultPort = "4222";
constexpr std::size_t kMaxServers = 64;

/// "host", "host:port" or "[v6]:port".
[[nodiscard]] bool is_host(std::string_view text, bool& has_port) noexcept {
    std::string_view host = text;
    std::string_view rest;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return false;
        host = text.substr(1, close - 1);
        rest = text.substr(close + 1);
    } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
        host = text.substr(0, colon);
        rest = text.substr(colon);
    }
    if (host.empty() || host.find_first_of("/?#@[]") != std::string_view::npos) return false;
    has_port = !rest.empty();
    if (!has_port) return true;
    std::uint16_t port = 0;
    const char* const end = rest.data() + rest.size();
    const auto [at, error] = std::from_chars(rest.data() + 1, end, port);
    return rest.front() == ':' && error == std::errc{} && at == end && port != 0;
}

[[nodiscard]] bool take_login(std::string_view text, NatsAddress& out) {
    const std::size_t colon = text.find(':');
    const auto first = core::http::percent_decode(text.substr(0, colon));
    if (!first || first->empty()) return false;
    if (colon == std::string_view::npos) {
        out.token = *first;
        return true;
    }
    const auto second = core::http::percent_decode(text.substr(colon + 1));
    if (!second || second->empty()) return false;
    out.user = *first;
    out.password = *second;
    return true;
}

}  // namespace

tl::expected<NatsAddress, std::string> parse_nats_address(std::string_view url) {
    constexpr std::string_view kPlain = "nats://";
    constexpr std::string_view kTls = "tls://";
    const auto wrong = [](const char* why) { return tl::unexpected(std::string(why)); };
    NatsAddress out;
    out.is_tls = url.starts_with(kTls);
    if (!out.is_tls && !url.starts_with(kPlain)) return wrong("must begin with nats:// or tls://");
    const bool is_clean =
        std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!is_clean) return wrong("has characters that are to be percent-encoded");
    url.remove_prefix(out.is_tls ? kTls.size() : kPlain.size());
    if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
        if (!take_login(url.substr(0, at), out)) {
            return wrong("has no user:password@ or token@ that makes sense");
        }
        url.remove_prefix(at + 1);
    }
    while (url.ends_with('/')) url.remove_suffix(1);
    while (true) {
        const std::size_t comma = url.find(',');
        const std::string_view host = url.substr(0, comma);
        bool has_port = false;
        if (!is_host(host, has_port)) {
            return wrong("must be nats://[user:password@|token@]host[:port][,host[:port]…]");
        }
        std::string server = "nats://";
        server += host;
        if (!has_port) server.append(":").append(kDefaultPort);
        out.servers.push_back(std::move(server));
        if (out.servers.size() > kMaxServers) return wrong("has too many servers");
        if (comma == std::string_view::npos) return out;
        url.remove_prefix(comma + 1);
    }
}

}  // namespace pulse::cluster
