// SPDX-License-Identifier: MIT OR Apache-2.0
#include "web_frame.hpp"
#include "web_relay.hpp"

#include <mutex>
#include <unordered_map>

#include <pulse/roblox/web_clients.hpp>

namespace pulse::roblox {

void HubFanout::deliver(const WebMessage& message) {
    const std::string frame = encode_web_frame(message);
    core::PublicationView publication;
    publication.payload = protocol::as_bytes(frame);
    publication.timestamp_ms = message.sent_at_ms;
    const std::string all = web_channel(message.universe);
    publication.channel = all;
    // What is lost for want of memory the hub counts; readers find the gap in the numbers.
    (void)hub_.publish(publication, lane_);
    const std::string one = web_channel(message.universe, message.topic);
    if (one.empty()) return;
    publication.channel = one;
    (void)hub_.publish(publication, lane_);
}

struct WebClients::Counts {
    mutable std::mutex mutex;
    std::unordered_map<UniverseId, std::size_t> by_universe;
    std::size_t all = 0;
};

WebClients::WebClients(core::Hub& hub, AccessBook& access, WebClientOptions options)
    : hub_(hub),
      access_(access),
      options_(options),
      counts_(std::make_unique<Counts>()),
      relays_(std::make_unique<std::unique_ptr<WebRelay>[]>(core::Hub::kMaxLanes)) {}
WebClients::~WebClients() = default;

std::size_t WebClients::count(UniverseId universe) const {
    const std::lock_guard lock(counts_->mutex);
    const auto found = counts_->by_universe.find(universe);
    return found == counts_->by_universe.end() ? 0 : found->second;
}

std::size_t WebClients::count() const {
    const std::lock_guard lock(counts_->mutex);
    return counts_->all;
}

void WebClients::add(UniverseId universe) {
    const std::lock_guard lock(counts_->mutex);
    ++counts_->by_universe[universe];
    ++counts_->all;
}

void WebClients::remove(UniverseId universe) noexcept {
    const std::lock_guard lock(counts_->mutex);
    const auto found = counts_->by_universe.find(universe);
    if (found == counts_->by_universe.end()) return;
    if (--found->second == 0) counts_->by_universe.erase(found);
    --counts_->all;
}

WebRelay& WebClients::relay(core::Lane& lane) {
    std::unique_ptr<WebRelay>& slot = relays_[lane.index()];
    if (slot == nullptr) slot = std::make_unique<WebRelay>(hub_, lane, access_, options_);
    return *slot;
}

}  // namespace pulse::roblox
