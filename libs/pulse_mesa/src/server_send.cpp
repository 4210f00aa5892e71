// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who gets a message, and which way.
#include "server_impl.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include <pulse/protocol/utf8.hpp>

namespace pulse::mesa {

namespace {

/// How long a message to everybody may be on its way through the bus and back.
constexpr std::chrono::milliseconds kEchoTime{1'000};

bool contains(std::span<const Id> ids, const Id& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

DeliveryPtr make_delivery(const Message& message, const Recipients& recipients,
                          std::span<const Id> excluding, bool is_from_this_replica) {
    auto delivery = std::make_shared<Delivery>();
    delivery->message = message;
    // Neither goes to clients: positions belong to replays, options to stores.
    delivery->message.sequence.reset();
    delivery->text = to_json(delivery->message, Form::wire);
    delivery->recipients = recipients;
    delivery->excluding.assign(excluding.begin(), excluding.end());
    delivery->is_from_this_replica = is_from_this_replica;
    return delivery;
}

}  // namespace

void Server::Impl::send(const Message& message, const Recipients& recipients,
                        std::span<const Id> excluding) {
    if (is_closed) return;
    if (recipients.is_all()) return send_to_all(message, excluding);
    const auto& bus = config.bus;
    const bool is_mixed = bus && bus->has_strangers();
    std::vector<Id> here;
    std::vector<Id> elsewhere;  // only there
    std::vector<Id> others;     // there, too
    for (const Id& id : recipients.ids()) {
        if (contains(excluding, id)) continue;
        const LocalIds::Found found = ids.find(id);
        if (found.lanes != 0) here.push_back(id);
        if (found.lanes == 0) elsewhere.push_back(id);
        if (found.lanes != 0 && (found.is_elsewhere || is_mixed)) others.push_back(id);
    }
    if (!bus) {
        if (!here.empty()) deliver_here(make_delivery(message, here, {}, true));
        return;
    }
    const bool keeps = config.sync.is_enabled && !message.is(Opcode::internal_event);
    const bool knows_who_is_online = config.authentication.stores_connected_users;
    std::vector<Id> unknown = elsewhere;
    // Without the list of who is online everybody counts as offline.
    if (!knows_who_is_online) unknown.insert(unknown.end(), here.begin(), here.end());
    if (!here.empty()) deliver_here(make_delivery(message, here, {}, true));
    if (!keeps || unknown.empty()) {
        others.insert(others.end(), elsewhere.begin(), elsewhere.end());
        if (!others.empty()) publish(message, others, {}, true);
        return;
    }
    keep_and_publish(message, std::move(unknown), std::move(others));
}

void Server::Impl::send_to_all(const Message& message, std::span<const Id> excluding) {
    const auto& bus = config.bus;
    if (!bus) return deliver_here(make_delivery(message, Recipients::all(), excluding, true));
    if (!bus->is_up()) {
        // What is on its way was sent before.
        deliver_unechoed(echoes.take_all());
        deliver_here(make_delivery(message, Recipients::all(), excluding, true));
        return publish(message, Recipients::all(), excluding, true);
    }
    Echoes::Added added =
        echoes.add(make_delivery(message, Recipients::all(), excluding, false), hub.clock().now());
    deliver_unechoed(added.overflow);
    Message sent = message;
    sent.sequence.reset();
    sent.options.reset();
    bus->publish(
        kMessagesChannel,
        write_envelope(sent, Form::internal, Recipients::all(), excluding, replica, added.number),
        [weak = weak_from_this(), number = added.number](std::error_code error) {
            const auto self = weak.lock();
            if (self == nullptr || !error) return;
            // Nobody knows whether Redis has it. Here it is known.
            if (auto delivery = self->echoes.take(number)) {
                self->deliver_unechoed({std::move(delivery)});
            }
            self->raise(error);
        });
    // A bus without a way to go has brought it back by now.
    if (echoes.oldest()) watch_echoes();
}

void Server::Impl::deliver_unechoed(const std::vector<DeliveryPtr>& deliveries) {
    for (const DeliveryPtr& each : deliveries) {
        auto delivery = std::make_shared<Delivery>(*each);
        delivery->is_from_this_replica = true;
        deliver_here(delivery);
    }
}

/// Clients here wait for a bus that is slow, but not for long.
void Server::Impl::watch_echoes() {
    if (parts.empty() || is_watching_echoes.exchange(true)) return;
    // On a lane: the bus has no timers for others.
    const auto part = parts.front();
    part->post([weak = weak_from_this(), part] {
        if (const auto self = weak.lock()) self->wait_for_echoes(part);
    });
}

void Server::Impl::wait_for_echoes(const std::shared_ptr<LanePart>& part) {
    deliver_unechoed(echoes.take_until(part->now() - kEchoTime));
    const auto oldest = echoes.oldest();
    if (!oldest) {
        is_watching_echoes = false;
        // One that came in between found it watched.
        if (echoes.oldest()) watch_echoes();
        return;
    }
    part->lane().post_at(*oldest + kEchoTime, [weak = weak_from_this(), part] {
        if (const auto self = weak.lock()) self->wait_for_echoes(part);
    });
}

void Server::Impl::keep_and_publish(const Message& message, std::vector<Id> unknown,
                                    std::vector<Id> others) {
    std::vector<std::string> names;
    names.reserve(unknown.size());
    for (const Id& id : unknown) names.push_back(id.name());
    Message kept = message;
    kept.sequence.reset();
    std::string text = kept.is_sync_wanted() ? to_json(kept, Form::internal) : std::string();
    if (!text.empty()) {
        if (const auto error = check_keepable(text)) return raise(error);
    }
    config.bus->keep_for_offline(
        std::move(names), std::move(text),
        [weak = weak_from_this(), message = std::move(kept), unknown = std::move(unknown),
         others = std::move(others)](const core::Result<std::vector<Bus::OfflineName>>& found) {
            if (const auto self = weak.lock()) self->on_kept(message, unknown, others, found);
        });
}

void Server::Impl::on_kept(const Message& message, const std::vector<Id>& unknown,
                           std::vector<Id> others,
                           const core::Result<std::vector<Bus::OfflineName>>& found) {
    if (!found) return raise(found.error());
    std::vector<bool> is_offline(unknown.size(), false);
    std::vector<Id> offline;
    bool is_full = false;
    for (const Bus::OfflineName& each : *found) {
        if (each.index >= unknown.size()) continue;
        is_offline[each.index] = true;
        is_full = is_full || each.is_full;
        offline.push_back(unknown[each.index]);
    }
    if (!offline.empty()) {
        for_each_hook(nullptr, [&](Middleware& hook) {
            hook.on_undeliverable_message_sent(message, offline);
        });
    }
    if (is_full) raise(make_error_code(Error::store_full));
    const bool knows_who_is_online = config.authentication.stores_connected_users;
    std::vector<Id> came;
    for (std::size_t i = 0; i < unknown.size(); ++i) {
        const bool is_here = ids.find(unknown[i]).lanes != 0;
        if (knows_who_is_online) {
            if (is_offline[i]) continue;
            others.push_back(unknown[i]);
            // It was not here when the message was sent, and what comes back is not served here.
            if (is_here) came.push_back(unknown[i]);
        } else if (!is_here) {
            others.push_back(unknown[i]);
        }
    }
    if (!came.empty()) deliver_here(make_delivery(message, came, {}, true));
    if (!others.empty()) publish(message, others, {}, true);
}

void Server::Impl::publish(const Message& message, const Recipients& recipients,
                           std::span<const Id> excluding, bool is_served_here) {
    Message sent = message;
    sent.sequence.reset();
    // As the original's servers: options are a dispatcher's to publish.
    sent.options.reset();
    config.bus->publish(kMessagesChannel,
                        write_envelope(sent, Form::internal, recipients, excluding,
                                       is_served_here ? std::string_view(replica) : ""),
                        [weak = weak_from_this()](std::error_code error) {
                            const auto self = weak.lock();
                            if (self != nullptr && error) self->raise(error);
                        });
}

void Server::Impl::deliver_here(const DeliveryPtr& delivery) {
    std::uint64_t lanes = 0;
    for (const Id& id : delivery->recipients.ids()) lanes |= ids.find(id).lanes;
    for (const auto& part : parts) {
        const bool is_meant =
            delivery->recipients.is_all() || (lanes & (std::uint64_t{1} << part->index())) != 0;
        if (!is_meant) continue;
        const std::error_code lost = part->hand_over(delivery);
        if (!lost) continue;
        counters.deliveries_lost.fetch_add(1, std::memory_order_relaxed);
        raise(lost);
    }
}

void Server::Impl::on_bus_message(std::string_view channel, std::string_view text) {
    if (channel == kSharedChannel) return ids.mark_elsewhere(text);
    if (channel == kPoolChannel) return on_announcement(text);
    if (!protocol::is_valid_utf8(text)) return raise(make_error_code(Error::invalid_json));
    const auto envelope = read_envelope(text);
    if (!envelope) return raise(envelope.error());
    if (envelope->origin == replica) {
        if (auto delivery = echoes.take(envelope->number)) deliver_here(delivery);
        return;
    }
    Message message = envelope->message;
    message.options.reset();
    // An exclusion is for everybody; those who name ids leave some out themselves.
    deliver_here(make_delivery(message, envelope->recipients, envelope->excluding, false));
}

void Server::Impl::set_portals(const std::vector<std::string>& list) {
    for (const std::string& id : portals.ids()) {
        if (std::find(list.begin(), list.end(), id) == list.end() && portals.remove(id)) {
            for_each_hook(nullptr, [&](Middleware& hook) { hook.on_portal_leave(id); });
        }
    }
    for (const std::string& id : list) {
        if (!portals.add(id)) continue;
        for_each_hook(nullptr, [&](Middleware& hook) { hook.on_portal_join(id); });
    }
}

void Server::Impl::on_announcement(std::string_view text) {
    const auto announcement = read_announcement(text);
    if (!announcement) return raise(announcement.error());
    announcements.fetch_add(1, std::memory_order_relaxed);
    const std::string& id = announcement->id;
    if (announcement->is_ready) {
        if (!portals.add(id)) return;
        for_each_hook(nullptr, [&](Middleware& hook) { hook.on_portal_join(id); });
    } else if (portals.remove(id)) {
        for_each_hook(nullptr, [&](Middleware& hook) { hook.on_portal_leave(id); });
    }
}

void Server::Impl::tell_portals(PortalEvent event) {
    if (!config.portal.is_enabled || !config.bus) return;
    event.portal_id = config.portal.distributes_load ? portals.next() : portals.any(hub.rng());
    if (event.portal_id.empty()) return;
    config.bus->publish(kPortalChannel, write_portal_event(event),
                        [weak = weak_from_this()](std::error_code error) {
                            const auto self = weak.lock();
                            if (self != nullptr && error) self->raise(error);
                        });
}

}  // namespace pulse::mesa
