// SPDX-License-Identifier: MIT OR Apache-2.0
#include "web_conversation.hpp"

#include "json/text.hpp"
#include "web_replay.hpp"

#include <utility>

#include <pulse/core/hub.hpp>

namespace pulse::roblox {

namespace {

[[nodiscard]] std::string error_object(std::string_view text) {
    std::string out = R"({"error":)";
    json::append_string(out, text);
    out += '}';
    return out;
}

[[nodiscard]] SendAnswer refusal(int status, std::string_view text) {
    return {.status = status, .body = error_object(text)};
}

}  // namespace

WebConversation::WebConversation(BridgeDialect& dialect, core::Connection& connection,
                                 UniverseId universe, Caller caller, bool will_say_hello)
    : dialect_(dialect),
      connection_(connection),
      client_(dialect.clients(), connection, universe, std::move(caller), WebForm::original),
      publishes_(connection.lane().now(), dialect.options().publishes),
      awaits_hello_(will_say_hello && client_.may_read()) {
    if (awaits_hello_) client_.hold();
}

void WebConversation::on_open() {
    if (!client_.begin()) {
        connection_.close(core::CloseReason::too_many_connections);
        return;
    }
    connection_.request_tick(dialect_.options().access_check);
}

void WebConversation::on_tick(core::MonotonicTime) {
    if (!client_.holds()) {
        connection_.close(1008, "Invalid API Key");
        return;
    }
    connection_.request_tick(dialect_.options().access_check);
}

void WebConversation::on_message(core::ByteView message, core::MessageKind kind) {
    if (message.size() > dialect_.options().max_message_bytes) {
        connection_.close(core::CloseReason::message_too_big);
        return;
    }
    const std::string_view text{reinterpret_cast<const char*>(message.data()), message.size()};
    if (kind != core::MessageKind::text) return send(error_object("Invalid message"));
    if (text == "ping") return send("pong");
    if (may_be_web_command(text)) {
        if (auto command = parse_web_command(text)) {
            if (*command) return on_command(std::move(**command));
            std::string error = R"("error":)";
            json::append_string(error, command->error().text);
            return answer("error", command->error().id, error);
        }
    }
    on_original(text);
}

void WebConversation::on_original(std::string_view text) {
    auto request = parse_socket_message(text);
    if (!request) return send(error_object(request.error().text));
    request->destination = Destination::roblox;
    publish(std::move(*request), std::nullopt);
}

void WebConversation::on_command(WebCommand command) {
    switch (command.op) {
        case WebOp::ping:
            return answer("pong", command.id);
        case WebOp::hello:
            return on_hello(command);
        case WebOp::subscribe:
            return on_subscribe(command);
        case WebOp::unsubscribe:
            client_.unsubscribe(command.topics);
            return answer("ok", command.id);
        case WebOp::publish:
            return publish(std::move(command.send), std::move(command.id));
    }
}

void WebConversation::on_subscribe(const WebCommand& command) {
    if (!client_.may_read()) return answer("error", command.id, R"("error":"Forbidden")");
    if (!client_.subscribe(command.topics)) {
        return answer("error", command.id, R"("error":"Too many topics")");
    }
    answer("ok", command.id);
}

void WebConversation::on_hello(const WebCommand& command) {
    if (!client_.may_read()) return answer("hello", command.id, R"("v":1)");
    if (!std::exchange(awaits_hello_, false) && client_.is_held()) {
        return answer("error", command.id, R"("error":"Still replaying")");
    }
    client_.set_form(WebForm::extended);
    begin_replay({.host = dialect_.host(),
                  .connection = connection_,
                  .client = client_,
                  .on_gap = [this] { send(R"({"op":"gap"})"); },
                  .done =
                      [this, id = command.id](std::string_view cursor) {
                          std::string members = R"("v":1,"cursor":)";
                          json::append_string(members, cursor);
                          answer("hello", id, members);
                      }},
                 command.since);
}

bool WebConversation::may_publish(const std::optional<std::string>& id) {
    const BridgeDialectOptions& options = dialect_.options();
    if (!client_.may_send()) {
        on_published(refusal(403, "Forbidden"), id);
        return false;
    }
    if (open_publishes_ >= options.max_open_publishes ||
        !publishes_.try_take(connection_.lane().now(), options.publishes)) {
        SendAnswer answer = refusal(429, "Too many requests");
        answer.retry_after = std::chrono::seconds{1};
        on_published(answer, id);
        return false;
    }
    return true;
}

void WebConversation::publish(SendRequest request, std::optional<std::string> id) {
    if (!may_publish(id)) return;
    ++open_publishes_;
    auto command = std::make_shared<SendCommand>();
    command->destination = *request.destination;
    command->request = std::move(request);
    command->caller = client_.caller().token_id;
    dialect_.host().post([universe = client_.universe(), command, id = std::move(id), self = this,
                          handle = connection_.handle()](Bridge& bridge) {
        // `self` is the conversation of the connection that the handle finds, or finds gone.
        bridge.send(universe, std::move(*command), [self, handle, id](const SendAnswer& answer) {
            handle.post([self, answer, id](core::Connection&) {
                --self->open_publishes_;
                self->on_published(answer, id);
            });
        });
    });
}

void WebConversation::on_published(const SendAnswer& result, const std::optional<std::string>& id) {
    const bool is_success = result.status < 300;
    if (!id) return send(is_success ? std::string_view(R"({"success":true})") : result.body);
    std::string members = is_success ? R"("success":true)" : R"("success":false)";
    if (!is_success && result.retry_after) {
        members += R"(,"retryAfter":)" + std::to_string(result.retry_after->count());
    }
    // {"error":"…"}, possibly with what Roblox said.
    if (!is_success && result.body.size() > 2 && result.body.front() == '{') {
        members += ',';
        members.append(result.body, 1, result.body.size() - 2);
    }
    answer("ack", *id, members);
}

void WebConversation::answer(std::string_view op, const std::string& id, std::string_view members) {
    std::string out = R"({"op":")";
    out += op;
    out += '"';
    if (!id.empty()) out += R"(,"id":)" + id;
    if (!members.empty()) (out += ',') += members;
    out += '}';
    send(out);
}

void WebConversation::send(std::string_view text) {
    connection_.send(protocol::as_bytes(text), core::MessageKind::text);
}

}  // namespace pulse::roblox
