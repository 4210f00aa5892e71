// SPDX-License-Identifier: MIT OR Apache-2.0
#include "page_origin.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <pulse/core/http_text.hpp>
#include <pulse/rooms/places.hpp>

namespace pulse::rooms {

namespace {

using core::http::iequals;

/// "host:port" of "scheme://host:port"; empty when there is no scheme.
std::string_view authority_of(std::string_view origin) noexcept {
    const std::size_t at = origin.find("://");
    return at == std::string_view::npos ? std::string_view{} : origin.substr(at + 3);
}

/// In the forms that browsers send.
bool is_loopback(std::string_view authority) {
    const std::size_t from = authority.starts_with('[') ? authority.find(']') : 0;
    if (from == std::string_view::npos) return false;
    const std::string_view host = authority.substr(0, authority.find(':', from));
    if (iequals(host, "localhost") || host == "[::1]") return true;
    core::PeerAddress address;
    return Places::read_address(host, address) && !address.is_v6 && address.is_loopback();
}

}  // namespace

bool is_page_at_home(const core::OpenRequest& request, const std::vector<std::string>& allowed) {
    const std::string_view origin = request.header ? request.header("origin") : std::string_view{};
    if (origin.empty()) return true;
    if (!allowed.empty()) {
        return std::any_of(allowed.begin(), allowed.end(), [origin](const std::string& each) {
            return each == "*" || iequals(each, origin);
        });
    }
    const std::string_view authority = authority_of(origin);
    const std::string_view host = request.header("host");
    // Any site can have its name resolve to this machine: the page's host and ours being the same
    // says nothing then.
    if (request.peer.is_loopback()) return is_loopback(host) && is_loopback(authority);
    return !authority.empty() && iequals(authority, host);
}

}  // namespace pulse::rooms
