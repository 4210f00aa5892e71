// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admin/service.hpp"

#include <pulse/core/http_text.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox::admin {

namespace {

/// A browser that speaks to this machine by a name of this machine needs no TLS.
[[nodiscard]] bool is_loopback(const core::HttpRequest& request) {
    if (!request.peer.is_loopback()) return false;
    std::string_view host = request.header("host").value_or(std::string_view{});
    const std::size_t colon = host.rfind(':');
    if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
        host = host.substr(0, colon);
    }
    return core::http::iequals(host, "localhost") || host == "[::1]" || host.starts_with("127.");
}

/// `lifetime` 0 ends it.
[[nodiscard]] std::string session_cookie(const core::HttpRequest& request, std::string_view value,
                                         std::chrono::seconds lifetime) {
    std::string cookie(kSessionCookie);
    cookie += '=';
    cookie += value;
    cookie += "; Path=/; Max-Age=" + std::to_string(lifetime.count());
    cookie += "; HttpOnly; SameSite=Strict";
    if (!is_loopback(request)) cookie += "; Secure";
    return cookie;
}

/// The session that came with the request, known or not.
[[nodiscard]] std::string session_of(const core::HttpRequest& request) {
    core::HttpRequest cookies;
    for (const auto& header : request.headers) {
        if (core::http::iequals(header.first, "cookie")) cookies.headers.push_back(header);
    }
    return find_credential(cookies).text;
}

/// A browser says where a request comes from; other programs say nothing and have no cookies.
[[nodiscard]] bool is_foreign(const core::HttpRequest& request) {
    return (request.header("origin") || request.header("sec-fetch-site")) &&
           !is_from_own_page(request);
}

/// What JavaScript takes for missing.
[[nodiscard]] bool is_falsy(const AdminBody::Value& value) {
    return value.kind == json::Kind::null ||
           (value.kind == json::Kind::string && value.text.empty()) ||
           (value.kind == json::Kind::number && value.number == 0);
}

}  // namespace

void Service::session(const Request& request, const Responder& responder) {
    const bool has_session = parts_.book.has_session(session_of(request));
    respond_json(responder, 200, has_session ? R"({"session":true})" : R"({"session":false})");
}

void Service::log_in(const Request& request, const Responder& responder) {
    if (is_foreign(request)) return respond(responder, answer_for(Error::origin_not_allowed));
    AdminBody body(request.body);
    if (body.problem() == "Invalid JSON") {
        return respond(responder, error_response(400, body.problem()));
    }
    const AdminBody::Value* key = body.find("apiKey");
    if (key == nullptr || is_falsy(*key)) {
        return respond(responder, error_response(400, "Missing API Key"));
    }
    const AccessBook::LogIn answer =
        parts_.book.log_in(key->text, request.peer, session_of(request));
    if (answer.retry_after) {
        core::HttpResponse response = error_response(429, "Too many attempts");
        response.headers.emplace_back("retry-after", std::to_string(answer.retry_after->count()));
        return respond(responder, std::move(response));
    }
    if (answer.session.empty()) {
        return respond(responder, error_response(401, "Invalid API Key"));
    }
    core::HttpResponse response = core::HttpResponse::json(200, "null");
    response.headers.emplace_back("set-cookie",
                                  session_cookie(request, answer.session, SessionBook::kAbsolute));
    respond(responder, std::move(response));
}

void Service::log_out(const Request& request, const Responder& responder) {
    const std::string session = session_of(request);
    if (!session.empty() && !is_from_own_page(request)) {
        return respond(responder, answer_for(Error::origin_not_allowed));
    }
    parts_.book.log_out(session);
    core::HttpResponse response = core::HttpResponse::json(200, R"({"success":true})");
    response.headers.emplace_back("set-cookie",
                                  session_cookie(request, "", std::chrono::seconds(0)));
    respond(responder, std::move(response));
}

void Service::overview(const Request& request, const Responder& responder) {
    if (!admit(request, responder)) return;
    respond_json(responder, 200, "{" + encode_members(parts_.overview(), true) + "}");
}

void Service::events(const Request& request, const Responder& responder) {
    auto caller = parts_.book.admit(request, Right::admin, std::nullopt);
    if (!caller) return respond(responder, answer_for(caller.error()));
    std::optional<UniverseId> universe;
    if (const auto text = request.query_value("universe"); text && !text->empty()) {
        const auto id = UniverseId::parse(*text);
        if (!id || !parts_.registry.contains(*id)) {
            return respond(responder, answer_for(Error::unknown_universe));
        }
        universe = *id;
    }
    if (!events_->has_room()) {
        core::HttpResponse response = error_response(503, "Too many pages are open");
        response.headers.emplace_back("retry-after", "15");
        return respond(responder, std::move(response));
    }
    core::HttpResponse head;
    head.content_type = "text/event-stream";
    head.body = "retry: 2000\n\n";
    add_security_headers(head);
    head.headers.emplace_back("x-accel-buffering", "no");  // proxies: pass it on as it comes
    responder->stream(std::move(head), [events = events_, caller = std::move(*caller),
                                        universe](core::Connection& connection) {
        return events->open(connection, caller, universe);
    });
}

}  // namespace pulse::roblox::admin
