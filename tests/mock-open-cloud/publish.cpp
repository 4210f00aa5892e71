// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A publish through Open Cloud, check by check, in the order: gateway (route, key, requests per
// minute), permission, form, sizes, what game servers may receive, and last what the script says.
#include "publish.hpp"

#include "characters.hpp"
#include "paths.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace pulse::mock {

namespace {

using Json = nlohmann::json;

std::uint64_t seconds_until(Time now, Time then) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(then - now).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(left, 1));
}

/// The window of that key. Bounded: those that were silent for a minute are forgotten, and when
/// there are too many that were not, the rest share one.
template <typename Windows, typename Key>
SlidingWindow& window_of(Windows& windows, const Key& key, Time now) {
    constexpr std::size_t kMost = 4'096;
    if (const auto found = windows.find(key); found != windows.end()) return found->second;
    if (windows.size() >= kMost) {
        std::erase_if(windows,
                      [now](const auto& entry) { return entry.second.clear_at(now) <= now; });
    }
    return windows.size() >= kMost ? windows.begin()->second
                                   : windows[typename Windows::key_type(key)];
}

std::string_view name_of(Api api) { return api == Api::v1 ? "v1" : "v2"; }

}  // namespace

Reply Cloud::handle(const HttpRequest& request, std::string_view address) {
    const Target target = parse_target(request.path);
    if (target.api == Api::none) return {gateway_error(404, "Not Found")};
    if (request.method != "POST") {
        Reply reply{gateway_error(405, "Method Not Allowed")};
        reply.response.headers.emplace_back("allow", "POST");
        return reply;
    }
    if (target.api == Api::introspect) return introspect(request);

    Publish asked;
    asked.api = target.api;
    asked.universe_text = target.universe;
    asked.topic = target.topic;
    asked.is_path_readable = target.is_readable;
    const std::uint64_t serial = next_message_;
    Reply reply = publish(request, address, asked);
    add_rate_headers(asked, reply.response);

    LogEntry entry;
    entry.at = now();
    entry.api = name_of(asked.api);
    entry.universe = asked.id;
    entry.message_bytes = asked.message.size();
    entry.is_delivered = next_message_ != serial;
    if (entry.is_delivered) entry.receivers = asked.universe->receivers(asked.topic).size();
    entry.topic = std::move(asked.topic);
    entry.message = std::move(asked.message);
    entry.is_scripted = asked.is_scripted;
    entry.status = reply.manner == Reply::Manner::reset ? 0 : reply.response.status;
    ++records_.publishes_by_status[entry.status];
    records_.add(std::move(entry));
    return reply;
}

Reply Cloud::publish(const HttpRequest& request, std::string_view address, Publish& asked) {
    if (auto refusal = check_key(request, asked)) return *refusal;
    if (auto refusal = check_request_rate(address, asked)) return *refusal;
    if (auto refusal = check_permission(asked)) return *refusal;
    if (auto refusal = check_content(request, asked)) return *refusal;
    if (auto refusal = read_body(request, asked)) return *refusal;
    if (auto refusal = check_sizes(Source::cloud, asked)) return *refusal;
    if (auto refusal = check_received(Source::cloud, asked)) return *refusal;

    const Fault fault = next_fault(*asked.universe);
    asked.is_scripted = fault.kind != Fault::Kind::none;
    if (fault.is_delivered()) deliver(Source::cloud, asked);
    if (asked.is_scripted) return faulty(asked, fault);
    HttpResponse done;
    done.content_type.clear();
    return {std::move(done)};
}

Cloud::Refusal Cloud::check_key(const HttpRequest& request, Publish& asked) {
    const auto sent = request.header("x-api-key");
    const ApiKey* key = sent ? keys_.find(*sent) : nullptr;
    if (key == nullptr || !key->is_usable()) return Reply{gateway_error(401, "Invalid API Key")};
    asked.key = key;
    return std::nullopt;
}

