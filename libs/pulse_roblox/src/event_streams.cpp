// SPDX-License-Identifier: MIT OR Apache-2.0
#include "event_streams.hpp"

#include "json/text.hpp"
#include "web_replay.hpp"

#include <utility>

namespace pulse::roblox {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view kKeepAlive = ":\n\n";
constexpr std::string_view kGap = "event: gap\ndata: {}\n\n";
/// A stream whose reader is so far behind gets nothing new until it has caught up.
constexpr std::size_t kMaxUnread = std::size_t{256} * 1024;

void send(core::Connection& connection, std::string_view text) {
    connection.send(protocol::as_bytes(text), core::MessageKind::text);
}

[[nodiscard]] std::string event_of(const DownMessage& message, std::string_view epoch) {
    std::string out = "id: ";
    out += epoch;
    out += ':';
    out += std::to_string(message.seq);
    out += "\ndata: {\"topic\":";
    json::append_string(out, message.topic);
    out += ",\"message\":";
    out += message.message.empty() ? std::string_view("null") : message.message;
    if (!message.options.empty()) {
        out += ",\"opts\":";
        out += message.options;
    }
    out += "}\n\n";
    return out;
}

}  // namespace

// ---------------------------------------------------------------- web clients

WebEvents::WebEvents(BridgeHost& host, WebClients& clients, core::Connection& connection,
                     UniverseId universe, Caller caller, std::vector<std::string> topics,
                     std::string since)
    : host_(host),
      connection_(connection),
      client_(clients, connection, universe, std::move(caller), WebForm::events),
      topics_(std::move(topics)),
      since_(std::move(since)) {}

void WebEvents::on_open() {
    if (!client_.begin() || (!topics_.empty() && !client_.subscribe(topics_))) {
        connection_.close(core::CloseReason::too_many_connections);
        return;
    }
    connection_.request_tick(kEventKeepAlive);
    // An event without data moves nothing but the place a browser resumes at.
    const auto say_place = [this](std::string_view cursor) {
        std::string event = "id: ";
        event += cursor;
        event += "\n\n";
        send(connection_, event);
    };
    begin_replay({.host = host_,
                  .connection = connection_,
                  .client = client_,
                  .on_gap = [this] { send(connection_, kGap); },
                  .done = since_.empty() ? std::function<void(std::string_view)>(say_place)
                                         : [](std::string_view) {}},
                 std::move(since_));
}

void WebEvents::on_tick(core::MonotonicTime) {
    if (!client_.holds()) {
        connection_.close(1008, {});
        return;
    }
    // Bytes that wait say themselves that the connection lives.
    if (connection_.is_drained()) send(connection_, kKeepAlive);
    connection_.request_tick(kEventKeepAlive);
}

// ---------------------------------------------------------------- game servers

GameEvents::GameEvents(BridgeHost& host, AccessBook& access, core::Connection& connection,
                       UniverseId universe, Caller caller, PollRequest request)
    : host_(host),
      access_(access),
      connection_(connection),
      universe_(universe),
      caller_(std::move(caller)),
      request_(std::move(request)) {
    request_.is_stream = true;
}

GameEvents::~GameEvents() {
    host_.post([universe = universe_, open = open_](Bridge& bridge) {
        if (*open) bridge.cancel_poll(universe, **open);
        open->reset();
    });
}

void GameEvents::on_open() {
    connection_.request_tick(kEventKeepAlive);
    poll();
}

void GameEvents::on_tick(core::MonotonicTime) {
    if (!access_.holds(caller_, universe_)) {
        connection_.close(1008, {});
        return;
    }
    if (connection_.is_drained()) send(connection_, kKeepAlive);
    connection_.request_tick(kEventKeepAlive);
}

void GameEvents::poll() {
    host_.post([universe = universe_, request = request_, open = open_, self = this,
                handle = connection_.handle()](Bridge& bridge) {
        const auto is_over = std::make_shared<bool>(false);
        const PollId id = bridge.poll(universe, request, [=](PollReply reply) {
            *is_over = true;
            open->reset();
            auto shared = std::make_shared<PollReply>(std::move(reply));
            handle.post([self, shared](core::Connection&) { self->on_reply(*shared); });
        });
        if (!*is_over) *open = id;
    });
}

void GameEvents::on_reply(const PollReply& reply) {
    if (reply.has_missed) send(connection_, kGap);
    const std::string_view cursor = reply.cursor;
    const std::string_view epoch = cursor.substr(0, cursor.find(':'));
    for (const DownMessage& message : reply.messages) {
        send(connection_, event_of(message, epoch));
    }
    if (!reply.cursor.empty()) request_.cursor = reply.cursor;
    switch (reply.status) {
        case PollStatus::messages:
        case PollStatus::nothing:
            return wait_until_read();
        case PollStatus::superseded:
            return connection_.close(1008, "Superseded");
        case PollStatus::refused:
            if (reply.error == Error::served_elsewhere) {
                return connection_.close(core::CloseReason::shutdown);
            }
            return connection_.close(1008, "Refused");
        case PollStatus::shutting_down:
            return connection_.close(core::CloseReason::shutdown);
    }
}

void GameEvents::wait_until_read() {
    // In the next turn, when what was sent has been written.
    core::Lane& lane = connection_.lane();
    if (connection_.backlog_bytes() <= kMaxUnread) {
        connection_.handle().post([this](core::Connection& connection) {
            if (connection.backlog_bytes() <= kMaxUnread) return poll();
            wait_until_read();
        });
        return;
    }
    lane.post_at(lane.now() + 50ms, [this, handle = connection_.handle()] {
        handle.post([this](core::Connection&) { wait_until_read(); });
    });
}

}  // namespace pulse::roblox
