// SPDX-License-Identifier: MIT OR Apache-2.0
#include "envelope.hpp"

#include <algorithm>
#include <utility>

#include <pulse/mesa/dispatcher.hpp>
#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

Dispatcher::Dispatcher(std::shared_ptr<Bus> bus, DispatcherOptions options)
    : bus_(std::move(bus)), options_(options) {}

void Dispatcher::dispatch(Message message, const Recipients& recipients,
                          std::span<const Id> excluding, Done done) {
    if (!done) done = [](std::error_code) {};
    message.sequence.reset();
    if (recipients.is_all()) {
        return bus_->publish(kMessagesChannel,
                             write_envelope(message, Form::internal, recipients, excluding, {}),
                             std::move(done));
    }
    std::vector<Id> ids = recipients.ids();
    std::erase_if(ids, [&](const Id& id) {
        return std::find(excluding.begin(), excluding.end(), id) != excluding.end();
    });
    if (!options_.is_sync_enabled || ids.empty() || message.is(Opcode::internal_event)) {
        // Also to nobody, as the original does.
        return bus_->publish(kMessagesChannel, write_envelope(message, Form::internal, ids, {}, {}),
                             std::move(done));
    }
    std::vector<std::string> names;
    names.reserve(ids.size());
    for (const Id& id : ids) names.push_back(id.name());
    std::string kept = message.is_sync_wanted() ? to_json(message, Form::internal) : std::string();
    if (!kept.empty()) {
        if (const auto error = check_keepable(kept)) return done(error);
    }
    bus_->keep_for_offline(
        std::move(names), std::move(kept),
        [bus = bus_, message = std::move(message), ids = std::move(ids),
         done = std::move(done)](const core::Result<std::vector<Bus::OfflineName>>& offline) {
            if (!offline) return done(offline.error());
            std::vector<bool> is_offline(ids.size(), false);
            bool is_full = false;
            for (const Bus::OfflineName& each : *offline) {
                if (each.index < ids.size()) is_offline[each.index] = true;
                is_full = is_full || each.is_full;
            }
            std::vector<Id> online;
            for (std::size_t i = 0; i < ids.size(); ++i) {
                if (!is_offline[i]) online.push_back(ids[i]);
            }
            bus->publish(kMessagesChannel, write_envelope(message, Form::internal, online, {}, {}),
                         [done, is_full](std::error_code error) {
                             if (!error && is_full) error = make_error_code(Error::store_full);
                             done(error);
                         });
        });
}

}  // namespace pulse::mesa
