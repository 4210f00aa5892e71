// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <charconv>

#include <pulse/core/http_text.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/error.hpp>

namespace pulse::redis {

namespace {

template <typename Number>
bool read_number(std::string_view text, Number& out) noexcept {
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, out);
    return !text.empty() && error == std::errc{} && at == end;
}

/// "[user]:password" or, as other clients write it, "password" alone behind a colon.
bool read_login(std::string_view text, Address& address) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return false;
    const auto username = core::http::percent_decode(text.substr(0, colon));
    const auto password = core::http::percent_decode(text.substr(colon + 1));
    if (!username || !password || password->empty()) return false;
    address.username = *username;
    address.password = *password;
    return true;
}

bool read_host(std::string_view text, Address& address) {
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
    if (host.empty()) return false;
    address.host = host;
    if (rest.empty()) return true;
    return rest.front() == ':' && read_number(rest.substr(1), address.port) && address.port != 0;
}

bool read_tcp(std::string_view rest, Address& address) {
    const std::size_t slash = rest.find('/');
    if (slash != std::string_view::npos) {
        const std::string_view database = rest.substr(slash + 1);
        if (!database.empty() && !read_number(database, address.database)) return false;
    }
    return read_host(rest.substr(0, slash), address);
}

bool read_unix(std::string_view rest, Address& address) {
    constexpr std::string_view kDatabase = "db=";
    /// sun_path of Linux, with its terminator.
    constexpr std::size_t kMaxPathBytes = 107;
    const std::size_t question = rest.find('?');
    if (question != std::string_view::npos) {
        const std::string_view query = rest.substr(question + 1);
        if (!query.starts_with(kDatabase)) return false;
        if (!read_number(query.substr(kDatabase.size()), address.database)) return false;
    }
    const auto path = core::http::percent_decode(rest.substr(0, question));
    if (!path || !path->starts_with('/') || path->size() > kMaxPathBytes) return false;
    address.path = *path;
    return true;
}

}  // namespace

core::Result<Address> parse_address(std::string_view url) {
    constexpr std::string_view kTcp = "redis://";
    constexpr std::string_view kUnix = "unix://";
    const auto wrong = [] { return tl::unexpected(make_error_code(Error::invalid_address)); };
    if (url.starts_with("rediss://")) {
        return tl::unexpected(make_error_code(Error::tls_not_supported));
    }
    const bool is_unix = url.starts_with(kUnix);
    if (!is_unix && !url.starts_with(kTcp)) return wrong();
    const bool is_clean =
        std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!is_clean) return wrong();
    url.remove_prefix(is_unix ? kUnix.size() : kTcp.size());
    Address address;
    if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
        if (!read_login(url.substr(0, at), address)) return wrong();
        url.remove_prefix(at + 1);
    }
    if (!(is_unix ? read_unix(url, address) : read_tcp(url, address))) return wrong();
    return address;
}

std::string to_string(const Address& address) {
    if (!address.path.empty()) return address.path;
    const bool is_v6 = address.host.find(':') != std::string::npos;
    const std::string host = is_v6 ? "[" + address.host + "]" : address.host;
    return host + ":" + std::to_string(address.port);
}

}  // namespace pulse::redis
