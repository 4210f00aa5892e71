// SPDX-License-Identifier: MIT OR Apache-2.0
#include "paths.hpp"

#include "characters.hpp"

#include <algorithm>

namespace pulse::mock {

namespace {

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

std::string decode_part(std::string_view text, Target& target) {
    auto decoded = decode_percent(text);
    if (!decoded) target.is_readable = false;
    return decoded.value_or(std::string());
}

}  // namespace

Target parse_target(std::string_view path) {
    Target target;
    if (path == "/api-keys/v1/introspect") {
        target.api = Api::introspect;
    } else if (take_prefix(path, "/messaging-service/v1/universes/")) {
        const std::size_t slash = path.find('/');
        if (slash == std::string_view::npos) return target;
        std::string_view rest = path.substr(slash);
        if (!take_prefix(rest, "/topics/") || rest.find('/') != std::string_view::npos) {
            return target;
        }
        target.api = Api::v1;
        target.universe = decode_part(path.substr(0, slash), target);
        target.topic = decode_part(rest, target);
    } else if (take_prefix(path, "/cloud/v2/universes/")) {
        constexpr std::string_view kVerb = ":publishMessage";
        if (!path.ends_with(kVerb) || path.find('/') != std::string_view::npos) return target;
        target.api = Api::v2;
        target.universe = decode_part(path.substr(0, path.size() - kVerb.size()), target);
    }
    return target;
}

bool is_json_type(std::string_view content_type, Api api) {
    std::string type(content_type.substr(0, content_type.find(';')));
    while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
    std::transform(type.begin(), type.end(), type.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (type == "application/json") return true;
    if (api != Api::v1) return false;
    return type == "text/json" || (type.starts_with("application/") && type.ends_with("+json"));
}

}  // namespace pulse::mock
