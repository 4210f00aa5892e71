// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relay_part.hpp"

#include "cluster_part.hpp"

#include <optional>
#include <string_view>
#include <utility>

#ifdef PULSE_WITH_CLUSTER
#include <pulse/cluster/relay.hpp>
#include <pulse/transport/framing.hpp>
#endif

namespace pulse::server {

#ifdef PULSE_WITH_CLUSTER

namespace {

/// Of all that servers own, which are rooms.
constexpr std::string_view kRooms = "rooms";
constexpr std::string_view kRoomPrefix = "rooms:";
constexpr std::string_view kUniverses = "roblox";

std::string key_of(const std::string& room) { return std::string(kRoomPrefix) + room; }
std::optional<std::string> key_of(std::optional<std::string> room) {
    if (room) room->insert(0, kRoomPrefix);
    return room;
}

}  // namespace

struct RelayPart::Impl {
    Impl(const cluster::RelayOptions& options, const cluster::RelayServices& services)
        : relay(options, services) {}

    cluster::Relay relay;
    std::unique_ptr<core::Dialect> rooms;
    std::unique_ptr<core::Dialect> bridge;
    std::function<std::optional<std::string>(const core::HttpRequest&)> universe_of;
    std::chrono::milliseconds universe_patience{};
};

std::unique_ptr<RelayPart> RelayPart::make(const Config& config, const ClusterPart* cluster,
                                           core::Hub& hub) {
    if (cluster == nullptr || cluster->ownership() == nullptr) return {};
    cluster::RelayOptions options;
    options.framing = &transport::websocket_framing();
    options.patience = config.cluster.patience;
    options.node_timeout = config.cluster.node_timeout;
    if (config.rooms.max_rooms != 0) {
        options.max_keys = std::size_t{config.rooms.max_rooms} + config.roblox.max_universes;
    }
    return std::unique_ptr<RelayPart>(new RelayPart(std::make_unique<Impl>(
        options,
        cluster::RelayServices{*cluster->io(), hub, *cluster->ownership(), *cluster->mail()})));
}

core::Dialect& RelayPart::share(rooms::Rooms& rooms) {
    cluster::Relay* const relay = &impl_->relay;
    rooms.share(
        {.on_lost = [relay](const std::string& room) { relay->drop(key_of(room)); },
         .term_of = [relay](const std::string& room) { return relay->term_of(key_of(room)); }});
    cluster::RelayKeys keys;
    keys.space = kRooms;
    keys.resumes_itself = true;
    keys.key_of = [&rooms](const core::OpenRequest& request) {
        return key_of(rooms.room_of(request));
    };
    keys.query_for_owner = [&rooms](const core::OpenRequest& request) {
        return rooms.query_of(request);
    };
    keys.headers_for_owner = [&rooms] { return rooms.headers_read(); };
    keys.release = [&rooms](const std::string& key, std::function<void()> done) {
        rooms.release(std::string_view(key).substr(kRoomPrefix.size()), std::move(done));
    };
    impl_->rooms = impl_->relay.wrap(rooms.dialect(), std::move(keys));
    return *impl_->rooms;
}

std::vector<core::Route> RelayPart::wrap(rooms::Rooms& rooms, std::vector<core::Route> routes) {
    return impl_->relay.wrap(kRooms, std::move(routes), [&rooms](const core::HttpRequest& request) {
        return key_of(rooms.room_of(request));
    });
}

core::Dialect& RelayPart::share(Universes universes) {
    impl_->universe_of = std::move(universes.key_of_request);
    impl_->universe_patience = universes.patience;
    cluster::RelayKeys keys;
    keys.space = kUniverses;
    keys.key_of = std::move(universes.key_of_client);
    keys.headers_for_owner = [] {
        return std::vector<std::string>{"authorization", "host", "origin",
                                        "sec-websocket-protocol"};
    };
    impl_->bridge = impl_->relay.wrap(universes.dialect, std::move(keys));
    return *impl_->bridge;
}

std::vector<core::Route> RelayPart::wrap_universes(std::vector<core::Route> routes) {
    return impl_->relay.wrap(kUniverses, std::move(routes), impl_->universe_of,
                             impl_->universe_patience);
}

core::Metrics::Token RelayPart::add_metrics(core::Metrics& metrics) const {
    return impl_->relay.add_metrics(metrics);
}

void RelayPart::drain() { impl_->relay.drain(); }

void RelayPart::give_back(std::function<void()> done) { impl_->relay.give_back(std::move(done)); }

#else

struct RelayPart::Impl {};

std::unique_ptr<RelayPart> RelayPart::make(const Config&, const ClusterPart*, core::Hub&) {
    return {};
}
core::Dialect& RelayPart::share(rooms::Rooms& rooms) { return rooms.dialect(); }
std::vector<core::Route> RelayPart::wrap(rooms::Rooms&, std::vector<core::Route> routes) {
    return routes;
}
core::Dialect& RelayPart::share(Universes universes) { return universes.dialect; }
std::vector<core::Route> RelayPart::wrap_universes(std::vector<core::Route> routes) {
    return routes;
}
core::Metrics::Token RelayPart::add_metrics(core::Metrics&) const { return {}; }
void RelayPart::drain() {}
void RelayPart::give_back(std::function<void()> done) { done(); }

#endif

RelayPart::RelayPart(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RelayPart::~RelayPart() = default;

}  // namespace pulse::server
