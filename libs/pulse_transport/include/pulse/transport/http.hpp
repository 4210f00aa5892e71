// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which route serves a request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/http.hpp>

namespace pulse::transport {

using core::HttpHandler;
using core::HttpRequest;
using core::HttpResponder;
using core::HttpResponse;
using core::Route;

/// **Immutable** once it serves.
class HttpRouter {
  public:
    /// The first route added wins where two match.
    void add(Route route);
    void add(std::vector<Route> routes);

    enum class Match : std::uint8_t { found, not_found, method_not_allowed };
    struct Result {
        Match match = Match::not_found;
        const Route* route = nullptr;
        std::vector<std::pair<std::string, std::string>> parameters;
        std::string allow;  ///< for method_not_allowed: "GET,HEAD"
    };
    [[nodiscard]] Result find(std::string_view method, std::string_view path) const;
    /// Whether any route, of whatever method, is for this path in particular: not the one for all
    /// that is left over, `/*`.
    [[nodiscard]] bool is_made_for(std::string_view path) const;

  private:
    struct Entry {
        Route route;
        std::vector<std::string> segments;
    };
    std::vector<Entry> entries_;
};

}  // namespace pulse::transport
