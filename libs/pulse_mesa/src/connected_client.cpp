// SPDX-License-Identifier: MIT OR Apache-2.0
#include "connected_client.hpp"

#include "hex.hpp"
#include "lane_part.hpp"
#include "server_impl.hpp"

#include <algorithm>
#include <utility>

#include <pulse/core/json.hpp>
#include <pulse/protocol/bytes.hpp>

namespace pulse::mesa {

namespace json = core::json;

namespace {

// RFC 6455 §7.4.1
constexpr std::uint16_t kNormal = 1000;
constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kNoCode = 1005;
constexpr std::uint16_t kPolicy = 1008;

constexpr std::string_view kVersionType = "CLIENT_VERSION";
constexpr std::string_view kDisconnect = "DISCONNECT_CLIENT";
constexpr std::string_view kBeat = R"({"op":1,"d":{}})";

void send_text(core::Connection& connection, std::string_view text) {
    connection.send(protocol::as_bytes(text), core::MessageKind::text);
}

/// The value of a key of an object that is given as JSON; absent where it is no object.
json::Value member_of(std::string_view object, std::string_view name) {
    const json::Value value{object};
    json::Value found;
    if (!value.is(json::Type::object)) return found;
    json::Members members(value);
    while (const auto member = members.next()) {
        if (json::is_key(member->key, name)) found = member->value;
    }
    return found;
}

}  // namespace

ConnectedClient::ConnectedClient(Server::Impl& server, LanePart& part, core::Connection& connection,
                                 const core::OpenRequest& request)
    : server_(&server),
      part_(&part),
      port_(part.lane().port()),
      connection_(&connection),
      number_(server.hub.rng().next_u64()),
      request_{std::string(request.path), std::string(request.query), request.peer, {}},
      rate_(part.now(), server.config.limits.messages) {
    for (const std::string& name : server.config.kept_headers) {
        const std::string_view value = request.header(name);
        if (!value.empty()) request_.headers.emplace_back(name, value);
    }
}

std::string ConnectedClient::server_id() const {
    std::string text;
    append_hex(text, number_);
    return text;
}

std::vector<Message> ConnectedClient::messages() const {
    if (stored_ == nullptr) return {};
    return {stored_->messages.begin(), stored_->messages.end()};
}

ConnectedClient::Handlers& ConnectedClient::handlers() {
    if (handlers_ == nullptr) handlers_ = std::make_unique<Handlers>();
    return *handlers_;
}

void ConnectedClient::open() {
    const auto held = shared_from_this();
    Server::Impl& server = *server_;
    part_->claim_thread();
    send_text(*connection_, server.hello);
    part_->add(*this);
    server.counters.clients.fetch_add(1);
    server.counters.connections.fetch_add(1, std::memory_order_relaxed);
    if (server.config.heartbeat.is_enabled) {
        part_->wait_for_beat(part_->now() + server.config.heartbeat.interval, held);
    }
    if (server.connection_listener) {
        server.guarded(held, [&] { server.connection_listener(held); });
    }
    server.tell_portals({PortalEvent::Type::connection, {}, {}, {}});
    server.for_each_hook(held, [&](Middleware& hook) { hook.on_connection(held); });
    if (server.config.bus) server.config.bus->count_connections(server.replica, 1);
    // Let in just before the server was closed, and not among those it closed.
    if (server.is_closed) close(kGoingAway);
}

void ConnectedClient::read(std::string_view text) {
    if (connection_ == nullptr) return;
    const auto held = shared_from_this();
    if (!rate_.try_take(connection_->lane().now(), server_->config.limits.messages)) {
        return close(kPolicy);
    }
    const auto message = parse_message(text, Form::wire);
    if (!message) return refuse_message(message.error());
    receive(*message);
}

void ConnectedClient::refuse_message(std::error_code why) {
    if (connection_ != nullptr) server_->raise(why, self());
}

void ConnectedClient::receive(const Message& message) {
    if (message.is(Opcode::heartbeat_answer)) {
        has_answered_ = true;
        return;
    }
    if (is_refused_version(message)) return close(kProtocolError);
    if (message.is(Opcode::authenticate) && has_handler()) return begin_authentication(message);

    Server::Impl& server = *server_;
    const ClientPtr client = self();
    server.counters.received.fetch_add(1, std::memory_order_relaxed);
    if (handlers_ != nullptr && handlers_->message) {
        // A copy: the application may put another one in its place meanwhile.
        const MessageHandler handler = handlers_->message;
        server.guarded(client, [&] { handler(message); });
    }
    if (server.message_listener) {
        server.guarded(client, [&] { server.message_listener(client, message); });
    }
    if (server.config.portal.is_enabled) {
        server.tell_portals(
            {PortalEvent::Type::message, message, is_authenticated_ ? id_ : std::nullopt, {}});
    }
    server.for_each_hook(client,
                         [&](Middleware& hook) { hook.on_message_received(message, client); });
    if (server.config.stores_messages) store(message);
}

bool ConnectedClient::is_refused_version(const Message& message) const {
    const VersionOptions& versions = server_->config.versions;
    if (!versions.is_enforced || !message.is(Opcode::dispatch) || message.type != kVersionType) {
        return false;
    }
    const json::Value said = member_of(message.data, "v");
    if (!said.is(json::Type::text)) return true;
    return std::find(versions.accepted.begin(), versions.accepted.end(), said.text()) ==
           versions.accepted.end();
}

void ConnectedClient::store(const Message& message) {
    if (stored_ == nullptr) stored_ = std::make_unique<Stored>();
    const ServerLimits& limits = server_->config.limits;
    auto& [messages, bytes] = *stored_;
    messages.push_back(message);
    bytes += message.data.size();
    while (messages.size() > limits.max_stored_messages || bytes > limits.max_stored_bytes) {
        bytes -= messages.front().data.size();
        messages.pop_front();
    }
}

void ConnectedClient::send(const Message& message) {
    if (connection_ == nullptr) return;
    if (id_) return server_->send(message, Recipients({*id_}), {});
    if (server_->config.authentication.is_required && !is_authenticated_) return;
    Delivery delivery;
    delivery.message = message;
    delivery.text = to_json(message, Form::wire);
    const auto held = shared_from_this();
    part_->send_to(delivery, {this});
}

void ConnectedClient::send_direct(const Message& message) {
    if (connection_ == nullptr) return;
    if (message.is(Opcode::internal_event)) {
        if (message.type == kDisconnect) close(kNormal);
        return;
    }
    send_text(*connection_, to_json(message, Form::wire));
    server_->counters.sent.fetch_add(1, std::memory_order_relaxed);
    if (server_->config.stores_messages) store(message);
}

void ConnectedClient::disconnect(std::optional<std::uint16_t> code) {
    close(code.value_or(kNoCode));
}

void ConnectedClient::close(std::uint16_t code) {
    if (connection_ == nullptr) return;
    is_closing_ = true;
    connection_->close(code, {});
}

void ConnectedClient::post(std::function<void(Client& client)> function) {
    port_->post([weak = weak_from_this(), function = std::move(function)] {
        if (const auto held = weak.lock()) function(*held);
    });
}

bool ConnectedClient::hear_error(const ErrorEvent& error) {
    if (handlers_ == nullptr || !handlers_->error) return false;
    const ErrorHandler handler = handlers_->error;
    handler(error);
    return true;
}

bool ConnectedClient::beat() {
    if (is_closing_) return false;
    const HeartbeatOptions& options = server_->config.heartbeat;
    if (std::exchange(has_answered_, false)) {
        tries_ = 0;
        send_text(*connection_, kBeat);
        return true;
    }
    if (++tries_ > options.max_attempts) {
        server_->counters.heartbeat_closes.fetch_add(1, std::memory_order_relaxed);
        close(kNoCode);
        return false;
    }
    send_text(*connection_, R"({"op":1,"d":{"tries":)" + std::to_string(tries_) + R"(,"max":)" +
                                std::to_string(options.max_attempts) + "}}");
    return true;
}

void ConnectedClient::closed(const core::CloseEvent& event) {
    if (connection_ == nullptr) return;
    const auto held = shared_from_this();
    Server::Impl& server = *server_;
    end_replay();
    connection_ = nullptr;
    // It never began: nobody has heard of it.
    if (place == kNowhere) return handlers_.reset();
    if (id_) {
        part_->remove_id(*id_, *this);
        if (is_counted_online_) server.config.bus->remove_client(server.replica, id_->name());
    }
    if (handlers_ != nullptr && handlers_->disconnect) {
        const DisconnectHandler handler = handlers_->disconnect;
        server.guarded(held, [&] { handler(event.code, event.text); });
    }
    if (server.disconnection_listener) {
        server.guarded(held, [&] { server.disconnection_listener(held, event.code, event.text); });
    }
    server.for_each_hook(
        held, [&](Middleware& hook) { hook.on_disconnection(held, event.code, event.text); });
    part_->remove(*this);
    server.tell_portals(
        {PortalEvent::Type::disconnection, {}, is_authenticated_ ? id_ : std::nullopt, {}});
    if (server.config.bus) server.config.bus->count_connections(server.replica, -1);
    if (is_authenticated_) server.counters.authenticated_clients.fetch_sub(1);
    // What the application holds on to must not hold its own handlers, and with them itself.
    handlers_.reset();
    server_ = nullptr;
    server.on_client_gone();
}

}  // namespace pulse::mesa
