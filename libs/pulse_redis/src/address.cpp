// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <charconv>

#include <pulse/core/http_text.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/error.hpp>

namespace pulse::redis {

namespace {

constexpr std::uint16_t kSentinelPort = 26379;
/// More than anybody has; what is read is bounded.
constexpr std::size_t kMaxHosts = 64;

struct Scheme {
    std::string_view text;
    Location::Kind kind;
    bool has_tls;
    bool is_unix;
};
constexpr Scheme kSchemes[] = {
    {"redis://", Location::Kind::single, false, false},
    {"rediss://", Location::Kind::single, true, false},
    {"unix://", Location::Kind::single, false, true},
    {"redis+sentinel://", Location::Kind::sentinel, false, false},
    {"rediss+sentinel://", Location::Kind::sentinel, true, false},
    {"redis+cluster://", Location::Kind::cluster, false, false},
    {"rediss+cluster://", Location::Kind::cluster, true, false},
};

template <typename Number>
bool read_number(std::string_view text, Number& out) noexcept {
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, out);
    return !text.empty() && error == std::errc{} && at == end;
}

/// Cuts `text` at the first `mark`; what is behind it is returned, or nothing.
std::optional<std::string_view> cut(std::string_view& text, char mark) noexcept {
    const std::size_t at = text.find(mark);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(at + 1);
    text = text.substr(0, at);
    return rest;
}

bool decode(std::string_view text, std::string& out) {
    auto decoded = core::http::percent_decode(text);
    if (!decoded) return false;
    out = std::move(*decoded);
    // They end up in C strings, or in commands of one line.
    return std::none_of(out.begin(), out.end(), [](char c) { return c == '\0'; });
}

/// "[user]:password" or, as other clients write it, "password" alone behind a colon.
bool read_login(std::string_view text, Address& address) {
    const auto password = cut(text, ':');
    return password && decode(text, address.username) && decode(*password, address.password) &&
           !address.password.empty();
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

bool read_hosts(std::string_view text, const Address& common, std::vector<Address>& out) {
    for (std::optional<std::string_view> rest = text; rest;) {
        std::string_view next = *rest;
        rest = cut(next, ',');
        Address address = common;
        if (out.size() >= kMaxHosts || !read_host(next, address)) return false;
        out.push_back(std::move(address));
    }
    return true;
}

bool read_database(std::string_view text, Address& address) {
    return text.empty() || read_number(text, address.database);
}

/// What stands behind '?', into the place that `find` knows for a name.
template <typename Find>
bool read_query(std::string_view text, const Find& find) {
    for (std::optional<std::string_view> rest = text; rest;) {
        std::string_view name = *rest;
        rest = cut(name, '&');
        const auto value = cut(name, '=');
        std::string* const place = find(name);
        if (!value || place == nullptr || !place->empty()) return false;
        if (!decode(*value, *place) || place->empty()) return false;
    }
    return true;
}

bool read_unix(std::string_view rest, Address& address) {
    /// sun_path of Linux, with its terminator.
    constexpr std::size_t kMaxPathBytes = 107;
    std::string database;
    const auto query = cut(rest, '?');
    if (query && !read_query(*query, [&](std::string_view name) {
            return name == "db" ? &database : nullptr;
        })) {
        return false;
    }
    return read_database(database, address) && decode(rest, address.path) &&
           address.path.starts_with('/') && address.path.size() <= kMaxPathBytes;
}

/// `rest`: all behind the login, which `login` has.
bool read_tcp(std::string_view rest, const Scheme& scheme, const Address& login, Location& out) {
    Address sentinel;
    TlsOptions tls;
    const bool is_sentinel = scheme.kind == Location::Kind::sentinel;
    const auto find = [&](std::string_view name) -> std::string* {
        if (is_sentinel && name == "sentinel_user") return &sentinel.username;
        if (is_sentinel && name == "sentinel_password") return &sentinel.password;
        if (!scheme.has_tls) return nullptr;
        if (name == "cafile") return &tls.ca_file;
        if (name == "certfile") return &tls.certificate_file;
        if (name == "keyfile") return &tls.key_file;
        return name == "tls_name" ? &tls.name : nullptr;
    };
    const auto query = cut(rest, '?');
    if (query && !read_query(*query, find)) return false;
    if (tls.certificate_file.empty() && !tls.key_file.empty()) return false;
    if (sentinel.password.empty() && !sentinel.username.empty()) return false;
    Address redis = login;
    if (scheme.has_tls) redis.tls = sentinel.tls = tls;
    const std::string_view path = cut(rest, '/').value_or("");
    switch (scheme.kind) {
        case Location::Kind::single:
            if (!read_database(path, redis) || !read_hosts(rest, redis, out.hosts)) return false;
            return out.hosts.size() == 1;
        case Location::Kind::sentinel: {
            std::string_view master = path;
            const auto database = cut(master, '/');
            if (!decode(master, out.master) || out.master.empty()) return false;
            if (!read_database(database.value_or(""), redis)) return false;
            sentinel.port = kSentinelPort;
            out.redis = std::move(redis);
            return read_hosts(rest, sentinel, out.hosts);
        }
        case Location::Kind::cluster:
            // A Redis Cluster has one database.
            return path.empty() && read_hosts(rest, redis, out.hosts);
    }
    return false;
}

bool read_location(std::string_view url, Location& out) {
    const bool is_clean =
        std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    const auto scheme = std::find_if(std::begin(kSchemes), std::end(kSchemes),
                                     [url](const auto& s) { return url.starts_with(s.text); });
    if (!is_clean || scheme == std::end(kSchemes)) return false;
    url.remove_prefix(scheme->text.size());
    out.kind = scheme->kind;
    Address login;
    if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
        if (!read_login(url.substr(0, at), login)) return false;
        url.remove_prefix(at + 1);
    }
    if (!scheme->is_unix) return read_tcp(url, *scheme, login, out);
    out.hosts.push_back(std::move(login));
    return read_unix(url, out.hosts.front());
}

}  // namespace

core::Result<Location> parse_location(std::string_view url) {
    Location location;
    if (read_location(url, location)) return location;
    return tl::unexpected(make_error_code(Error::invalid_address));
}

core::Result<Address> parse_address(std::string_view url) {
    auto location = parse_location(url);
    if (!location) return tl::unexpected(location.error());
    if (location->kind == Location::Kind::single) return std::move(location->hosts.front());
    return tl::unexpected(make_error_code(Error::invalid_address));
}

core::Result<Location> parse_master_location(std::string_view url) {
    auto location = parse_location(url);
    if (location && location->kind == Location::Kind::cluster) {
        return tl::unexpected(make_error_code(Error::invalid_address));
    }
    return location;
}

std::string to_string(const Location& location) {
    std::string text;
    for (const Address& each : location.hosts) {
        if (!text.empty()) text += ',';
        text += to_string(each);
    }
    return text;
}

std::string to_string(const Address& address) {
    if (!address.path.empty()) return address.path;
    const bool is_v6 = address.host.find(':') != std::string::npos;
    const std::string host = is_v6 ? "[" + address.host + "]" : address.host;
    return host + ":" + std::to_string(address.port);
}

}  // namespace pulse::redis
