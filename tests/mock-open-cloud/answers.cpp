// SPDX-License-Identifier: MIT OR Apache-2.0
#include "answers.hpp"

#include <array>
#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

namespace pulse::mock {

namespace {

/// Keys stand in the order in which the documentation shows them.
using Json = nlohmann::ordered_json;

HttpResponse respond(int status, const Json& body) {
    return HttpResponse::json(status, body.dump());
}

}  // namespace

std::string_view code_of(int status) noexcept {
    switch (status) {
        case 400:
            return "INVALID_ARGUMENT";
        case 401:
            return "UNAUTHENTICATED";  // never shown: the gateway answers these
        case 403:
            return "PERMISSION_DENIED";
        case 404:
            return "NOT_FOUND";
        case 409:
            return "ABORTED";
        case 429:
            return "RESOURCE_EXHAUSTED";
        case 499:
            return "CANCELLED";
        case 500:
            return "INTERNAL";
        case 501:
            return "NOT_IMPLEMENTED";
        case 503:
            return "UNAVAILABLE";
        default:
            return {};
    }
}

HttpResponse gateway_error(int status, std::string_view message) {
    return respond(status, {{"errors", Json::array({{{"code", 0}, {"message", message}}})}});
}

HttpResponse api_error(Api api, ErrorForm v1_form, int status, std::string_view message,
                       std::string_view code) {
    if (code.empty()) code = code_of(status);
    if (api == Api::v1 && v1_form == ErrorForm::a) {
        return respond(status,
                       {{"error", code}, {"message", message}, {"errorDetails", Json::array()}});
    }
    return respond(status, {{"code", code}, {"message", message}});
}

HttpResponse validation_error(std::string_view field, std::string_view message,
                              std::uint64_t trace) {
    std::array<char, 48> id{};
    std::snprintf(id.data(), id.size(), "00-%032llx-00", static_cast<unsigned long long>(trace));
    Json body;
    body["errors"][std::string(field)] = Json::array({message});
    body["type"] = "https://tools.ietf.org/html/rfc7231#section-6.5.1";
    body["title"] = "One or more validation errors occurred.";
    body["status"] = 400;
    body["extensions"] = {{"traceId", id.data()}};
    return respond(400, body);
}

HttpResponse html_error(int status) {
    return {status,
            "text/html",
            "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>",
            {}};
}

}  // namespace pulse::mock
