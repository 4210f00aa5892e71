// SPDX-License-Identifier: MIT OR Apache-2.0
#include "lane_part.hpp"

#include "connected_client.hpp"
#include "server_impl.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <pulse/protocol/bytes.hpp>

namespace pulse::mesa {

namespace {

constexpr std::uint16_t kNormal = 1000;  // RFC 6455 §7.4.1
constexpr std::string_view kDisconnect = "DISCONNECT_CLIENT";

}  // namespace

LanePart::LanePart(core::Lane& lane, Server::Impl& server)
    : lane_(lane), server_(server), port_(lane.port()) {}

core::MonotonicTime LanePart::now() const noexcept { return lane_.hub().clock().now(); }

void LanePart::run(std::function<void()> function) {
    if (is_on_thread()) return function();
    post(std::move(function));
}

void LanePart::add(ConnectedClient& client) {
    client.place = static_cast<std::uint32_t>(clients_.size());
    clients_.push_back(&client);
}

void LanePart::remove(ConnectedClient& client) {
    clients_[client.place] = clients_.back();
    clients_[client.place]->place = client.place;
    clients_.pop_back();
}

void LanePart::add_id(const Id& id, ConnectedClient& client) {
    by_id_[id].push_back(&client);
    server_.ids.add(id, index());
}

void LanePart::remove_id(const Id& id, ConnectedClient& client) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return;
    std::erase(found->second, &client);
    if (found->second.empty()) by_id_.erase(found);
    server_.ids.remove(id);
}

std::vector<std::shared_ptr<ConnectedClient>> LanePart::clients() const {
    std::vector<std::shared_ptr<ConnectedClient>> all;
    all.reserve(clients_.size());
    for (ConnectedClient* const client : clients_) all.push_back(client->shared_from_this());
    return all;
}

bool LanePart::is_recipient(const Delivery& delivery, const ConnectedClient& client) const {
    if (server_.config.authentication.is_required && !client.is_authenticated()) return false;
    if (delivery.excluding.empty() || !client.id()) return true;
    return std::find(delivery.excluding.begin(), delivery.excluding.end(), *client.id()) ==
           delivery.excluding.end();
}

std::error_code LanePart::hand_over(const DeliveryPtr& delivery) {
    if (is_on_thread()) {
        deliver(*delivery);
        return {};
    }
    const std::size_t bytes = delivery->text.size();
    const ServerLimits& limits = server_.config.limits;
    const std::size_t before = waiting_.fetch_add(1);
    // One alone may be as long as it likes.
    const bool has_room =
        before == 0 || (before < limits.max_waiting_deliveries &&
                        waiting_bytes_.load() + bytes <= limits.max_waiting_bytes);
    if (!has_room) {
        waiting_.fetch_sub(1);
        return make_error_code(Error::delivery_lost);
    }
    waiting_bytes_.fetch_add(bytes);
    post([part = shared_from_this(), delivery, bytes] {
        part->waiting_.fetch_sub(1);
        part->waiting_bytes_.fetch_sub(bytes);
        part->deliver(*delivery);
    });
    return {};
}

void LanePart::deliver(const Delivery& delivery) {
    std::vector<ConnectedClient*> to = std::move(found_);
    to.clear();
    if (delivery.recipients.is_all()) {
        for (ConnectedClient* const client : clients_) {
            if (is_recipient(delivery, *client)) to.push_back(client);
        }
    } else {
        for (const Id& id : delivery.recipients.ids()) {
            const auto found = by_id_.find(id);
            if (found == by_id_.end()) continue;
            for (ConnectedClient* const client : found->second) {
                if (is_recipient(delivery, *client)) to.push_back(client);
            }
        }
        // An id that is named twice is served once.
        std::sort(to.begin(), to.end());
        to.erase(std::unique(to.begin(), to.end()), to.end());
    }
    send_to(delivery, to);
    found_ = std::move(to);
}