Cloud::Refusal Cloud::check_request_rate(std::string_view address, Publish& asked) {
    const Time at = now();
    SlidingWindow& owner = window_of(owners_, asked.key->owner, at);
    const std::uint64_t used = owner.used(at) + 1;
    if (used > limits.requests_per_owner &&
        violated(Source::cloud, Limit::owner_requests, 0, std::to_string(asked.key->owner), used,
                 limits.requests_per_owner)) {
        return exhausted(asked, owner.fits_at(at, 1, limits.requests_per_owner));
    }
    if (asked.api == Api::v1) {
        SlidingWindow& requests = window_of(addresses_, address, at);
        const std::uint64_t from = requests.used(at) + 1;
        if (from > limits.requests_per_address &&
            violated(Source::cloud, Limit::address_requests, 0, address, from,
                     limits.requests_per_address)) {
            return exhausted(asked, requests.fits_at(at, 1, limits.requests_per_address));
        }
        requests.add(at, 1);
        records_.saw(Source::cloud, Limit::address_requests, from, limits.requests_per_address);
    }
    owner.add(at, 1);
    records_.saw(Source::cloud, Limit::owner_requests, used, limits.requests_per_owner);
    return std::nullopt;
}

Cloud::Refusal Cloud::check_permission(Publish& asked) {
    const auto id = parse_universe(asked.universe_text);
    if (!id || !asked.is_path_readable) return refuse(asked, 400, "The request path is invalid.");
    asked.id = *id;
    switch (may_publish(*asked.key, *id)) {
        case Permission::no_scope:
            return refuse(asked, 403,
                          "The API key lacks the scope universe-messaging-service:publish.",
                          asked.api == Api::v1 ? "INSUFFICIENT_SCOPE" : "PERMISSION_DENIED");
        case Permission::no_universe:
            return refuse(asked, 403, "The API key has no access to this universe.");
        case Permission::granted:
            break;
    }
    asked.universe = find_universe(*id);
    if (asked.universe == nullptr) return refuse(asked, 404, "The universe was not found.");
    if (!asked.universe->is_publishing_allowed) {
        return refuse(asked, 403, "Publishing is not allowed on this experience.");
    }
    return std::nullopt;
}

Cloud::Refusal Cloud::check_content(const HttpRequest& request, const Publish& asked) {
    const auto type = request.header("content-type");
    if (!type || !is_json_type(*type, asked.api)) {
        return refuse(asked, 400, "The content type is not supported.");
    }
    if (asked.api == Api::v2 && !request.header("content-length")) {
        return refuse(asked, 400, "Content-Length is required.");
    }
    return std::nullopt;
}

Cloud::Refusal Cloud::read_body(const HttpRequest& request, Publish& asked) {
    const auto invalid = [&](std::string_view field, std::string_view why) {
        if (asked.api == Api::v1) return Reply{validation_error(field, why, records_.next_log)};
        return refuse(asked, 400, std::string(field) + ": " + std::string(why));
    };
    const Json body = Json::parse(request.body, nullptr, false);
    if (!body.is_object()) return invalid("$", "The body is not a JSON object.");
    for (const auto& [name, value] : body.items()) {
        const bool is_topic = name == "topic" && asked.api == Api::v2;
        if (name != "message" && !is_topic) return invalid(name, "Unknown property.");
        if (!value.is_string()) return invalid(name, "The value is not a string.");
        (is_topic ? asked.topic : asked.message) = value.get<std::string>();
    }
    if (!body.contains("message")) return invalid("message", "The field is required.");
    if (asked.api == Api::v2 && !body.contains("topic")) {
        return invalid("topic", "The field is required.");
    }
    return std::nullopt;
}

Cloud::Refusal Cloud::check_sizes(Source source, const Publish& asked) {
    const std::size_t name = count_characters(asked.topic, Counting::chars);
    if (name < 1 || name > limits.topic_characters) {
        if (violated(source, Limit::topic_name, asked.id, asked.topic, name,
                     limits.topic_characters) ||
            name < 1) {
            return refuse(asked, 400, "The topic has 1 to 80 characters.");
        }
    }
    const std::size_t size = count_characters(asked.message, limits.counting);
    if (size > limits.message_characters &&
        violated(source, Limit::message_size, asked.id, asked.topic, size,
                 limits.message_characters)) {
        return refuse(asked, 400, "The message is longer than 1024 characters.");
    }
    records_.saw(source, Limit::topic_name, name, limits.topic_characters);
    records_.saw(source, Limit::message_size, size, limits.message_characters);
    return std::nullopt;
}

