// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/forms.hpp"

#include "config/host.hpp"
#include "config/value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

namespace pulse::server {
namespace {

constexpr std::size_t kMaxPathLength = 256;
constexpr std::size_t kMaxFactLength = 64;
/// As many as the bridge holds, and the characters of 32 bytes in base64url.
constexpr std::size_t kMaxMasterKeys = 16;
constexpr std::size_t kMaxMasterKeyName = 16;
constexpr std::size_t kMasterKeyCharacters = 43;

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_visible(char c) { return c > 0x20 && c < 0x7F; }

/// RFC 9110 §5.6.2.
bool is_token_char(char c) {
    return is_alphanumeric(c) ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

bool all_of(std::string_view text, bool (*is_fine)(char)) {
    return std::all_of(text.begin(), text.end(), is_fine);
}

/// Host, or host ":" port.
bool is_authority(std::string_view host) {
    const std::size_t colon = host.rfind(':');
    const bool has_port = colon != std::string_view::npos && !host.ends_with(']');
    if (has_port) {
        const auto port = parse_integer(host.substr(colon + 1));
        if (!port || *port < 1 || *port > 65'535) return false;
        host = host.substr(0, colon);
    }
    return find_host_problem(host).empty();
}

/// The text of an address in its usual form; empty when it is none.
std::string normal_address(const std::string& address) {
    std::array<unsigned char, 16> bytes{};
    std::array<char, INET6_ADDRSTRLEN> text{};
    for (const int family : {AF_INET, AF_INET6}) {
        if (inet_pton(family, address.c_str(), bytes.data()) == 1) {
            return inet_ntop(family, bytes.data(), text.data(), text.size());
        }
    }
    return {};
}

}  // namespace

std::string find_path_problem(std::string_view path) {
    if (!path.starts_with('/')) return "must start with '/'";
    if (path.size() > kMaxPathLength) {
        return fmt::format("must not be longer than {} bytes", kMaxPathLength);
    }
    if (!all_of(path, [](char c) { return is_visible(c) && c != '?' && c != '#'; })) {
        return "must be visible ASCII without '?' and '#'";
    }
    return {};
}

bool is_origin(std::string_view origin) {
    const std::size_t scheme_end = origin.find("://");
    if (scheme_end == std::string_view::npos || scheme_end == 0) return false;
    const auto is_scheme_char = [](char c) {
        return is_alphanumeric(c) || c == '+' || c == '-' || c == '.';
    };
    return all_of(origin.substr(0, scheme_end), is_scheme_char) &&
           is_authority(origin.substr(scheme_end + 3));
}

std::string find_address_problem(std::string_view address) {
    if (address.find('/') != std::string_view::npos) {
        return fmt::format("{} is a network: write each address by itself", quote_excerpt(address));
    }
    const std::string normal = normal_address(std::string{address});
    if (normal.empty()) return fmt::format("{} is no IP address", quote_excerpt(address));
    if (normal != address) {
        return fmt::format("{} never matches: peers' addresses are compared as text, so write {}",
                           quote_excerpt(address), quote_excerpt(normal));
    }
    return {};
}

std::string find_header_problem(std::string_view header) {
    if (!header.empty() && all_of(header, is_token_char)) return {};
    return fmt::format("{} is no name of a header: letters, digits and !#$%&'*+-.^_`|~ alone",
                       quote_excerpt(header));
}

std::string find_fact_problem(std::string_view fact) {
    const std::size_t equals = fact.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == fact.size()) {
        return fmt::format("{} is not \"fact=header\", as in \"country=cf-ipcountry\"",
                           quote_excerpt(fact));
    }
    const std::string_view name = fact.substr(0, equals);
    const std::string_view header = fact.substr(equals + 1);
    if (name.size() > kMaxFactLength || !all_of(name, is_visible)) {
        return fmt::format("the fact {} must be at most {} visible ASCII characters",
                           quote_excerpt(name), kMaxFactLength);
    }
    return find_header_problem(header);
}

std::string find_degrees_problem(std::string_view degrees, double limit) {
    double value = 0;
    const char* const end = degrees.data() + degrees.size();
    const auto parsed = std::from_chars(degrees.data(), end, value, std::chars_format::fixed);
    // Written so that what is not a number fails.
    if (parsed.ec == std::errc{} && parsed.ptr == end && value >= -limit && value <= limit) {
        return {};
    }
    return fmt::format("{} is not degrees from -{} to {}", quote_excerpt(degrees), limit, limit);
}

std::string find_base_url_problem(std::string_view url) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!url.starts_with(scheme)) continue;
        const std::string_view rest = url.substr(scheme.size());
        const std::size_t slash = std::min(rest.find('/'), rest.size());
        const std::string_view path = rest.substr(slash);
        if (rest.find('@') != std::string_view::npos) return "must not hold a user or a password";
        if (!is_authority(rest.substr(0, slash))) break;
        if (path.ends_with('/')) return "must not end with '/'";
        if (!path.empty()) {
            if (std::string problem = find_path_problem(path); !problem.empty()) {
                return "has a path that " + problem;
            }
        }
        return {};
    }
    return fmt::format("{} is no address of a server: write https://host or https://host:port",
                       quote_excerpt(url));
}

std::string find_master_keys_problem(std::string_view keys) {
    std::set<std::string_view> names;
    for (std::size_t number = 1;; ++number) {
        const std::size_t comma = std::min(keys.find(','), keys.size());
        const std::string_view entry = keys.substr(0, comma);
        const std::size_t colon = std::min(entry.find(':'), entry.size());
        const std::string_view name = entry.substr(0, colon);
        const std::string_view key = entry.substr(std::min(colon + 1, entry.size()));
        const auto is_name_char = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        };
        if (name.empty() || name.size() > kMaxMasterKeyName || !all_of(name, is_name_char)) {
            return fmt::format(
                "entry {} does not start with a name of at most {} characters a-z and 0-9, and ':'",
                number, kMaxMasterKeyName);
        }
        if (!names.insert(name).second) {
            return fmt::format("entry {} has a name that is taken already", number);
        }
        const auto is_key_char = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; };
        if (key.size() != kMasterKeyCharacters || !all_of(key, is_key_char)) {
            return fmt::format("entry {} has no key of 32 bytes ({} characters of base64url)",
                               number, kMasterKeyCharacters);
        }
        if (number > kMaxMasterKeys) {
            return fmt::format("there are more than {} keys", kMaxMasterKeys);
        }
        keys.remove_prefix(std::min(comma + 1, keys.size()));
        if (keys.empty()) return {};  // a comma at the end is let pass
    }
}

}  // namespace pulse::server
