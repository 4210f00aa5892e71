// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rooms_part.hpp"

#include "config/loader.hpp"

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

}  // namespace

bool is_rooms_enabled(const Config& config) {
    return config.rooms.enabled.value_or(!config.auth.is_required());
}

rooms::RoomsOptions rooms_options(const RoomsOptions& wanted) {
    rooms::RoomsOptions options;
    options.signing_key = wanted.signing_key;
    options.counter_form = wanted.counter_value == CounterValue::number ? rooms::CounterForm::number
                                                                        : rooms::CounterForm::text;
    options.has_single_use_keys = wanted.single_use_keys;
    options.any_origin = wanted.any_origin;
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

}  // namespace pulse::server
