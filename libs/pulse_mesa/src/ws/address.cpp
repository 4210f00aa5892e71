// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ws/address.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

core::Result<WsAddress> parse_ws_address(std::string_view url) {
    const auto wrong = [] { return tl::unexpected(make_error_code(Error::invalid_address)); };
    if (url.starts_with("wss://")) return tl::unexpected(make_error_code(Error::not_supported));
    if (!url.starts_with("ws://")) return wrong();
    // Neither spaces nor line ends: what follows is written into a request.
    for (const char c : url) {
        if (c <= ' ' || c == 0x7f) return wrong();
    }
    url.remove_prefix(5);
    url = url.substr(0, url.find('#'));
    const std::size_t end = std::min(url.find_first_of("/?"), url.size());
    WsAddress address;
    address.authority = url.substr(0, end);
    address.target = url.substr(end);
    if (!address.target.starts_with('/')) address.target.insert(0, "/");

    std::string_view rest = address.authority;
    if (rest.find('@') != std::string_view::npos) return wrong();
    if (rest.starts_with('[')) {
        const std::size_t close = rest.find(']');
        if (close == std::string_view::npos) return wrong();
        address.host = rest.substr(1, close - 1);
        rest.remove_prefix(close + 1);
    } else {
        const std::size_t colon = std::min(rest.find(':'), rest.size());
        address.host = rest.substr(0, colon);
        rest.remove_prefix(colon);
    }
    if (address.host.empty()) return wrong();
    address.port = "80";
    if (rest.empty()) return address;
    std::uint16_t port = 0;
    const auto [at, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), port);
    if (rest.front() != ':' || error != std::errc{} || at != rest.data() + rest.size() ||
        port == 0) {
        return wrong();
    }
    address.port = rest.substr(1);
    return address;
}

}  // namespace pulse::mesa
