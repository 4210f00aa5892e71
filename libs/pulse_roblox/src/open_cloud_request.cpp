// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json/text.hpp"

#include <pulse/roblox/open_cloud.hpp>

namespace pulse::roblox {

namespace {

/// Leaves RFC 3986's unreserved characters, as encodeURIComponent leaves most.
void append_percent_encoded(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (const char c : text) {
        const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                              (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' ||
                              c == '~';
        if (is_plain) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += kHex[byte >> 4U];
            out += kHex[byte & 0xfU];
        }
    }
}

}  // namespace

CloudRequest build_publish(CloudApi api, std::string_view base_url, UniverseId universe,
                           std::string_view real_topic, std::string_view text,
                           std::string_view api_key) {
    CloudRequest request{
        .method = "POST",
        .url = std::string(base_url),
        .headers = {{"content-type", "application/json"}, {"x-api-key", std::string(api_key)}},
        .body = {}};
    if (api == CloudApi::v2) {
        request.url += "/cloud/v2/universes/" + universe.to_string() + ":publishMessage";
        request.body = "{\"topic\":";
        json::append_string(request.body, real_topic);
        request.body += ",\"message\":";
    } else {
        request.url += "/messaging-service/v1/universes/" + universe.to_string() + "/topics/";
        append_percent_encoded(request.url, real_topic);
        request.body = "{\"message\":";
    }
    json::append_string(request.body, text);
    request.body += '}';
    return request;
}

CloudRequest build_introspect(std::string_view base_url, std::string_view api_key) {
    CloudRequest request{.method = "POST",
                         .url = std::string(base_url) + "/api-keys/v1/introspect",
                         .headers = {{"content-type", "application/json"}},
                         .body = "{\"apiKey\":"};
    json::append_string(request.body, api_key);
    request.body += '}';
    return request;
}

}  // namespace pulse::roblox
