// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admission.hpp"
#include "digest.hpp"
#include "message.hpp"

#include <memory>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/http_text.hpp>
#include <pulse/core/json.hpp>
#include <pulse/protocol/utf8.hpp>
#include <pulse/rooms/rooms.hpp>

namespace pulse::rooms {

namespace {

using core::HttpRequest;
using core::HttpResponder;
using core::HttpResponse;

constexpr std::string_view kPlainType = "text/plain;charset=UTF-8";
constexpr std::size_t kMaxBody = std::size_t{1024} * 1024;

HttpResponse error_response(int status, std::string_view text) {
    std::string body = R"({"error":)";
    json::append_text(body, text);
    return HttpResponse::json(status, body += '}');
}

HttpResponse response_of(std::error_code error) {
    if (!error) return HttpResponse::json(200, R"({"success":true})");
    if (error == std::errc::message_size) return error_response(413, "The config is too long");
    if (error == std::errc::invalid_argument) return error_response(400, "Invalid request");
    HttpResponse answer =
        error_response(503, error == core::Error::memory_exhausted
                                ? "The server has too much to do at the moment"
                                : "The server cannot use its store at the moment");
    answer.headers.emplace_back("retry-after", "1");
    return answer;
}

HttpResponse view_error(std::error_code error) {
    if (error == std::errc::message_size) return error_response(500, "The answer is too long");
    return response_of(error);
}

/// A responder that a std::function can hold.
using SharedResponder = std::shared_ptr<HttpResponder>;
SharedResponder share(HttpResponder responder) {
    return std::make_shared<HttpResponder>(std::move(responder));
}

using View = void (Rooms::*)(std::string_view, Rooms::Answer);

core::Route view_route(Rooms& rooms, std::string path, View view) {
    return {"*", std::move(path),
            [&rooms, view](const HttpRequest& request, HttpResponder responder) {
                (rooms.*view)(room_of_query(request.query),
                              [to = share(std::move(responder))](core::Result<std::string> text) {
                                  if (!text) return to->respond(view_error(text.error()));
                                  to->respond({200, std::string(kPlainType), std::move(*text), {}});
                              });
            }};
}

/// Nothing when the caller may; otherwise what to answer.
std::optional<HttpResponse> check_key(const HttpRequest& request, const std::string& key) {
    if (key.empty()) return error_response(403, "No API key is configured for rooms");
    const auto given = request.header("authorization");
    constexpr std::string_view kScheme = "bearer ";
    if (given && given->size() > kScheme.size() &&
        core::http::iequals(given->substr(0, kScheme.size()), kScheme) &&
        is_equal_secret(given->substr(kScheme.size()), key)) {
        return std::nullopt;
    }
    HttpResponse answer = error_response(401, "Invalid API key");
    answer.headers.emplace_back("www-authenticate", "Bearer");
    return answer;
}

/// {"to"?: text, "type": text, "data"?: any}
std::optional<Broadcast> read_broadcast(const std::string& body) {
    if (!protocol::is_valid_utf8(body)) return std::nullopt;
    const json::Parsed parsed = json::parse(body);
    if (!parsed || !parsed.value.is(json::Type::object)) return std::nullopt;
    const json::Value type = member_of(parsed.value, "type");
    const json::Value to = member_of(parsed.value, "to");
    const json::Value data = member_of(parsed.value, "data");
    if (!type.is(json::Type::text)) return std::nullopt;
    Broadcast message;
    message.type = type.text();
    if (to.is(json::Type::text)) {
        message.to = to.text();
    } else if (to.is_present() && !to.is(json::Type::null)) {
        return std::nullopt;
    }
    message.data = data.raw;
    return message;
}

}  // namespace

std::vector<core::Route> make_room_routes(Rooms& rooms, RoomRoutesOptions options) {
    std::vector<core::Route> routes;
    routes.push_back(view_route(rooms, "/details", &Rooms::details));
    routes.push_back(view_route(rooms, "/users", &Rooms::users));
    routes.push_back(core::Route::immediate("*", "/websocket", [](const HttpRequest&) {
        return HttpResponse::text(400, "expected websocket");
    }));
    const auto key = std::make_shared<const std::string>(std::move(options.api_key));
    routes.push_back({"POST", "/v1/rooms/{room}/broadcast",
                      [&rooms, key](const HttpRequest& request, HttpResponder responder) {
                          if (auto refusal = check_key(request, *key)) {
                              return responder.respond(std::move(*refusal));
                          }
                          const auto message = read_broadcast(request.body);
                          if (!message) {
                              return responder.respond(error_response(
                                  400, "Expected {\"type\": text, \"to\"?: text, \"data\"?: any}"));
                          }
                          responder.respond(
                              response_of(rooms.broadcast(request.parameter("room"), *message)));
                      },
                      kMaxBody, error_response});
    routes.push_back({"PUT", "/v1/rooms/{room}/config",
                      [&rooms, key](const HttpRequest& request, HttpResponder responder) {
                          if (auto refusal = check_key(request, *key)) {
                              return responder.respond(std::move(*refusal));
                          }
                          rooms.set_config(
                              request.parameter("room"), request.body,
                              [to = share(std::move(responder))](std::error_code error) {
                                  to->respond(response_of(error));
                              });
                      },
                      kMaxBody, error_response});
    return routes;
}

core::Route make_room_fallback_route() {
    return core::Route::immediate("*", "/*", [](const HttpRequest&) {
        return HttpResponse::text(404, "Oh, the sadness! This route does not exist.");
    });
}

}  // namespace pulse::rooms