void LanePart::send_to(const Delivery& delivery, const std::vector<ConnectedClient*>& to) {
    if (to.empty()) return;
    if (delivery.message.is(Opcode::internal_event)) {
        if (delivery.message.type != kDisconnect) return;
        // Closing may call the application, which may change the lists.
        std::vector<std::shared_ptr<ConnectedClient>> held;
        held.reserve(to.size());
        for (ConnectedClient* const client : to) held.push_back(client->shared_from_this());
        for (const auto& client : held) client->close(kNormal);
        return;
    }
    std::uint64_t sent = 0;
    core::SharedFrame frame;
    const core::Framing* framing = nullptr;
    for (ConnectedClient* const client : to) {
        core::Connection* const connection = client->connection();
        if (connection == nullptr) continue;
        if (framing != &connection->framing()) {
            framing = &connection->framing();
            frame = encode(delivery.text, *framing);
        }
        if (!frame.chunk) break;
        connection->send(frame);
        ++sent;
        if (server_.config.stores_messages) client->store(delivery.message);
    }
    server_.counters.sent.fetch_add(sent, std::memory_order_relaxed);
    if (server_.middleware.empty()) return;
    std::vector<ClientPtr> clients;
    clients.reserve(to.size());
    for (ConnectedClient* const client : to) clients.push_back(client->shared_from_this());
    server_.for_each_hook(nullptr, [&](Middleware& hook) {
        hook.on_message_sent(delivery.message, clients, delivery.is_from_this_replica);
    });
}

core::SharedFrame LanePart::encode(std::string_view text, const core::Framing& framing) {
    // One chunk a turn: whoever is slow to read keeps no more alive than that.
    if (lane_.now() != buffer_turn_) {
        lane_.pool().recycle(buffer_.release());
        buffer_turn_ = lane_.now();
    }
    core::ChunkRef retired;
    std::byte* const out = buffer_.begin(framing, text.size(), core::MessageKind::text,
                                         &lane_.pool(), lane_.budget(), &retired);
    if (out == nullptr) return {};
    std::memcpy(out, text.data(), text.size());
    const core::FrameBuffer::Range range = buffer_.last();
    return {buffer_.chunk(), range.begin, range.end, 1, range.message_bytes};
}

void LanePart::wait_for_beat(core::MonotonicTime due,
                             const std::shared_ptr<ConnectedClient>& client) {
    beats_.push(due, client);
    arm(beats_, &LanePart::run_beats);
}

void LanePart::wait_for_authentication(core::MonotonicTime due,
                                       const std::shared_ptr<ConnectedClient>& client) {
    authentications_.push(due, client);
    arm(authentications_, &LanePart::run_authentication_timeouts);
}

void LanePart::arm(DueQueue& queue, void (LanePart::*step)()) {
    if (queue.is_armed || queue.is_empty()) return;
    queue.is_armed = true;
    lane_.post_at(queue.next_due(), [weak = weak_from_this(), step, &queue] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        queue.is_armed = false;
        (self.get()->*step)();
        self->arm(queue, step);
    });
}

void LanePart::run_beats() {
    const core::MonotonicTime time = now();
    while (!beats_.is_empty() && beats_.next_due() <= time) {
        const DueQueue::Entry entry = beats_.pop();
        const auto client = entry.client.lock();
        if (client == nullptr || !client->is_connected()) continue;
        if (!client->beat()) continue;
        // From one to the next, so that they do not drift; those missed are left out.
        const auto next = entry.due + server_.config.heartbeat.interval;
        beats_.push(next > time ? next : time + server_.config.heartbeat.interval, client);
    }
}

void LanePart::run_authentication_timeouts() {
    const core::MonotonicTime time = now();
    while (!authentications_.is_empty() && authentications_.next_due() <= time) {
        const auto client = authentications_.pop().client.lock();
        if (client != nullptr) client->time_out_authentication();
    }
}

void LanePart::after(std::chrono::milliseconds time, std::weak_ptr<ConnectedClient> client,
                     std::function<void(ConnectedClient&)> function) {
    lane_.post_at(now() + time, [client = std::move(client), function = std::move(function)] {
        const auto held = client.lock();
        if (held != nullptr && held->is_connected()) function(*held);
    });
}

}  // namespace pulse::mesa
