// SPDX-License-Identifier: MIT OR Apache-2.0
#include "exchange.hpp"

#include "../gzip.hpp"
#include "../json/text.hpp"

#include <algorithm>
#include <utility>

#include <pulse/core/http_text.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

[[nodiscard]] std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// Cuts `rest` at `separator` and returns what stood before it, without white space.
[[nodiscard]] std::string_view cut(std::string_view& rest, char separator) noexcept {
    const std::size_t at = std::min(rest.find(separator), rest.size());
    const std::string_view piece = trim(rest.substr(0, at));
    rest.remove_prefix(std::min(at + 1, rest.size()));
    return piece;
}

/// Whether a weight (RFC 9110 §12.4.2) is 0, 0.0, 0.00 or 0.000.
[[nodiscard]] bool is_zero_weight(std::string_view parameters) noexcept {
    while (!parameters.empty()) {
        std::string_view value = cut(parameters, ';');
        const std::string_view name = cut(value, '=');
        if (!core::http::iequals(name, "q") || value.empty()) continue;
        return std::all_of(value.begin(), value.end(), [](char c) { return c == '0' || c == '.'; });
    }
    return false;
}

void add_vary(core::HttpResponse& response, std::string_view name) {
    for (auto& [key, value] : response.headers) {
        if (key != "vary") continue;
        value += ", ";
        value += name;
        return;
    }
    response.headers.emplace_back("vary", name);
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) noexcept {
    while (!accept_encoding.empty()) {
        std::string_view one = cut(accept_encoding, ',');
        if (core::http::iequals(cut(one, ';'), "gzip")) return !is_zero_weight(one);
    }
    return false;
}

Exchange::Exchange(const RouteParts& parts, const core::HttpRequest& request,
                   core::HttpResponder responder, UniverseId universe)
    : responder_(std::move(responder)),
      universe_(universe),
      accepts_gzip_(accepts_gzip(request.header("accept-encoding").value_or(""))),
      gzip_from_bytes_(parts.options.gzip_from_bytes) {
    const auto origins = parts.access.origins(universe);
    has_origins_ = !origins->empty();
    const std::string_view origin = request.header("origin").value_or("");
    if (is_allowed_origin(origin, *origins)) allowed_origin_ = origin;
}

void Exchange::add_cors(core::HttpResponse& response) const {
    if (!allowed_origin_.empty()) {
        response.headers.emplace_back("access-control-allow-origin", allowed_origin_);
        response.headers.emplace_back("access-control-expose-headers", "Retry-After");
    }
    if (has_origins_) add_vary(response, "Origin");
}

void Exchange::pack(core::HttpResponse& response) const {
    if (response.body.size() < gzip_from_bytes_) return;
    add_vary(response, "Accept-Encoding");
    if (!accepts_gzip_) return;
    std::string packed = gzip(response.body);
    if (packed.empty() || packed.size() >= response.body.size()) return;
    response.body = std::move(packed);
    response.headers.emplace_back("content-encoding", "gzip");
}

void Exchange::respond(core::HttpResponse response) {
    // Nothing here may be kept by a cache: it is for one caller at one moment.
    response.headers.emplace_back("cache-control", "no-store");
    pack(response);
    add_cors(response);
    responder_.respond(std::move(response));
}

void Exchange::respond_json(int status, std::string body) {
    respond(core::HttpResponse::json(status, std::move(body)));
}

void Exchange::fail(int status, std::string_view text,
                    std::optional<std::chrono::seconds> retry_after) {
    core::HttpResponse response = error_response(status, text);
    if (retry_after) {
        response.headers.emplace_back("retry-after", std::to_string(retry_after->count()));
    }
    respond(std::move(response));
}

void Exchange::fail(std::error_code error) {
    const ErrorAnswer answer = answer_to(error);
    fail(answer.status, answer.text, answer.retry_after);
}

void Exchange::respond_preflight(std::string_view methods) {
    core::HttpResponse response;
    response.status = 204;
    response.content_type.clear();
    response.headers.emplace_back("allow", std::string(methods) + ", OPTIONS");
    if (!allowed_origin_.empty()) {
        response.headers.emplace_back("access-control-allow-origin", allowed_origin_);
        response.headers.emplace_back("access-control-allow-methods", methods);
        response.headers.emplace_back("access-control-allow-headers",
                                      "Authorization, Content-Type, Content-Encoding, "
                                      "Idempotency-Key, Last-Event-ID, Prefer");
        response.headers.emplace_back("access-control-max-age", "600");
    }
    // Also without a list: one may be made while caches remember.
    add_vary(response, "Origin");
    responder_.respond(std::move(response));
}

void Exchange::stream(core::HttpResponse head, core::StreamOpener opener) {
    head.headers.emplace_back("cache-control", "no-store");
    add_cors(head);
    responder_.stream(std::move(head), std::move(opener));
}

tl::expected<std::string, core::HttpResponse> read_body(const BridgeRouteOptions& options,
                                                        const core::HttpRequest& request) {
    if (request.body.size() > options.max_body_bytes) {
        return tl::unexpected(error_response(413, "Body too large"));
    }
    const std::string_view encoding = trim(request.header("content-encoding").value_or(""));
    if (encoding.empty() || core::http::iequals(encoding, "identity")) return request.body;
    if (!core::http::iequals(encoding, "gzip")) {
        core::HttpResponse response = error_response(415, "Unsupported Content-Encoding");
        response.headers.emplace_back("accept-encoding", "gzip");
        return tl::unexpected(std::move(response));
    }
    auto body = gunzip(request.body, {.max_bytes = options.max_unpacked_body_bytes,
                                      .max_ratio = options.max_unpacking_ratio});
    if (body) return std::move(*body);
    const ErrorAnswer answer = answer_to(body.error());
    return tl::unexpected(error_response(answer.status, answer.text));
}

ErrorAnswer answer_to(std::error_code error) noexcept {
    using std::chrono::seconds;
    if (error.category() != error_category()) return {500, "Internal error"};
    switch (static_cast<Error>(error.value())) {
        case Error::invalid_json:
            return {400, "Invalid JSON"};
        case Error::invalid_message:
            return {400, "Invalid message"};
        case Error::invalid_topic:
            return {400, "Invalid topic"};
        case Error::invalid_server_id:
            return {400, "Invalid server id"};
        case Error::invalid_compression:
            return {400, "Invalid gzip"};
        case Error::message_too_large:
            return {413, "Message too large"};
        case Error::body_too_large:
            return {413, "Body too large"};
        case Error::unknown_universe:
            return {404, "Universe does not exist"};
        case Error::queue_full:
            return {429, "Queue is full", seconds{1}};
        case Error::too_many_entries:
            return {429, "Too many requests", seconds{1}};
        case Error::shutting_down:
            return {503, "Server is shutting down", seconds{1}};
        case Error::served_elsewhere:
            return {503, "Universe is served elsewhere", seconds{1}};
        case Error::invalid_token:
            return {401, "Invalid API Key"};
        case Error::forbidden:
            return {403, "Forbidden"};
        default:
            return {500, "Internal error"};
    }
}

}  // namespace pulse::roblox
