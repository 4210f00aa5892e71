// SPDX-License-Identifier: MIT OR Apache-2.0
#include "mesa_part.hpp"

#include "jwt_verifier.hpp"
#include "webhook_breaker.hpp"

#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include <pulse/core/json.hpp>
#include <pulse/mesa/redis.hpp>
#include <pulse/mesa/server.hpp>
#include <pulse/protocol/utf8.hpp>
#include <pulse/roblox/http_client.hpp>

namespace pulse::server {

namespace json = core::json;

namespace {

constexpr int kOk = 200;
constexpr int kTooManyRequests = 429;
constexpr int kFirstServerError = 500;
/// To the webhook at a time: one that takes long holds up fewer of those who come.
constexpr long kWebhookConnections = 64;
constexpr std::size_t kMaxKeyFileBytes = std::size_t{64} * 1024;

json::Value member(json::Value object, std::string_view name) {
    json::Value found;
    if (!object.is(json::Type::object)) return found;
    json::Members members(object);
    while (const auto each = members.next()) {
        if (json::is_key(each->key, name)) found = each->value;
    }
    return found;
}

mesa::ServerConfig server_config(const Config& config) {
    const MesaOptions& wanted = config.mesa;
    const bool authenticates = wanted.authentication != MesaAuthentication::none;
    mesa::ServerConfig result;
    result.heartbeat = {wanted.heartbeat, wanted.heartbeat_interval, wanted.heartbeat_max_attempts};
    result.reconnect = {wanted.reconnect, wanted.reconnect_interval};
    result.authentication.timeout = wanted.authentication_timeout;
    result.authentication.is_required = wanted.authentication_required.value_or(authenticates);
    result.authentication.sends_user_object = wanted.send_user_object;
    result.authentication.disconnects_on_failure = wanted.disconnect_on_fail;
    result.authentication.stores_connected_users = wanted.store_connected_users;
    result.sync = {wanted.sync, wanted.redelivery_interval};
    result.portal.is_enabled = wanted.portal;
    result.portal.distributes_load = wanted.distribute_load;
    result.versions.is_enforced = wanted.enforce_equal_versions;
    result.versions.accepted = wanted.versions;
    result.limits.max_message_bytes = wanted.max_message_bytes;
    result.limits.messages = {static_cast<double>(wanted.messages_per_second),
                              static_cast<double>(wanted.messages_burst)};
    return result;
}

tl::expected<std::string, std::string> read_key_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file || text.empty() || text.size() > kMaxKeyFileBytes) {
        return tl::unexpected("mesa.jwt_public_key_file: cannot read " + path);
    }
    return text;
}

}  // namespace

struct MesaPart::State {
    explicit State(const MesaPartSources& sources_)
        : sources(sources_), options(sources_.config.mesa) {}

    [[nodiscard]] tl::expected<void, std::string> make_jwt();
    void make_webhook();
    void greet(const mesa::ClientPtr& client);
    [[nodiscard]] std::optional<mesa::AuthResult> judge_token(std::string_view data) const;
    void ask(std::string_view data, mesa::AuthDone done);
    void send(roblox::CloudRequest request, mesa::AuthDone done);
    void take_answer(const roblox::HttpResult& answer, mesa::AuthDone& done);

    const MesaPartSources sources;
    const MesaOptions options;
    std::shared_ptr<const JwtVerifier> jwt;
    std::shared_ptr<mesa::Bus> bus;
    /// Behind the bus and the webhook's client, whose answers end up in it.
    std::unique_ptr<mesa::Server> server;
    std::unique_ptr<roblox::HttpClient> webhook;
    WebhookBreaker breaker;
};

bool is_mesa_enabled(const Config& config) {
    const bool authenticates = config.mesa.authentication != MesaAuthentication::none;
    return config.mesa.enabled.value_or(authenticates || !config.auth.is_required());
}

tl::expected<void, std::string> MesaPart::State::make_jwt() {
    JwtRules rules;
    rules.secret = options.jwt_secret;
    if (!options.jwt_public_key_file.empty()) {
        auto pem = read_key_file(options.jwt_public_key_file);
        if (!pem) return tl::unexpected(pem.error());
        rules.public_key_pem = std::move(*pem);
    }
    rules.issuer = options.jwt_issuer;
    rules.audience = options.jwt_audience;
    rules.requires_expiry = options.jwt_requires_expiry;
    auto made = JwtVerifier::make(std::move(rules));
    if (!made) return tl::unexpected("mesa.authentication = \"jwt\": " + made.error());
    jwt = std::move(*made);
    return {};
}

void MesaPart::State::greet(const mesa::ClientPtr& client) {
    if (options.authentication == MesaAuthentication::jwt) {
        client->authenticate([this](std::string_view data, mesa::AuthDone done) {
            auto result = judge_token(data);
            if (result) return done(std::move(*result));
            done.fail();
        });
    } else if (options.authentication == MesaAuthentication::webhook) {
        client->authenticate(
            [this](std::string_view data, mesa::AuthDone done) { ask(data, std::move(done)); });
    }
}

