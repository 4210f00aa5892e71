// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is not Open Cloud's publish: a game server's side of MessagingService, and introspect.
#include "characters.hpp"
#include "paths.hpp"
#include "publish.hpp"

#include <utility>

#include <nlohmann/json.hpp>

namespace pulse::mock {

EngineResult Cloud::engine_publish(UniverseId id, std::string_view job, std::string_view topic,
                                   std::string_view message) {
    const Time at = now();
    Publish asked;
    asked.id = id;
    asked.topic = topic;
    asked.message = message;
    asked.universe = find_universe(id);
    GameServer* server = asked.universe == nullptr ? nullptr : asked.universe->find(job);
    if (server == nullptr) return {404, "no such game server"};

    const auto try_to = [&]() -> EngineResult {
        if (!is_utf8(topic) || !is_utf8(message)) return {400, "not UTF-8"};
        if (check_sizes(Source::engine, asked)) return {400, "topic or message is too long"};
        const std::uint64_t limit = limits.sent + limits.sent_per_player * server->players;
        const std::uint64_t used = server->sent.used(at) + 1;
        if (used > limit && violated(Source::engine, Limit::server_sent, id, job, used, limit)) {
            return {429, "the game server sends too much"};
        }
        if (check_received(Source::engine, asked)) return {429, "too much is received"};
        server->sent.add(at, 1);
        records_.saw(Source::engine, Limit::server_sent, used, limit);
        deliver(Source::engine, asked);
        return {};
    };
    EngineResult result = try_to();

    ++records_.engine_publishes;
    LogEntry entry;
    entry.at = at;
    entry.api = "engine";
    entry.universe = id;
    entry.message_bytes = message.size();
    entry.status = result.status;
    entry.is_delivered = result.status == 200;
    if (entry.is_delivered) entry.receivers = asked.universe->receivers(asked.topic).size();
    if (result.error != "not UTF-8") {
        entry.topic = std::move(asked.topic);
        entry.message = std::move(asked.message);
    }
    records_.add(std::move(entry));
    return result;
}

EngineResult Cloud::engine_subscribe(UniverseId id, std::string_view job, std::string_view topic) {
    const Time at = now();
    Universe* universe = find_universe(id);
    GameServer* server = universe == nullptr ? nullptr : universe->find(job);
    if (server == nullptr) return {404, "no such game server"};
    if (!is_utf8(topic)) return {400, "not UTF-8"};
    const std::size_t name = count_characters(topic, Counting::chars);
    if ((name < 1 || name > limits.topic_characters) &&
        violated(Source::engine, Limit::topic_name, id, topic, name, limits.topic_characters)) {
        return {400, "the topic has 1 to 80 characters"};
    }
    const std::uint64_t requests = server->subscribe_requests.used(at) + 1;
    if (requests > limits.subscribe_requests &&
        violated(Source::engine, Limit::subscribe_requests, id, job, requests,
                 limits.subscribe_requests)) {
        return {429, "too many subscribe requests"};
    }
    server->subscribe_requests.add(at, 1);
    records_.saw(Source::engine, Limit::subscribe_requests, requests, limits.subscribe_requests);
    if (server->topics.contains(topic)) return {};
    const std::uint64_t limit =
        limits.subscriptions + limits.subscriptions_per_player * server->players;
    const std::uint64_t held = server->topics.size() + 1;
    if (held > limit && violated(Source::engine, Limit::subscriptions, id, job, held, limit)) {
        return {429, "too many subscriptions"};
    }
    if (held > GameServer::kMaxTopics) return {503, "too many subscriptions for the mock"};
    records_.saw(Source::engine, Limit::subscriptions, held, limit);
    universe->subscribe(*server, topic);
    return {};
}

EngineResult Cloud::engine_unsubscribe(UniverseId id, std::string_view job,
                                       std::string_view topic) {
    Universe* universe = find_universe(id);
    GameServer* server = universe == nullptr ? nullptr : universe->find(job);
    if (server == nullptr) return {404, "no such game server"};
    universe->unsubscribe(*server, topic);
    return {};
}

Reply Cloud::introspect(const HttpRequest& request) {
    using Json = nlohmann::ordered_json;
    ++records_.introspects;
    const Json body = Json::parse(request.body, nullptr, false);
    const auto type = request.header("content-type");
    const bool is_readable = type && is_json_type(*type, Api::introspect) && body.is_object() &&
                             body.contains("apiKey") && body["apiKey"].is_string() &&
                             body.size() == 1;
    if (!is_readable) {
        return {api_error(Api::introspect, limits.v1_errors, 400, "apiKey is required.")};
    }
    const ApiKey* key = keys_.find(body["apiKey"].get_ref<const std::string&>());
    if (key == nullptr) return {gateway_error(401, "Invalid API Key")};
    Json scopes = Json::array();
    for (const Scope& scope : key->scopes) {
        scopes.push_back({{"name", scope.name},
                          {"operations", scope.operations},
                          {"universeIds", scope.universes}});
    }
    Json answer{{"name", key->name},
                {"authorizedUserId", key->owner},
                {"scopes", scopes},
                {"enabled", key->is_enabled},
                {"expired", key->is_expired}};
    if (!key->expires_utc.empty()) answer["expirationTimeUtc"] = key->expires_utc;
    return {HttpResponse::json(200, answer.dump())};
}

}  // namespace pulse::mock
