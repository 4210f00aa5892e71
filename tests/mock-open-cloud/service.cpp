// SPDX-License-Identifier: MIT OR Apache-2.0
#include "service.hpp"

#include "parsing.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <asio/post.hpp>
#include <nlohmann/json.hpp>

namespace pulse::mock {

Service::Service(asio::io_context& io, const core::Clock* clock)
    : io_(io),
      is_own_clock_(clock == nullptr),
      model_(clock == nullptr ? static_cast<const core::Clock&>(own_clock_) : *clock),
      timer_(io) {}

std::vector<Route> Service::routes() {
    std::vector<Route> routes;
    const std::string universe = "/control/universes/{universe}";
    const std::string server = universe + "/servers/{job}";
    routes.push_back(control("PUT", "/control/keys", &Service::put_key));
    routes.push_back(control("POST", "/control/clock", &Service::set_clock));
    routes.push_back(control("POST", "/control/faults", &Service::set_faults));
    routes.push_back(control("PUT", "/control/network", &Service::set_network));
    routes.push_back(control("PUT", "/control/limits", &Service::set_limits));
    routes.push_back(control("PUT", universe, &Service::put_universe));
    routes.push_back(control("GET", universe, &Service::get_universe));
    routes.push_back(control("PUT", server, &Service::put_server));
    routes.push_back(control("DELETE", server, &Service::delete_server));
    routes.push_back(control("PUT", server + "/topics/{topic}", &Service::put_topic));
    routes.push_back(control("DELETE", server + "/topics/{topic}", &Service::delete_topic));
    routes.push_back(control("POST", server + "/publish", &Service::publish));
    routes.push_back(
        {"GET", server + "/messages", [this](const HttpRequest& request, HttpResponder responder) {
             poll_messages(request, std::move(responder));
         }});
    routes.push_back(control("GET", "/control/log", &Service::get_log));
    routes.push_back(control("GET", "/control/deliveries", &Service::get_deliveries));
    routes.push_back(control("GET", "/control/stats", &Service::get_stats));
    routes.push_back(control("POST", "/control/reset", &Service::reset));
    routes.push_back(Route::immediate("*", "/control/*", [](const HttpRequest&) {
        return problem(404, "no such control route");
    }));
    routes.push_back({"*", "/*", [this](const HttpRequest& request, HttpResponder responder) {
                          open_cloud(request, std::move(responder));
                      }});
    return routes;
}

Route Service::control(std::string method, std::string path,
                       HttpResponse (Service::*handler)(const HttpRequest&)) {
    return Route::immediate(std::move(method), std::move(path),
                            [this, handler](const HttpRequest& request) {
                                HttpResponse response;
                                {
                                    const std::lock_guard lock(mutex);
                                    model_.run_due();
                                    response = (this->*handler)(request);
                                }
                                wake();
                                return response;
                            });
}

void Service::open_cloud(const HttpRequest& request, HttpResponder responder) {
    Reply reply;
    {
        const std::string address = wire_.client(request);
        const std::lock_guard lock(mutex);
        model_.run_due();
        reply = model_.handle(request, address);
        if (reply.delay > Span{} && held_.size() < kMaxHeld) {
            HttpRequest kept;
            kept.peer = request.peer;
            held_.push_back({model_.now() + reply.delay, std::move(kept), std::move(reply),
                             std::move(responder)});
            wake();
            return;
        }
    }
    wake();
    finish(request, std::move(reply), std::move(responder));
}

void Service::finish(const HttpRequest& request, Reply reply, HttpResponder responder) {
    if (reply.manner == Reply::Manner::reset) {
        wire_.reset(request);
        return;  // the unused responder's answer finds nobody
    }
    if (reply.manner == Reply::Manner::truncated) wire_.truncate_next(request);
    responder.respond(std::move(reply.response));
}

void Service::poll_messages(const HttpRequest& request, HttpResponder responder) {
    const auto universe = parse_universe(request.parameter("universe"));
    const auto after = number_of(request.query_value("after").value_or("0"));
    const auto wait = number_of(request.query_value("wait").value_or("0"));
    if (!universe || !after || !wait) {
        responder.respond(problem(400, "universe, after and wait are numbers"));
        return;
    }
    const std::string job(request.parameter("job"));
    {
        const std::lock_guard lock(mutex);
        model_.run_due();
        const bool is_last = *wait == 0 || polls_.size() >= kMaxPolls;
        if (auto answer = messages(*universe, job, *after, is_last)) {
            responder.respond(std::move(*answer));
            return;
        }
        const auto patience = std::min<std::uint64_t>(*wait, kMaxWait.count());
        polls_.push_back({Steady::now() + std::chrono::milliseconds(patience), *universe, job,
                          *after, std::move(responder)});
    }
    wake();
}

std::optional<HttpResponse> Service::messages(UniverseId id, std::string_view job,
                                              std::uint64_t after, bool is_last_chance) {
    constexpr std::size_t kMost = 256;  // in one answer
    Universe* universe = model_.find_universe(id);
    GameServer* server = universe == nullptr ? nullptr : universe->find(job);
    if (server == nullptr || !server->is_attached) return problem(404, "no such attached server");
    // What is asked to come after has arrived.
    while (!server->queue.empty() && server->queue.front().n <= after) server->queue.pop_front();
    if (server->queue.empty() && !is_last_chance) return std::nullopt;
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    std::uint64_t last = after;
    for (const QueuedMessage& queued : server->queue) {
        if (list.size() >= kMost) break;
        list.push_back({{"n", queued.n},
                        {"topic", queued.message->topic},
                        {"data", queued.message->data},
                        {"sent", unix_seconds(queued.message->sent)}});
        last = queued.n;
    }
    const nlohmann::ordered_json answer{{"messages", std::move(list)}, {"after", last}};
    return HttpResponse::json(200, answer.dump());
}

void Service::wake() {
    asio::post(io_, [this] { pump(); });
}

void Service::pump() {
    const Steady::time_point at = Steady::now();
    std::list<Held> due;
    {
        const std::lock_guard lock(mutex);
        model_.run_due();
        const Time now = model_.now();
        for (auto it = held_.begin(); it != held_.end();) {
            const auto next = std::next(it);
            if (it->due <= now) due.splice(due.end(), held_, it);
            it = next;
        }
        for (auto it = polls_.begin(); it != polls_.end();) {
            const auto next = std::next(it);
            if (auto answer = messages(it->universe, it->job, it->after, it->until <= at)) {
                it->responder.respond(std::move(*answer));
                polls_.erase(it);
            }
            it = next;
        }
        arm(at);
    }
    for (Held& each : due) {
        finish(each.request, std::move(each.reply), std::move(each.responder));
    }
}

/// Until the next poll's end and, where time runs by itself, the next arrival or answer.
void Service::arm(Steady::time_point now) {
    std::optional<Steady::time_point> next;
    const auto consider = [&next](Steady::time_point time) {
        if (!next || time < *next) next = time;
    };
    for (const Poll& poll : polls_) consider(poll.until);
    if (is_own_clock_ && !own_clock_.is_virtual()) {
        const Time model_now = model_.now();
        // A little late rather than a little early: a turn too soon finds nothing due.
        const auto at = [&](Time due) {
            return now + std::max(due - model_now, Span{}) + std::chrono::milliseconds(1);
        };
        if (const auto due = model_.next_due()) consider(at(*due));
        for (const Held& held : held_) consider(at(held.due));
    }
    if (!next) {
        timer_.cancel();
        return;
    }
    timer_.expires_at(*next);
    timer_.async_wait([this](const std::error_code& error) {
        if (!error) pump();
    });
}

}  // namespace pulse::mock
