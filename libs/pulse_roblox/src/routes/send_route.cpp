// SPDX-License-Identifier: MIT OR Apache-2.0
//
// POST /universe/{id}/send: one message, to game servers or to web clients.
#include "handlers.hpp"

#include <algorithm>
#include <utility>

#include <pulse/core/http_text.hpp>
#include <pulse/roblox/envelope.hpp>

namespace pulse::roblox {

namespace {

constexpr std::size_t kMaxIdempotencyKeyBytes = 128;

/// `Prefer: respond-async` (RFC 7240 §4.1), alone or among others.
[[nodiscard]] bool prefers_async(std::string_view prefer) noexcept {
    while (!prefer.empty()) {
        const std::size_t end = std::min(prefer.find(','), prefer.size());
        std::string_view one = prefer.substr(0, end);
        one = one.substr(0, one.find(';'));
        while (one.starts_with(' ')) one.remove_prefix(1);
        while (one.ends_with(' ')) one.remove_suffix(1);
        if (core::http::iequals(one, "respond-async")) return true;
        prefer.remove_prefix(std::min(end + 1, prefer.size()));
    }
    return false;
}

[[nodiscard]] bool is_valid_idempotency_key(std::string_view key) noexcept {
    return !key.empty() && key.size() <= kMaxIdempotencyKeyBytes &&
           std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// Where a message without `destination` goes: away from who sends it.
[[nodiscard]] Destination default_destination(const Caller& caller, UniverseId universe) noexcept {
    return caller.may(Right::web_send, universe) ? Destination::roblox : Destination::server;
}

void respond(Exchange& exchange, const SendAnswer& answer) {
    core::HttpResponse response = core::HttpResponse::json(answer.status, answer.body);
    if (answer.retry_after) {
        response.headers.emplace_back("retry-after", std::to_string(answer.retry_after->count()));
    }
    if (answer.is_repeat) response.headers.emplace_back("idempotent-replayed", "true");
    exchange.respond(std::move(response));
}

}  // namespace

void handle_send(const SharedParts& parts, const core::HttpRequest& request,
                 const SharedExchange& exchange) {
    if (!admit(*parts, request, *exchange, {Right::web_send, Right::game_send})) return;
    const auto body = read_body(parts->options, request);
    if (!body) return exchange->respond(body.error());
    const Checking checking = parts->options.is_strict ? Checking::strict : Checking::extended;
    auto send = parse_send_body(*body, checking);
    if (!send) return exchange->fail(400, send.error().text);

    auto command = std::make_shared<SendCommand>();
    if (const auto key = request.header("idempotency-key")) {
        if (!is_valid_idempotency_key(*key)) {
            return exchange->fail(400, "Invalid Idempotency-Key");
        }
        command->idempotency_key = *key;
    }
    if (prefers_async(request.header("prefer").value_or(""))) send->is_async = true;
    command->destination =
        send->destination.value_or(default_destination(exchange->caller(), exchange->universe()));
    command->request = std::move(*send);
    command->caller = exchange->caller().token_id;
    parts->host.post([exchange, command](Bridge& bridge) {
        if (bridge.is_elsewhere(exchange->universe())) {
            return exchange->fail(make_error_code(Error::served_elsewhere));
        }
        // Nobody listens to a universe that is not there, and to whom it was handed out nobody
        // says.
        if (command->destination == Destination::server &&
            !bridge.has_universe(exchange->universe())) {
            return exchange->respond_json(200, R"({"success":true})");
        }
        bridge.send(exchange->universe(), std::move(*command),
                    [exchange](const SendAnswer& answer) { respond(*exchange, answer); });
    });
}

}  // namespace pulse::roblox