/// The id is the token's subject, the user its claims.
std::optional<mesa::AuthResult> MesaPart::State::judge_token(std::string_view data) const {
    const json::Value token = member(json::Value{data}, "token");
    if (!token.is(json::Type::text)) return std::nullopt;
    const auto now = static_cast<std::int64_t>(sources.clock.unix_ms() / 1000);
    auto claims = jwt->verify(token.text(), now);
    if (!claims) return std::nullopt;
    const json::Parsed parsed = json::parse(*claims);
    auto id = mesa::Id::from_json(member(parsed.value, "sub").raw);
    if (!id) return std::nullopt;
    return mesa::AuthResult{std::move(*id), std::move(*claims)};
}

void MesaPart::State::ask(std::string_view data, mesa::AuthDone done) {
    roblox::CloudRequest request;
    request.method = "POST";
    request.url = options.webhook_url;
    request.headers.emplace_back("content-type", "application/json");
    if (!options.webhook_key.empty()) {
        request.headers.emplace_back("authorization", "Bearer " + options.webhook_key);
    }
    request.body = data.empty() ? std::string("{}") : std::string(data);
    // The HTTP client belongs to one loop, clients to several.
    auto shared = std::make_shared<mesa::AuthDone>(std::move(done));
    sources.loop.lane().post([this, shared, request = std::move(request)]() mutable {
        send(std::move(request), std::move(*shared));
    });
}

void MesaPart::State::send(roblox::CloudRequest request, mesa::AuthDone done) {
    if (webhook == nullptr) return;
    if (!breaker.lets_through(sources.clock.now())) {
        return done.fail(make_error_code(mesa::Error::authentication_unavailable));
    }
    auto shared = std::make_shared<mesa::AuthDone>(std::move(done));
    webhook->send(std::move(request), [this, shared](const roblox::HttpResult& answer) {
        take_answer(answer, *shared);
    });
}

void MesaPart::State::take_answer(const roblox::HttpResult& answer, mesa::AuthDone& done) {
    const int status = answer.response.status;
    const std::string_view why = answer.failure;
    if (status != 0) {
        if (breaker.answered()) sources.log.write(core::LogLevel::info, "mesa_webhook_up");
    } else if (breaker.unanswered(sources.clock.now())) {
        sources.log.write(core::LogLevel::warn, "mesa_webhook_down", {{"reason", why}});
    }
    if (status == 0 || status == kTooManyRequests || status >= kFirstServerError) {
        return done.fail(make_error_code(mesa::Error::authentication_unavailable));
    }
    const json::Parsed parsed = json::parse(answer.response.body);
    if (status != kOk || !parsed || !protocol::is_valid_utf8(answer.response.body)) {
        return done.fail();
    }
    mesa::AuthResult result;
    result.id = mesa::Id::from_json(member(parsed.value, "id").raw);
    result.user = std::string(member(parsed.value, "user").raw);
    if (!result.id) return done.fail();
    done(std::move(result));
}

tl::expected<std::unique_ptr<MesaPart>, std::string> MesaPart::make(
    const MesaPartSources& sources) {
    auto state = std::make_unique<State>(sources);
    const MesaOptions& options = state->options;
    mesa::ServerConfig config = server_config(sources.config);
    if (!options.redis_url.empty()) {
        const auto location = redis::parse_master_location(options.redis_url);
        if (!location) return tl::unexpected("mesa.redis_url: " + location.error().message());
        mesa::RedisOptions redis;
        redis.location = *location;
        redis.name_space = options.name_space;
        state->bus = mesa::make_redis_bus(sources.loop.io(), redis, sources.rng, sources.log);
        config.bus = state->bus;
    }
    if (options.authentication == MesaAuthentication::jwt) {
        if (auto made = state->make_jwt(); !made) return tl::unexpected(made.error());
    } else if (options.authentication == MesaAuthentication::webhook) {
        if (options.webhook_url.empty()) {
            return tl::unexpected(
                std::string("mesa.authentication = \"webhook\" needs mesa.webhook_url"));
        }
        roblox::CurlClientOptions client;
        client.timeout = options.webhook_timeout;
        client.connect_timeout = options.webhook_timeout;
        client.max_connections = kWebhookConnections;
        state->webhook = roblox::make_curl_client(sources.loop.io(), client);
    }
    state->server = std::make_unique<mesa::Server>(sources.hub, std::move(config));
    state->server->on_connection(
        [state = state.get()](const mesa::ClientPtr& client) { state->greet(client); });
    return std::unique_ptr<MesaPart>(new MesaPart(std::move(state)));
}

MesaPart::MesaPart(std::unique_ptr<State> state) : state_(std::move(state)) {}
MesaPart::~MesaPart() = default;

core::Dialect& MesaPart::dialect() noexcept { return state_->server->dialect(); }

std::string MesaPart::obstacle() const {
    if (state_->bus == nullptr || state_->bus->is_up()) return {};
    return "mesa: Redis cannot be reached";
}

core::Metrics::Token MesaPart::add_metrics(core::Metrics& metrics) {
    return state_->server->add_metrics(metrics);
}

void MesaPart::shut_down(std::function<void()> done) { state_->server->shut_down(std::move(done)); }

}  // namespace pulse::server
