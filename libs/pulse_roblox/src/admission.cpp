// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admission.hpp"

#include <algorithm>

#include <pulse/roblox/bridge_dialect.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

[[nodiscard]] tl::unexpected<core::HttpResponse> refuse(Error error) {
    return tl::unexpected(answer_for(make_error_code(error)));
}

[[nodiscard]] bool may_any(const Caller& caller, UniverseId universe,
                           std::initializer_list<Right> rights) noexcept {
    return std::any_of(rights.begin(), rights.end(),
                       [&](Right right) { return caller.may(right, universe); });
}

}  // namespace

core::Result<UniverseId> universe_of_path(std::string_view path) noexcept {
    for (const std::string_view prefix : {"/universe/", "/universes/"}) {
        if (!path.starts_with(prefix)) continue;
        path.remove_prefix(prefix.size());
        return UniverseId::parse(path.substr(0, path.find('/')));
    }
    return tl::unexpected(make_error_code(Error::invalid_universe));
}

tl::expected<Caller, core::HttpResponse> admit_to_connect(AccessBook& access,
                                                          const Credential& credential,
                                                          UniverseId universe,
                                                          std::string_view origin,
                                                          std::string_view host) {
    if (credential.kind == Credential::Kind::none) {
        return tl::unexpected(error_response(400, "Missing API Key"));
    }
    auto caller = access.authenticate(credential, universe);
    if (!caller) return tl::unexpected(answer_for(caller.error()));
    if (!may_any(*caller, universe, {Right::web_read, Right::web_send})) {
        return refuse(Error::forbidden);
    }
    // A page of any site can open a WebSocket, and its browser sends the cookie along.
    if (caller->is_by_cookie && !is_own_origin(origin, host) &&
        !is_allowed_origin(origin, *access.origins(universe))) {
        return refuse(Error::origin_not_allowed);
    }
    if (!access.has_universe(universe)) return refuse(Error::unknown_universe);
    return std::move(*caller);
}

tl::expected<Caller, core::HttpResponse> admit_to(AccessBook& access,
                                                  const core::HttpRequest& request,
                                                  UniverseId universe,
                                                  std::initializer_list<Right> rights,
                                                  QueryCredentials query) {
    auto caller = access.authenticate(find_credential(request, query), universe);
    if (!caller) return tl::unexpected(answer_for(caller.error()));
    if (!may_any(*caller, universe, rights)) return refuse(Error::forbidden);
    const bool is_safe = request.method == "GET" || request.method == "HEAD";
    if (caller->is_by_cookie && !is_safe && !is_from_own_page(request)) {
        return refuse(Error::origin_not_allowed);
    }
    return std::move(*caller);
}

}  // namespace pulse::roblox
