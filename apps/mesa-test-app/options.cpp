// SPDX-License-Identifier: MIT OR Apache-2.0
#include "options.hpp"

#include <stdexcept>
#include <utility>

namespace pulse::mesa_test {

namespace {

const Json& section(const Json& options, std::string_view name) {
    static const Json none = Json::object();
    const auto found = options.find(name);
    return found != options.end() && found->is_object() ? *found : none;
}

template <typename T>
void read(const Json& from, std::string_view name, T& out) {
    const auto found = from.find(name);
    if (found != from.end() && !found->is_null()) out = found->get<T>();
}

void read_ms(const Json& from, std::string_view name, std::chrono::milliseconds& out) {
    const auto found = from.find(name);
    if (found != from.end() && found->is_number()) {
        out = std::chrono::milliseconds(found->get<std::int64_t>());
    }
}

mesa::RedisOptions read_address(const Json& redis) {
    mesa::RedisOptions options;
    if (redis.is_string()) {
        std::string url = redis.get<std::string>();
        if (url.find("://") == std::string::npos) url = "redis://" + url;
        const auto location = redis::parse_master_location(url);
        if (!location) throw std::runtime_error("redis: " + location.error().message());
        options.location = *location;
        return options;
    }
    if (!redis.is_object()) throw std::runtime_error("redis: neither an address nor options");
    redis::Address& address = options.location.hosts.front();
    read(redis, "host", address.host);
    read(redis, "port", address.port);
    read(redis, "username", address.username);
    read(redis, "password", address.password);
    read(redis, "db", address.database);
    read_ms(redis, "commandTimeout", options.answer_timeout);
    return options;
}

}  // namespace

AppOptions read_app_options(const Json& app) {
    AppOptions options;
    read(app, "auth", options.has_authentication);
    read(app, "middleware", options.has_middleware);
    return options;
}

bool read_switch(const Json& options, std::string_view name) {
    bool is_on = false;
    read(section(options, name), "enabled", is_on);
    return is_on;
}

std::optional<mesa::RedisOptions> read_redis(const Json& options, const Json& app) {
    Json redis;
    read(app, "redis", redis);
    read(options, "redis", redis);
    if (redis.is_null()) return std::nullopt;
    // Both at once: an address, then options.
    if (redis.is_array()) redis = redis.empty() ? Json("redis://127.0.0.1") : redis.front();
    mesa::RedisOptions result = read_address(redis);
    read(options, "namespace", result.name_space);
    return result;
}

ServerOptions read_server_options(const Json& options) {
    ServerOptions result;
    mesa::ServerConfig& config = result.config;
    read(options, "port", result.port);
    read(options, "gracefullyExit", result.exits_gracefully);
    if (options.contains("path") && options["path"].is_string()) {
        config.path = options["path"].get<std::string>();
    }
    const Json& client = section(options, "client");
    read(client, "enforceEqualVersions", config.versions.is_enforced);
    read(client, "versions", config.versions.accepted);
    read(section(options, "options"), "storeMessages", config.stores_messages);

    const Json& sync = section(options, "sync");
    config.sync.is_enabled = read_switch(options, "sync");
    read_ms(sync, "redeliveryInterval", config.sync.redelivery_interval);
    const Json& portal = section(options, "portal");
    config.portal.is_enabled = read_switch(options, "portal");
    read(portal, "distributeLoad", config.portal.distributes_load);
    const Json& heartbeat = section(options, "heartbeat");
    config.heartbeat.is_enabled = read_switch(options, "heartbeat");
    read_ms(heartbeat, "interval", config.heartbeat.interval);
    read(heartbeat, "maxAttempts", config.heartbeat.max_attempts);
    const Json& reconnect = section(options, "reconnect");
    config.reconnect.is_enabled = read_switch(options, "reconnect");
    read_ms(reconnect, "interval", config.reconnect.interval);
    const Json& authentication = section(options, "authentication");
    read_ms(authentication, "timeout", config.authentication.timeout);
    read(authentication, "required", config.authentication.is_required);
    read(authentication, "sendUserObject", config.authentication.sends_user_object);
    read(authentication, "disconnectOnFail", config.authentication.disconnects_on_failure);
    read(authentication, "storeConnectedUsers", config.authentication.stores_connected_users);
    return result;
}

mesa::Message read_message(const Json& message) {
    mesa::Message result;
    if (message.contains("op")) result.opcode = message["op"].get<std::int64_t>();
    if (message.contains("d")) result.data = message["d"].dump();
    if (message.contains("t") && message["t"].is_string()) {
        result.type = message["t"].get<std::string>();
    }
    if (message.contains("o") && message["o"].is_object()) {
        result.options.emplace();
        read(message["o"], "sync", result.options->sync);
    }
    return result;
}

std::vector<mesa::Id> read_ids(const Json& command, std::string_view key) {
    std::vector<mesa::Id> ids;
    const auto found = command.find(key);
    if (found == command.end()) return ids;
    const auto add = [&ids](const Json& id) {
        if (auto read = mesa::Id::from_json(id.dump())) ids.push_back(std::move(*read));
    };
    if (!found->is_array()) {
        add(*found);
    } else {
        for (const Json& id : *found) add(id);
    }
    return ids;
}

mesa::Recipients read_recipients(const Json& command) {
    const auto found = command.find("to");
    if (found == command.end() || found->is_null()) return mesa::Recipients::all();
    return {read_ids(command, "to")};
}

void put_message(Json& out, const mesa::Message& message) {
    if (message.opcode) out["op"] = *message.opcode;
    if (!message.odd_opcode.empty()) out["op"] = parse(message.odd_opcode);
    if (!message.data.empty()) out["d"] = parse(message.data);
    if (message.type) out["t"] = *message.type;
    if (!message.odd_type.empty()) out["t"] = parse(message.odd_type);
}

}  // namespace pulse::mesa_test
