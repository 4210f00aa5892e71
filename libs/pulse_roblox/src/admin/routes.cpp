// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admin/service.hpp"

#include <initializer_list>
#include <utility>

namespace pulse::roblox {

namespace {

using admin::Responder;
using admin::Service;
using Handler = void (Service::*)(const core::HttpRequest&, const Responder&);

struct Verb {
    std::string_view method;
    Handler handler;
};

/// The transport's refusals look like ours.
core::HttpResponse refuse_body(int status, std::string_view) {
    core::HttpResponse response =
        error_response(status, status == 413 ? "Body too large" : "Malformed body");
    admin::add_security_headers(response);
    return response;
}

/// All methods of one path, and 405 for the others.
void add_path(std::vector<core::Route>& routes, const std::shared_ptr<Service>& service,
              const std::string& path, std::size_t max_body, std::initializer_list<Verb> verbs) {
    std::string allow;
    for (const Verb& verb : verbs) {
        if (!allow.empty()) allow += ", ";
        allow += verb.method;
        if (verb.method == "GET") allow += ", HEAD";
        routes.push_back({std::string(verb.method), path,
                          [service, handler = verb.handler](const core::HttpRequest& request,
                                                            core::HttpResponder responder) {
                              (service.get()->*handler)(
                                  request,
                                  std::make_shared<core::HttpResponder>(std::move(responder)));
                          },
                          max_body, refuse_body});
    }
    routes.push_back(core::Route::immediate("*", path, [allow](const core::HttpRequest&) {
        core::HttpResponse response = error_response(405, "Method not allowed");
        response.headers.emplace_back("allow", allow);
        admin::add_security_headers(response);
        return response;
    }));
    routes.back().refuse_body = refuse_body;
}

}  // namespace

std::vector<core::Route> make_admin_routes(const AdminParts& parts, AdminOptions options) {
    const std::size_t max = options.max_body_bytes;
    const auto service = std::make_shared<Service>(std::move(parts), options);
    std::vector<core::Route> routes;
    const auto add = [&](const std::string& path, std::initializer_list<Verb> verbs) {
        add_path(routes, service, path, max, verbs);
    };
    add("/ui/session", {{"GET", &Service::session}});
    add("/ui/login", {{"POST", &Service::log_in}});
    add("/ui/logout", {{"POST", &Service::log_out}});
    add("/ui/overview", {{"GET", &Service::overview}});
    add("/ui/events", {{"GET", &Service::events}});
    for (const std::string base : {"/universe", "/universes"}) {
        add(base + "/registry", {{"GET", &Service::universes}});
        add(base + "/registry/add", {{"POST", &Service::add}});
        add(base + "/registry/update", {{"POST", &Service::update}});
        add(base + "/registry/remove", {{"POST", &Service::remove}});
        add(base + "/registry/list", {{"GET", &Service::list}});
        const std::string one = base + "/{id}";
        add(one, {{"GET", &Service::universe}, {"PATCH", &Service::change}});
        add(one + "/probe", {{"POST", &Service::probe}});
        add(one + "/key/activate", {{"POST", &Service::activate_key}});
        add(one + "/key/remove", {{"POST", &Service::remove_key}});
        add(one + "/tokens", {{"GET", &Service::tokens}, {"POST", &Service::create_token}});
        add(one + "/tokens/{token}", {{"DELETE", &Service::remove_token}});
        add(one + "/servers", {{"GET", &Service::servers}});
        add(one + "/stats", {{"GET", &Service::stats}});
    }
    return routes;
}

std::vector<core::Route> make_fallback_routes(AccessBook& book) {
    std::vector<core::Route> routes;
    for (const std::string path : {"/universe/*", "/universes/*", "/ui/*"}) {
        routes.push_back(
            core::Route::immediate("*", path, [&book](const core::HttpRequest& request) {
                const auto caller = book.admit(request, Right::admin, std::nullopt);
                core::HttpResponse response =
                    caller ? error_response(404, "Invalid path") : answer_for(caller.error());
                admin::add_security_headers(response);
                return response;
            }));
        routes.back().refuse_body = refuse_body;
    }
    return routes;
}

}  // namespace pulse::roblox
