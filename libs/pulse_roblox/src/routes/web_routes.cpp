// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The routes of web clients, but for send.
#include "../admission.hpp"
#include "../event_streams.hpp"
#include "../json/text.hpp"
#include "../web_command.hpp"
#include "../web_frame.hpp"
#include "handlers.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <pulse/core/http_text.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

[[nodiscard]] core::HttpResponse event_stream_head() {
    core::HttpResponse head;
    head.content_type = "text/event-stream";
    head.headers.emplace_back("x-accel-buffering", "no");  // nginx would hold events back
    head.body = "retry: 2000\n\n";
    return head;
}

void stream_to_web(const SharedParts& parts, const core::HttpRequest& request,
                   const SharedExchange& exchange) {
    auto topics = read_topics(request, *exchange);
    if (!topics) return;
    // A browser that comes back says where it was; the query is where it began.
    std::string since(request.header("last-event-id").value_or(""));
    if (since.empty()) since = request.query_value("since").value_or("");
    if (!since.empty() && !parse_web_place(since)) return exchange->fail(400, "Invalid since");
    exchange->stream(event_stream_head(), [parts, universe = exchange->universe(),
                                           caller = exchange->caller(), topics = std::move(*topics),
                                           since = std::move(since)](core::Connection& connection) {
        return std::make_unique<WebEvents>(parts->host, parts->clients, connection, universe,
                                           caller, topics, since);
    });
}

void stream_to_game(const SharedParts& parts, const core::HttpRequest& request,
                    const SharedExchange& exchange) {
    auto poll = read_poll(request, *exchange);
    if (!poll) return;
    const std::string_view last = request.header("last-event-id").value_or("");
    if (!last.empty()) poll->cursor = last.substr(0, kMaxCursorBytes);
    if (poll->cursor.empty()) poll->cursor = request.query_value("since").value_or("");
    if (poll->cursor.size() > kMaxCursorBytes) return exchange->fail(400, "Invalid since");
    exchange->stream(event_stream_head(),
                     [parts, universe = exchange->universe(), caller = exchange->caller(),
                      poll = std::move(*poll)](core::Connection& connection) {
                         return std::make_unique<GameEvents>(parts->host, parts->access, connection,
                                                             universe, caller, poll);
                     });
}

}  // namespace

std::optional<std::vector<std::string>> read_topics(const core::HttpRequest& request,
                                                    Exchange& exchange) {
    std::vector<std::string> topics;
    std::string_view rest = request.query;
    while (const auto field = core::http::next_query_field(rest)) {
        if (core::http::percent_decode(field->name, true) != "topics") continue;
        // Split before decoding: a topic with a comma in it is written %2C.
        std::string_view value = field->value;
        while (!value.empty()) {
            const std::size_t comma = std::min(value.find(','), value.size());
            auto topic = core::http::percent_decode(value.substr(0, comma), true);
            value.remove_prefix(std::min(comma + 1, value.size()));
            if (!topic || !is_valid_pattern(*topic) || topics.size() == kMaxTopicsPerCommand) {
                exchange.fail(400, "Invalid topic");
                return {};
            }
            topics.push_back(std::move(*topic));
        }
        break;
    }
    return topics;
}

/// Somebody who asks for no WebSocket learns what a WebSocket would be refused for, and then that
/// it would have to be one.
void handle_connect(const SharedParts& parts, const core::HttpRequest& request,
                    const SharedExchange& exchange) {
    const Credential credential = find_credential(request, QueryCredentials::accepted);
    const auto caller = admit_to_connect(parts->access, credential, exchange->universe(),
                                         request.header("origin").value_or(""),
                                         request.header("host").value_or(""));
    if (!caller) return exchange->respond(caller.error());
    core::HttpResponse response = error_response(426, "Expected header Upgrade: websocket");
    response.headers.emplace_back("upgrade", "websocket");
    exchange->respond(std::move(response));
}

void handle_clients(const SharedParts& parts, const core::HttpRequest& request,
                    const SharedExchange& exchange) {
    if (!admit(*parts, request, *exchange, {Right::admin})) return;
    const std::size_t count = parts->clients.count(exchange->universe());
    exchange->respond_json(200, R"({"clients":)" + std::to_string(count) + '}');
}

void handle_ticket(const SharedParts& parts, const core::HttpRequest& request,
                   const SharedExchange& exchange) {
    if (!admit(*parts, request, *exchange, {Right::web_read, Right::web_send})) return;
    if (!parts->access.has_universe(exchange->universe())) {
        return exchange->fail(make_error_code(Error::unknown_universe));
    }
    const auto ticket = parts->access.make_ticket(exchange->caller(), exchange->universe());
    if (!ticket) return exchange->fail(ticket.error());
    std::string body = R"({"ticket":)";
    json::append_string(body, *ticket);
    body += R"(,"expiresIn":)" + std::to_string(TicketBook::kLifetime.count()) + '}';
    exchange->respond_json(200, std::move(body));
}

void handle_stream(const SharedParts& parts, const core::HttpRequest& request,
                   const SharedExchange& exchange) {
    if (!admit(*parts, request, *exchange, {Right::web_read, Right::game_poll},
               QueryCredentials::accepted)) {
        return;
    }
    if (!parts->access.has_universe(exchange->universe())) {
        return exchange->fail(make_error_code(Error::unknown_universe));
    }
    // An admin may do both; who names a game server wants what that one gets.
    const bool is_game = !exchange->caller().may(Right::web_read, exchange->universe()) ||
                         (exchange->caller().may(Right::game_poll, exchange->universe()) &&
                          request.query_value("server").has_value());
    is_game ? stream_to_game(parts, request, exchange) : stream_to_web(parts, request, exchange);
}

}  // namespace pulse::roblox
