// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who may do what with a universe, as all ways in ask it, and in the original's order.
#pragma once

#include <initializer_list>
#include <string_view>

#include <tl/expected.hpp>

#include <pulse/roblox/access_book.hpp>

namespace pulse::roblox {

/// For `/universe/{id}/connect`: credentials missing, wrong, not enough, a foreign page with a
/// browser's cookie, no such universe.
[[nodiscard]] tl::expected<Caller, core::HttpResponse> admit_to_connect(
    AccessBook& access, const Credential& credential, UniverseId universe, std::string_view origin,
    std::string_view host);

/// Any of `rights` will do.
[[nodiscard]] tl::expected<Caller, core::HttpResponse> admit_to(
    AccessBook& access, const core::HttpRequest& request, UniverseId universe,
    std::initializer_list<Right> rights, QueryCredentials query = QueryCredentials::ignored);

}  // namespace pulse::roblox
