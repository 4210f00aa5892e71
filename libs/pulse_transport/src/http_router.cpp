// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http/text.hpp"

#include <algorithm>

#include <pulse/transport/http.hpp>

namespace pulse::transport {

namespace {

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> segments;
    if (path.starts_with('/')) path.remove_prefix(1);
    for (;;) {
        const std::size_t end = std::min(path.find('/'), path.size());
        segments.emplace_back(path.substr(0, end));
        if (end == path.size()) return segments;
        path.remove_prefix(end + 1);
    }
}

using Parameters = std::vector<std::pair<std::string, std::string>>;

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path,
             Parameters& parameters) {
    parameters.clear();
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const std::string& want = pattern[i];
        if (want == "*" && i + 1 == pattern.size()) return true;
        if (i == path.size()) return false;
        if (want.size() > 2 && want.front() == '{' && want.back() == '}') {
            auto value = http::percent_decode(path[i]);
            if (!value || value->empty()) return false;
            parameters.emplace_back(want.substr(1, want.size() - 2), std::move(*value));
        } else if (want != path[i]) {
            return false;
        }
    }
    return pattern.size() == path.size();
}

}  // namespace

void HttpRouter::add(Route route) {
    std::vector<std::string> segments = split(route.path);
    entries_.push_back({std::move(route), std::move(segments)});
}

void HttpRouter::add(std::vector<Route> routes) {
    for (Route& route : routes) add(std::move(route));
}

HttpRouter::Result HttpRouter::find(std::string_view method, std::string_view path) const {
    const std::vector<std::string> segments = split(path);
    Result result;
    std::vector<std::string> allowed;
    Parameters parameters;
    for (const Entry& entry : entries_) {
        if (!matches(entry.segments, segments, parameters)) continue;
        const std::string& offered = entry.route.method;
        if (offered == method || offered == "*" || (offered == "GET" && method == "HEAD")) {
            result.match = Match::found;
            result.route = &entry.route;
            result.parameters = std::move(parameters);
            return result;
        }
        result.match = Match::method_not_allowed;
        allowed.push_back(offered);
        if (offered == "GET") allowed.emplace_back("HEAD");
    }
    for (std::size_t i = 0; i < allowed.size(); ++i) {
        if (std::find(allowed.begin(), allowed.begin() + static_cast<std::ptrdiff_t>(i),
                      allowed[i]) != allowed.begin() + static_cast<std::ptrdiff_t>(i)) {
            continue;
        }
        if (!result.allow.empty()) result.allow += ',';
        result.allow += allowed[i];
    }
    return result;
}

bool HttpRouter::is_made_for(std::string_view path) const {
    const std::vector<std::string> segments = split(path);
    Parameters parameters;
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.route.path != "/*" && matches(entry.segments, segments, parameters);
    });
}

}  // namespace pulse::transport