std::optional<Cloud::Received> Cloud::received(const Publish& asked) {
    const Time at = now();
    Received result;
    result.topic = asked.universe->topic_window(at, asked.topic);
    if (result.topic == nullptr) return std::nullopt;
    result.cost = limits.received == mock::Received::publishes
                      ? 1
                      : asked.universe->receivers(asked.topic).size();
    const ServerHistory& servers = asked.universe->history;
    result.topic_limit = servers.limit(at, limits.server_count, limits.topic_received,
                                       limits.topic_received_per_server);
    result.universe_limit = servers.limit(at, limits.server_count, limits.universe_received,
                                          limits.universe_received_per_server);
    return result;
}

Cloud::Refusal Cloud::check_received(Source source, const Publish& asked) {
    const Time at = now();
    const auto room = received(asked);
    if (!room) return refuse(asked, 503, "Too many topics.");
    const std::uint64_t on_topic = room->topic->used(at) + room->cost;
    if (on_topic > room->topic_limit && violated(source, Limit::topic_received, asked.id,
                                                 asked.topic, on_topic, room->topic_limit)) {
        return exhausted(asked, room->topic->fits_at(at, room->cost, room->topic_limit));
    }
    SlidingWindow& window = asked.universe->received;
    const std::uint64_t in_all = window.used(at) + room->cost;
    if (in_all > room->universe_limit && violated(source, Limit::universe_received, asked.id,
                                                  asked.topic, in_all, room->universe_limit)) {
        return exhausted(asked, window.fits_at(at, room->cost, room->universe_limit));
    }
    return std::nullopt;
}

void Cloud::deliver(Source source, const Publish& asked) {
    const Time at = now();
    if (const auto room = received(asked)) {
        room->topic->add(at, room->cost);
        asked.universe->received.add(at, room->cost);
        records_.saw(source, Limit::topic_received, room->topic->used(at), room->topic_limit);
        records_.saw(source, Limit::universe_received, asked.universe->received.used(at),
                     room->universe_limit);
    }
    auto message = std::make_shared<Message>();
    message->number = next_message_++;
    message->topic = asked.topic;
    message->data = asked.message;
    message->sent = at;
    network_.send(at, *asked.universe, message);
}

Reply Cloud::refuse(const Publish& asked, int status, std::string_view message,
                    std::string_view code) const {
    return {api_error(asked.api, limits.v1_errors, status, message, code)};
}

Reply Cloud::exhausted(const Publish& asked, Time fits_at) const {
    Reply reply = refuse(asked, 429, "Too many requests.");
    if (limits.has_retry_after) {
        reply.response.headers.emplace_back("retry-after",
                                            std::to_string(seconds_until(now(), fits_at)));
    }
    return reply;
}

Reply Cloud::faulty(const Publish& asked, const Fault& fault) const {
    using Kind = Fault::Kind;
    Reply reply;
    reply.response.content_type.clear();
    switch (fault.kind) {
        case Kind::none:
            break;
        case Kind::status:
            reply = fault.status == 401 ? Reply{gateway_error(401, "Invalid API Key")}
                                        : refuse(asked, fault.status, "As the script says.");
            if (fault.retry_after) {
                reply.response.headers.emplace_back("retry-after",
                                                    std::to_string(*fault.retry_after));
            }
            break;
        case Kind::slow:
            reply.delay = fault.delay;
            break;
        case Kind::reset:
        case Kind::lost:
            reply.manner = Reply::Manner::reset;
            break;
        case Kind::truncated:
            reply.manner = Reply::Manner::truncated;
            reply.response = HttpResponse::json(200, R"({"note":"this answer ends too soon"})");
            break;
        case Kind::html:
            reply.response = html_error(fault.status);
            break;
    }
    return reply;
}

void Cloud::add_rate_headers(const Publish& asked, HttpResponse& response) {
    if (asked.api != Api::v2 || asked.key == nullptr) return;
    const Time at = now();
    SlidingWindow& owner = window_of(owners_, asked.key->owner, at);
    const std::uint64_t limit = limits.requests_per_owner;
    const std::uint64_t used = owner.used(at);
    const std::string text = std::to_string(limit);
    response.headers.emplace_back("x-ratelimit-limit", text + ", " + text + ";w=60");
    response.headers.emplace_back("x-ratelimit-remaining",
                                  std::to_string(used < limit ? limit - used : 0));
    // When all of what was used has left the window again.
    response.headers.emplace_back(
        "x-ratelimit-reset", std::to_string(used == 0 ? 0 : seconds_until(at, owner.clear_at(at))));
}

}  // namespace pulse::mock
