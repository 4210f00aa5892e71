// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The table of routes, and what all of them begin with.
#include "../admission.hpp"
#include "handlers.hpp"

#include <string>
#include <utility>

#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

using Handler = void (*)(const SharedParts&, const core::HttpRequest&, const SharedExchange&);

struct Row {
    const char* method;  // GET serves HEAD as well
    const char* name;    // behind /universe/{id}/
    Handler handler;
};

constexpr Row kRows[] = {
    {"POST", "send", handle_send},        {"GET", "connect", handle_connect},
    {"GET", "clients", handle_clients},   {"POST", "ticket", handle_ticket},
    {"GET", "stream", handle_stream},     {"POST", "hello", handle_hello},
    {"POST", "batch", handle_batch},      {"GET", "poll", handle_poll},
    {"GET", "blob/{token}", handle_blob}, {"POST", "bye", handle_bye},
};

/// Every universe has one name: other spellings of its number are no path of ours.
[[nodiscard]] core::HttpHandler with_universe(const SharedParts& parts, Handler handler) {
    return [parts, handler](const core::HttpRequest& request, core::HttpResponder responder) {
        const auto universe = UniverseId::parse(request.parameter("id"));
        if (!universe) return responder.respond(error_response(404, "Invalid path"));
        handler(parts, request,
                std::make_shared<Exchange>(*parts, request, std::move(responder), *universe));
    };
}

/// Any other method: a browser's question, or a mistake.
[[nodiscard]] core::HttpHandler other_methods(const SharedParts& parts, std::string methods) {
    return [parts, methods = std::move(methods)](const core::HttpRequest& request,
                                                 core::HttpResponder responder) {
        const auto universe = UniverseId::parse(request.parameter("id"));
        if (!universe) return responder.respond(error_response(404, "Invalid path"));
        Exchange exchange(*parts, request, std::move(responder), *universe);
        if (request.method == "OPTIONS") return exchange.respond_preflight(methods);
        core::HttpResponse response = error_response(405, "Method not allowed");
        response.headers.emplace_back("allow", methods + ", OPTIONS");
        exchange.respond(std::move(response));
    };
}

/// The transport's refusals look like ours.
[[nodiscard]] core::HttpResponse refuse_body(int status, std::string_view) {
    return error_response(status, status == 413 ? "Body too large" : "Malformed body");
}

}  // namespace

std::vector<core::Route> make_bridge_routes(BridgeHost& host, AccessBook& access,
                                            WebClients& clients, BridgeRouteOptions options) {
    const auto parts =
        std::make_shared<const RouteParts>(RouteParts{host, access, clients, options});
    std::vector<core::Route> routes;
    for (const char* prefix : {"/universe/{id}/", "/universes/{id}/"}) {
        for (const Row& row : kRows) {
            const std::string path = std::string(prefix) + row.name;
            const bool is_any = options.is_strict && row.handler == handle_send;
            routes.push_back({is_any ? "*" : row.method, path, with_universe(parts, row.handler),
                              options.max_body_bytes, refuse_body});
            if (is_any) continue;
            const bool is_get = std::string_view(row.method) == "GET";
            routes.push_back({"*", path, other_methods(parts, is_get ? "GET, HEAD" : row.method),
                              options.max_body_bytes, refuse_body});
        }
    }
    return routes;
}

bool admit(const RouteParts& parts, const core::HttpRequest& request, Exchange& exchange,
           std::initializer_list<Right> rights, QueryCredentials query) {
    auto caller = admit_to(parts.access, request, exchange.universe(), rights, query);
    if (!caller) {
        exchange.respond(std::move(caller.error()));
        return false;
    }
    exchange.set_caller(std::move(*caller));
    return true;
}

}  // namespace pulse::roblox
