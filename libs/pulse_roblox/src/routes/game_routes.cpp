// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The routes of game servers. Bodies are read on the connection's loop; the bridge's gets only what
// it has to decide.
#include "../json/reader.hpp"
#include "../json/text.hpp"
#include "handlers.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <pulse/roblox/bridge_json.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

constexpr std::string_view kSuccess = R"({"success":true})";

/// {"server":JobId}; other members are ignored.
[[nodiscard]] core::Result<std::string> read_server(std::string_view body) {
    json::Reader reader(body);
    std::string server;
    std::string key;
    bool is_read = reader.enter_object();
    while (is_read && reader.next_member(key)) {
        const bool is_server = key == "server" && reader.peek() == json::Kind::string;
        is_read = is_server ? reader.read_string(server) : reader.skip();
    }
    if (!is_read || !reader.finish()) return tl::unexpected(make_error_code(Error::invalid_json));
    if (!is_valid_server_id(server)) {
        return tl::unexpected(make_error_code(Error::invalid_server_id));
    }
    return server;
}

/// Seconds, as `20` or `0.5`.
[[nodiscard]] std::optional<std::chrono::milliseconds> read_seconds(const std::string& text) {
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size()) return {};
    if (!(seconds >= 0) || seconds > 3600) return {};
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

void respond(Exchange& exchange, const PollReply& reply) {
    switch (reply.status) {
        case PollStatus::messages:
            return exchange.respond_json(200, encode(reply));
        case PollStatus::refused:
            return exchange.fail(make_error_code(reply.error));
        case PollStatus::nothing:
        case PollStatus::superseded:
        case PollStatus::shutting_down:
            break;
    }
    core::HttpResponse response;
    response.status = 204;
    response.content_type.clear();
    exchange.respond(std::move(response));
}

}  // namespace

void handle_hello(const SharedParts& parts, const core::HttpRequest& request,
                  const SharedExchange& exchange) {
    if (!admit(*parts, request, *exchange, {Right::game_send, Right::game_poll})) return;
    const auto body = read_body(parts->options, request);
    if (!body) return exchange->respond(body.error());
    auto hello = parse_hello_body(*body);
    if (!hello) return exchange->fail(hello.error());
    parts->host.post([exchange, hello = std::move(*hello)](Bridge& bridge) {
        const auto reply = bridge.hello(exchange->universe(), hello);
        if (!reply) return exchange->fail(reply.error());
        exchange->respond_json(200, encode(*reply));
    });
}

void handle_batch(const SharedParts& parts, const core::HttpRequest& request,
                  const SharedExchange& exchange) {
    if (!admit(*parts, request, *exchange, {Right::game_send})) return;
    const auto body = read_body(parts->options, request);
    if (!body) return exchange->respond(body.error());
    auto parsed = parse_batch_body(*body);
    if (!parsed) return exchange->fail(parsed.error());
    const bool may_receive = exchange->caller().may(Right::game_poll, exchange->universe());
    if (!may_receive) {
        // Nothing is brought back that could not be fetched, either.
        parsed->ack.clear();
        parsed->missing.clear();
    }
    auto batch = std::make_shared<UplinkBatch>(std::move(*parsed));
    parts->host.post([exchange, batch, may_receive](Bridge& bridge) {
        auto reply = bridge.uplink(exchange->universe(), std::move(*batch));
        if (!reply) return exchange->fail(reply.error());
        if (!may_receive) {
            reply->down.clear();
            reply->cursor.clear();
            reply->has_missed = false;
        }
        exchange->respond_json(200, encode(*reply));
    });
}

std::optional<PollRequest> read_poll(const core::HttpRequest& request, Exchange& exchange) {
    PollRequest poll;
    poll.server = request.query_value("server").value_or("");
    if (!is_valid_server_id(poll.server)) {
        exchange.fail(400, "Invalid server id");
        return {};
    }
    poll.cursor = request.query_value("cursor").value_or("");
    if (poll.cursor.size() > kMaxCursorBytes) {
        exchange.fail(400, "Invalid cursor");
        return {};
    }
    if (const auto wait = request.query_value("wait")) {
        const auto read = read_seconds(*wait);
        if (!read) {
            exchange.fail(400, "Invalid wait");
            return {};
        }
        poll.wait = *read;
    }
    auto topics = read_topics(request, exchange);
    if (!topics) return {};
    poll.topics = std::move(*topics);
    return poll;
}

void handle_poll(const SharedParts& parts, const core::HttpRequest& request,
                 const SharedExchange& exchange) {
    if (!admit(*parts, request, *exchange, {Right::game_poll})) return;
    auto poll = read_poll(request, *exchange);
    if (!poll) return;
    parts->host.post([exchange, poll = std::move(*poll)](Bridge& bridge) {
        bridge.poll(exchange->universe(), poll,
                    [exchange](const PollReply& reply) { respond(*exchange, reply); });
    });
}

void handle_blob(const SharedParts& parts, const core::HttpRequest& request,
                 const SharedExchange& exchange) {
    if (!admit(*parts, request, *exchange, {Right::game_poll})) return;
    std::string token(request.parameter("token"));
    if (token.size() > kMaxClaimTokenBytes) return exchange->fail(404, "Blob does not exist");
    parts->host.post([exchange, token = std::move(token)](Bridge& bridge) {
        if (bridge.is_elsewhere(exchange->universe())) {
            return exchange->fail(make_error_code(Error::served_elsewhere));
        }
        const std::string* item = bridge.blob(exchange->universe(), token);
        if (item == nullptr) return exchange->fail(404, "Blob does not exist");
        exchange->respond_json(200, *item);
    });
}

void handle_bye(const SharedParts& parts, const core::HttpRequest& request,
                const SharedExchange& exchange) {
    if (!admit(*parts, request, *exchange, {Right::game_send, Right::game_poll})) return;
    const auto body = read_body(parts->options, request);
    if (!body) return exchange->respond(body.error());
    auto server = read_server(*body);
    if (!server) return exchange->fail(server.error());
    parts->host.post([exchange, server = std::move(*server)](Bridge& bridge) {
        if (!bridge.has_universe(exchange->universe())) {
            return exchange->fail(make_error_code(bridge.is_elsewhere(exchange->universe())
                                                      ? Error::served_elsewhere
                                                      : Error::unknown_universe));
        }
        bridge.bye(exchange->universe(), server);
        exchange->respond_json(200, std::string(kSuccess));
    });
}

}  // namespace pulse::roblox
