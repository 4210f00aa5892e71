// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admin_routes.hpp"

#include "exposition.hpp"

#include <utility>

namespace pulse::server {

using transport::HttpRequest;
using transport::HttpResponse;
using transport::Route;

std::vector<Route> health_routes(Health health) {
    return {
        Route::immediate("GET", "/health",
                         [version = health.version](const HttpRequest&) {
                             return HttpResponse::json(
                                 200, R"({"status":"ok","version":")" + version + R"("})");
                         }),
        Route::immediate("GET", "/healthz",
                         [](const HttpRequest&) { return HttpResponse::text(200, "ok\n"); }),
        Route::immediate("GET", "/readyz",
                         [obstacle = std::move(health.obstacle)](const HttpRequest&) {
                             const std::string why = obstacle();
                             return why.empty() ? HttpResponse::text(200, "ready\n")
                                                : HttpResponse::text(503, why + "\n");
                         }),
    };
}

std::vector<Route> metrics_routes(const core::Metrics& metrics, bool is_own_port) {
    const auto expose = [&metrics](const HttpRequest&) {
        HttpResponse response;
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
        response.body = exposition(metrics);
        return response;
    };
    if (!is_own_port) return {Route::immediate("GET", "/metrics", expose)};
    return {
        Route::immediate("*", "/health",
                         [](const HttpRequest&) { return HttpResponse::text(200, "OK"); }),
        Route::immediate("*", "/*", expose),
    };
}

}  // namespace pulse::server
