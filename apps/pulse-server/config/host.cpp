// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/host.hpp"

#include "config/value.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

namespace pulse::server {
namespace {

constexpr std::size_t kMaxHostLength = 253;  // RFC 1035 §2.3.4, less the length octets

enum class Family : std::uint8_t { name, v4, v6 };

/// An address in binary, or a name in lower case.
struct Host {
    Family family = Family::name;
    std::array<unsigned char, 16> bytes{};  // v4: the first four
    std::string text;                       // names; v6: the zone behind '%'
};

std::string_view without_brackets(std::string_view host) {
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        return host.substr(1, host.size() - 2);
    }
    return host;
}

Host parse_host(std::string_view given) {
    const std::string_view bare = without_brackets(given);
    const std::string_view address = bare.substr(0, bare.find('%'));
    const std::string text{address};

    Host host;
    if (inet_pton(AF_INET, text.c_str(), host.bytes.data()) == 1 && address == given) {
        host.family = Family::v4;
        return host;
    }
    if (inet_pton(AF_INET6, text.c_str(), host.bytes.data()) != 1) {
        host.text = lower_case(given);
        if (host.text.ends_with('.')) host.text.pop_back();
        return host;
    }
    static constexpr std::array<unsigned char, 12> kMappedPrefix{0, 0, 0, 0, 0,    0,
                                                                 0, 0, 0, 0, 0xFF, 0xFF};
    if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), host.bytes.begin())) {
        host.family = Family::v4;
        std::copy_n(host.bytes.begin() + 12, 4, host.bytes.begin());
        std::fill(host.bytes.begin() + 4, host.bytes.end(), static_cast<unsigned char>(0));
        return host;
    }
    host.family = Family::v6;
    host.text = bare.substr(address.size());
    return host;
}

bool is_wildcard(const Host& host) {
    return host.family != Family::name && std::all_of(host.bytes.begin(), host.bytes.end(),
                                                      [](unsigned char b) { return b == 0; });
}

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

}  // namespace

std::string find_host_problem(std::string_view host) {
    if (host.empty()) return "must not be empty; 0.0.0.0 or :: listens on every interface";
    if (host.size() > kMaxHostLength) return "is longer than a host name can be";
    const Host parsed = parse_host(host);
    if (parsed.family != Family::name) return {};
    if (std::all_of(parsed.text.begin(), parsed.text.end(), is_name_char) && !parsed.text.empty() &&
        parsed.text.front() != '.') {
        return {};
    }
    const std::size_t colon = host.rfind(':');
    if (colon != std::string_view::npos && parse_integer(host.substr(colon + 1)) &&
        find_host_problem(host.substr(0, colon)).empty()) {
        return fmt::format("{} holds a port; give the port by itself", quote_excerpt(host));
    }
    return fmt::format("{} is neither an IP address nor a host name", quote_excerpt(host));
}

bool is_loopback_host(std::string_view given) {
    const Host host = parse_host(given);
    switch (host.family) {
        case Family::v4:
            return host.bytes[0] == 127;
        case Family::v6:
            return host.bytes.back() == 1 && std::all_of(host.bytes.begin(), host.bytes.end() - 1,
                                                         [](unsigned char b) { return b == 0; });
        // RFC 6761 §6.3: names under localhost resolve to loopback addresses only.
        case Family::name:
            return host.text == "localhost" || host.text.ends_with(".localhost");
    }
    return false;
}

bool hosts_overlap(std::string_view a, std::string_view b) {
    const Host left = parse_host(a);
    const Host right = parse_host(b);
    if (left.family != right.family) return false;
    if (is_wildcard(left) || is_wildcard(right)) return true;
    return left.bytes == right.bytes && left.text == right.text;
}

std::string join_host_port(std::string_view host, std::uint16_t port) {
    const std::string_view bare = without_brackets(host);
    const bool needs_brackets = bare.find(':') != std::string_view::npos;
    return needs_brackets ? fmt::format("[{}]:{}", bare, port) : fmt::format("{}:{}", bare, port);
}

}  // namespace pulse::server
