// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a client becomes somebody, and gets what was kept for it.
#include "connected_client.hpp"
#include "lane_part.hpp"
#include "server_impl.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>

#include <pulse/core/json.hpp>
#include <pulse/protocol/bytes.hpp>

namespace pulse::mesa {

namespace json = core::json;

namespace {

constexpr std::uint16_t kPolicy = 1008;         // RFC 6455 §7.4.1
constexpr std::uint16_t kTryAgainLater = 1013;  // of the registry that §11.7 begins
/// How long a client waits for Redis to know that it is online.
constexpr std::chrono::milliseconds kBusTime{1'000};
/// Of what is left of a replay, so much at most is sent without being taken off what is kept: one
/// part in so many. All that a server that dies on the way can have sent again.
constexpr std::size_t kLeftPerDrop = 16;

/// What ECMAScript takes for false; a missing value is true here.
bool is_sync_wanted(std::string_view data) {
    const json::Value value{data};
    if (!value.is(json::Type::object)) return true;
    bool is_wanted = true;
    json::Members members(value);
    while (const auto member = members.next()) {
        if (!json::is_key(member->key, "shouldSync")) continue;
        const std::string_view raw = member->value.raw;
        is_wanted = raw != "false" && raw != "null" && raw != "0" && raw != "\"\"";
    }
    return is_wanted;
}

}  // namespace

void ConnectedClient::authenticate(AuthHandler handler) {
    handlers().authenticate = std::move(handler);
    if (connection_ == nullptr) return;
    const auto timeout = server_->config.authentication.timeout;
    if (timeout.count() > 0 && !has_tried_to_authenticate_) {
        part_->wait_for_authentication(part_->now() + timeout, shared_from_this());
    }
}

void ConnectedClient::time_out_authentication() {
    if (connection_ != nullptr && has_handler() && !has_tried_to_authenticate_) close(kPolicy);
}

void ConnectedClient::begin_authentication(const Message& message) {
    has_tried_to_authenticate_ = true;
    if (pending_authentications_ >= server_->config.limits.max_pending_authentications) {
        return server_->raise(make_error_code(Error::too_many_authentications), self());
    }
    ++pending_authentications_;
    const bool should_sync = is_sync_wanted(message.data);
    // Whoever has the answer may keep it for as long as they like, and longer than the server.
    AuthDone done([part = std::weak_ptr<LanePart>(server_->parts[part_->index()]),
                   weak = weak_from_this(), should_sync](core::Result<AuthResult> result) {
        const auto held = part.lock();
        if (held == nullptr) return;
        held->run([weak, result = std::move(result), should_sync] {
            if (const auto client = weak.lock()) client->finish_authentication(result, should_sync);
        });
    });
    const AuthHandler handler = handlers_->authenticate;
    server_->guarded(self(), [&] { handler(message.data, std::move(done)); });
}

void ConnectedClient::finish_authentication(core::Result<AuthResult> result, bool should_sync) {
    if (pending_authentications_ > 0) --pending_authentications_;
    // Whoever has left meanwhile is nobody any more.
    if (connection_ == nullptr) return;
    if (!result) {
        if (result.error() == make_error_code(Error::closed)) return;
        const bool is_our_fault = result.error() == Error::authentication_unavailable;
        Counters& counters = server_->counters;
        (is_our_fault ? counters.authentications_unavailable : counters.authentication_failures)
            .fetch_add(1, std::memory_order_relaxed);
        if (!server_->config.authentication.disconnects_on_failure) return;
        return close(is_our_fault ? kTryAgainLater : kPolicy);
    }
    if (!accept(*result)) return;
    set_identity(std::move(*result), [this, should_sync] { complete_authentication(should_sync); });
}

bool ConnectedClient::accept(AuthResult& result) {
    if (!result.id) {
        server_->raise(make_error_code(Error::no_id), self());
        return false;
    }
    // What is sent to it would be sent to all.
    if (Recipients({*result.id}).is_all()) {
        server_->raise(make_error_code(Error::reserved_id), self());
        return false;
    }
    if (result.user.empty()) result.user = "{}";
    if (!json::parse(result.user)) {
        server_->raise(make_error_code(Error::invalid_user), self());
        return false;
    }
    return true;
}

void ConnectedClient::set_identity(AuthResult result, std::function<void()> then) {
    user_ = std::move(result.user);
    const auto& bus = server_->config.bus;
    const bool is_same = id_ == result.id;
    if (!is_same) {
        end_replay();
        if (id_) {
            part_->remove_id(*id_, *this);
            if (std::exchange(is_counted_online_, false)) {
                bus->remove_client(server_->replica, id_->name());
            }
        }
        id_ = std::move(result.id);
        part_->add_id(*id_, *this);
    }
    if (is_same || !bus || !server_->config.authentication.stores_connected_users) return then();
    is_counted_online_ = true;
    // The client is told when everybody else can know: a dispatcher that acts on the answer must
    // find it online. Where the bus is out of reach it says so at once; where it is slow the client
    // does not wait for long.
    const std::string name = id_->name();
    const auto pending = std::make_shared<std::function<void()>>(std::move(then));
    const auto finish = [pending](ConnectedClient&) {
        if (const auto function = std::exchange(*pending, nullptr)) function();
    };
    bus->add_client(server_->replica, name,
                    [server = server_->weak_from_this(), index = part_->index(),
                     weak = weak_from_this(), name, finish](core::Result<bool> is_elsewhere) {
                        const auto held = server.lock();
                        if (held == nullptr) return;
                        if (is_elsewhere && *is_elsewhere) held->ids.mark_elsewhere(name);
                        held->parts[index]->run([weak, finish] {
                            const auto client = weak.lock();
                            if (client != nullptr && client->is_connected()) finish(*client);
                        });
                    });
    if (*pending) part_->after(kBusTime, weak_from_this(), finish);
}

void ConnectedClient::complete_authentication(bool should_sync) {
    const auto held = shared_from_this();
    Server::Impl& server = *server_;
    if (!std::exchange(is_authenticated_, true)) {
        server.counters.authenticated_clients.fetch_add(1);
        const std::string_view user =
            server.config.authentication.sends_user_object ? std::string_view(user_) : "{}";
        std::string answer = R"({"op":22,"d":)";
        answer.append(user).append("}");
        connection_->send(protocol::as_bytes(answer), core::MessageKind::text);
    }
    server.tell_portals({PortalEvent::Type::authentication, {}, id_, {}});
    server.for_each_hook(held, [&](Middleware& hook) { hook.on_authenticated(held); });
    if (connection_ == nullptr || !server.config.bus || !server.config.sync.is_enabled) return;
    if (should_sync) return begin_replay();
    server.config.bus->discard_kept(id_->name());
}

void ConnectedClient::update_user(AuthResult result) {
    if (connection_ == nullptr) return;
    if (!is_authenticated_) {
        return server_->raise(make_error_code(Error::not_authenticated), self());
    }
    if (accept(result)) set_identity(std::move(result), [] {});
}

void ConnectedClient::begin_replay() {
    if (replay_ != nullptr) return;
    replay_ = std::make_shared<Replay>();
    replay_->name = id_->name();
    const auto bus = server_->config.bus;
    bus->begin_replay(
        server_->replica, replay_->name,
        [bus, replica = server_->replica, server = server_->weak_from_this(),
         index = part_->index(), weak = weak_from_this(),
         replay = replay_](core::Result<std::optional<std::string>> kept) {
            const auto held = server.lock();
            // It took its replays along.
            if (held == nullptr) return;
            held->parts[index]->run([bus, replica, weak, replay, kept = std::move(kept)] {
                const auto client = weak.lock();
                // It may have gone, or become somebody else.
                if (client == nullptr || !client->is_connected() || client->replay_ != replay) {
                    if (kept && *kept) bus->end_replay(replica, replay->name);
                    return;
                }
                if (!kept) {
                    client->replay_.reset();
                    client->server_->raise(kept.error(), client);
                    return;
                }
                client->start_replay(kept->value_or(std::string()));
            });
        });
}

void ConnectedClient::start_replay(std::string_view kept) {
    const auto held = shared_from_this();
    Server::Impl& server = *server_;
    if (!kept.empty()) {
        auto elements = read_kept(kept);
        if (!elements) {
            give_up_kept();
            return server.raise(make_error_code(Error::broken_store), held);
        }
        replay_->elements = std::move(*elements);
    }
    std::uint32_t sequence = 0;
    for (const std::string& element : replay_->elements) {
        replay_->left_bytes += element.size();
        Message message = read_message(json::Value{element}, Form::internal);
        message.sequence = ++sequence;
        replay_->messages.push_back(std::move(message));
    }
    const auto replay = replay_;
    server.for_each_hook(held, [&](Middleware& hook) {
        hook.on_redeliver_undeliverable_messages(replay->messages, held);
    });
    if (connection_ == nullptr || replay_ != replay) return;
    if (replay_->messages.empty()) {
        // Where nothing was kept nothing is held.
        if (kept.empty()) return replay_.reset();
        return give_up_kept();
    }
    wait_for_next();
}

void ConnectedClient::give_up_kept() {
    server_->config.bus->discard_kept(replay_->name);
    server_->config.bus->end_replay(server_->replica, replay_->name);
    replay_.reset();
}

void ConnectedClient::wait_for_next() {
    const auto interval =
        std::max(server_->config.sync.redelivery_interval, std::chrono::milliseconds{1});
    part_->after(interval, weak_from_this(),
                 [weak = std::weak_ptr<Replay>(replay_)](ConnectedClient& client) {
                     const auto replay = weak.lock();
                     if (replay != nullptr && client.replay_ == replay) client.replay_next();
                 });
}

void ConnectedClient::replay_next() {
    Replay& replay = *replay_;
    send_direct(replay.messages[replay.next]);
    server_->counters.replayed.fetch_add(1, std::memory_order_relaxed);
    const std::size_t bytes = replay.elements[replay.next].size();
    replay.sent_bytes += bytes;
    replay.left_bytes -= bytes;
    if (++replay.next == replay.messages.size()) return end_replay();
    if (replay.sent_bytes * kLeftPerDrop >= replay.left_bytes) drop_sent(replay);
    wait_for_next();
}

void ConnectedClient::drop_sent(Replay& replay) {
    if (replay.dropped == replay.next) return;
    const auto first = replay.elements.begin();
    server_->config.bus->drop_sent(
        replay.name, {std::make_move_iterator(first + static_cast<std::ptrdiff_t>(replay.dropped)),
                      std::make_move_iterator(first + static_cast<std::ptrdiff_t>(replay.next))});
    replay.dropped = replay.next;
    replay.sent_bytes = 0;
}

void ConnectedClient::end_replay() {
    const auto replay = std::exchange(replay_, nullptr);
    // One whose messages have not come yet ends when they do.
    if (replay == nullptr || replay->elements.empty()) return;
    drop_sent(*replay);
    server_->config.bus->end_replay(server_->replica, replay->name);
}

}  // namespace pulse::mesa
