// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rooms_part.hpp"

#include "config/loader.hpp"
#include "relay_part.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pulse::server {

namespace {

rooms::RoomsLimits rooms_limits(const RoomsOptions& wanted) {
    rooms::RoomsLimits limits;
    limits.max_rooms = wanted.max_rooms;
    limits.max_connections_per_room = wanted.max_connections_per_room;
    limits.max_room_name_bytes = wanted.max_room_name_bytes;
    limits.max_session_id_bytes = wanted.max_session_id_bytes;
    limits.max_message_bytes = wanted.max_message_bytes;
    limits.max_properties_bytes = wanted.max_properties_bytes;
    limits.max_config_bytes = wanted.max_config_bytes;
    limits.max_polls = wanted.max_polls;
    limits.max_answers_per_poll = wanted.max_answers_per_poll;
    limits.max_stats_bytes = wanted.max_stats_bytes;
    limits.max_counters = wanted.max_counters;
    limits.max_name_bytes = wanted.max_name_bytes;
    limits.max_subscriptions = wanted.max_subscriptions;
    limits.max_relays = wanted.max_relays;
    limits.messages = {static_cast<double>(wanted.messages_per_second),
                       static_cast<double>(wanted.messages_burst)};
    return limits;
}

rooms::RoomsOptions rooms_options(const Config& config) {
    const RoomsOptions& wanted = config.rooms;
    rooms::RoomsOptions options;
    options.signing_key = wanted.signing_key;
    options.counter_form = wanted.counter_value == CounterValue::number ? rooms::CounterForm::number
                                                                        : rooms::CounterForm::text;
    options.has_single_use_keys = wanted.single_use_keys;
    options.any_origin = wanted.any_origin;
    options.channel_origins = config.transport.allowed_origins;
    options.token_timeout = config.auth.timeout;
    options.ping_interval = wanted.ping_interval;
    options.idle_time = wanted.idle_time;
    options.max_idle_rooms = wanted.max_idle_rooms;
    options.details = {{"latitude", wanted.latitude}, {"longitude", wanted.longitude}};
    for (const std::string& each : wanted.detail_headers) {
        const std::size_t equals = each.find('=');
        if (equals == std::string::npos) continue;
        options.detail_headers.emplace_back(each.substr(0, equals), each.substr(equals + 1));
    }
    options.trusted_proxies = wanted.trusted_proxies;
    options.address_header = wanted.address_header;
    options.limits = rooms_limits(wanted);
    return options;
}

}  // namespace

bool is_rooms_enabled(const Config& config) {
    return config.rooms.enabled.value_or(!config.auth.is_required());
}

tl::expected<std::shared_ptr<const rooms::Places>, std::string> load_places(
    const std::string& path) {
    if (path.empty()) return nullptr;
    auto text = read_file(path, rooms::Places::kMaxBytes);
    if (!text) {
        return tl::unexpected("rooms.places_file: " + path + ": " + text.error().message());
    }
    auto places = rooms::Places::parse(std::move(*text));
    if (places) return std::move(*places);
    const rooms::Places::Problem& problem = places.error();
    const std::string line = problem.line != 0 ? ":" + std::to_string(problem.line) : "";
    return tl::unexpected("rooms.places_file: " + path + line + ": " + problem.text);
}

RoomsPart::RoomsPart(const Config& wanted, core::Hub& hub, core::DocumentStore& store,
                     core::Authenticator& authenticator, core::Log& log)
    : options_(wanted.rooms),
      log_(log),
      rooms_(rooms_options(wanted), hub, store, &authenticator) {}

void RoomsPart::share(RelayPart& relay) {
    relay_ = &relay;
    dialect_ = &relay.share(rooms_);
}

core::Dialect& RoomsPart::dialect() noexcept {
    return dialect_ != nullptr ? *dialect_ : rooms_.dialect();
}

tl::expected<void, std::string> RoomsPart::read_places() {
    auto places = load_places(options_.places_file);
    if (!places) return tl::unexpected(places.error());
    rooms_.set_places(std::move(*places));
    return {};
}

void RoomsPart::apply(const Config& wanted) {
    options_ = wanted.rooms;
    rooms_.set_options(rooms_options(wanted));
    if (const auto read = read_places(); !read) {
        log_.write(core::LogLevel::error, "places_kept",
                   {{"reason", std::string_view(read.error())}});
    }
}

core::Metrics::Token RoomsPart::add_metrics(core::Metrics& metrics) {
    return rooms_.add_metrics(metrics);
}

bool RoomsPart::is_mounted(const ListenerOptions& listener) {
    return std::any_of(listener.mount.begin(), listener.mount.end(),
                       [this](const auto& each) { return each.second == rooms_.dialect().name(); });
}

std::vector<core::Route> RoomsPart::routes(const std::string& api_key, RoomsIndex index) {
    rooms::RoomRoutesOptions options;
    options.api_key = options_.api_key.empty() ? api_key : options_.api_key;
    std::vector<core::Route> routes = rooms::make_room_routes(rooms_, std::move(options));
    if (relay_ != nullptr) routes = relay_->wrap(rooms_, std::move(routes));
    std::vector<core::Route> pages = rooms_page_routes(embedded_rooms_pages(), index);
    std::move(pages.begin(), pages.end(), std::back_inserter(routes));
    return routes;
}

core::Route RoomsPart::not_found_route(const transport::HttpRouter& others) {
    core::Route route = rooms::make_room_fallback_route();
    route.handler = [others = std::make_shared<const transport::HttpRouter>(others),
                     not_found = std::move(route.handler)](const core::HttpRequest& request,
                                                           core::HttpResponder responder) {
        const auto found = others->find(request.method, request.path);
        if (found.match != transport::HttpRouter::Match::method_not_allowed) {
            return not_found(request, std::move(responder));
        }
        core::HttpResponse answer;
        answer.status = 405;
        answer.content_type.clear();
        answer.headers.emplace_back("allow", found.allow);
        responder.respond(std::move(answer));
    };
    return route;
}

void RoomsPart::drain(std::function<void()> done) { rooms_.drain(std::move(done)); }

}  // namespace pulse::server
