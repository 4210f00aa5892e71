// SPDX-License-Identifier: MIT OR Apache-2.0
//
// /control: what a test or a demo may change. Each handler runs under the service's mutex.
#include "characters.hpp"
#include "parsing.hpp"
#include "service.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace pulse::mock {

namespace {

constexpr std::uint64_t kMaxPlayers = 1'000;
constexpr std::uint64_t kMaxDelayMs = 600'000;

HttpResponse answer_of(const EngineResult& result) {
    if (result.error.empty()) return answer({{"success", true}});
    return problem(result.status, result.error);
}

/// Ids as numbers or strings, and "*".
bool read_universes(const Json* list, std::vector<std::string>& out) {
    if (list == nullptr) return true;
    if (!list->is_array() || list->size() > Cloud::kMaxUniverses) return false;
    out.clear();
    for (const Json& item : *list) {
        std::string text = item.is_number_unsigned() ? std::to_string(item.get<std::uint64_t>())
                           : item.is_string()        ? item.get<std::string>()
                                                     : std::string();
        if (text != "*" && !parse_universe(text)) return false;
        out.push_back(std::move(text));
    }
    return true;
}

/// "publish" of the scope's name, or "universe-messaging-service:publish".
void take_names_apart(Scope& scope) {
    for (std::string& operation : scope.operations) {
        const std::size_t colon = operation.find(':');
        if (colon == std::string::npos) continue;
        scope.name = operation.substr(0, colon);
        operation.erase(0, colon + 1);
    }
}

std::optional<std::vector<Scope>> read_scopes(const Json& list) {
    if (!list.is_array() || list.size() > 64) return std::nullopt;
    std::vector<Scope> scopes;
    for (const Json& item : list) {
        Scope scope;
        Fields fields = Fields::of(item);
        fields.text("name", scope.name).texts("operations", scope.operations, 64);
        const bool is_good = read_universes(fields.raw("universes"), scope.universes);
        if (!is_good || fields.error()) return std::nullopt;
        take_names_apart(scope);
        scopes.push_back(std::move(scope));
    }
    return scopes;
}

template <typename Enum>
void choose(Fields& fields, const char* name, Enum& out,
            std::initializer_list<std::pair<std::string_view, Enum>> names) {
    if (!fields.has(name)) return;
    std::string text;
    fields.text(name, text);
    const auto found = std::find_if(names.begin(), names.end(),
                                    [&text](const auto& each) { return each.first == text; });
    if (found == names.end()) return fields.fail(std::string(name) + " has no such value");
    out = found->second;
}

}  // namespace

HttpResponse Service::put_key(const HttpRequest& request) {
    std::string key;
    ApiKey record;
    Fields fields(request.body);
    fields.text("key", key, 16'384).text("name", record.name).id("owner", record.owner);
    fields.boolean("enabled", record.is_enabled).boolean("expired", record.is_expired);
    fields.text("expires", record.expires_utc);
    if (const Json* list = fields.raw("scopes")) {
        auto scopes = read_scopes(*list);
        if (!scopes) return problem(400, "scopes are [{universes, operations}]");
        record.scopes = std::move(*scopes);
    }
    if (auto error = fields.error()) return *error;
    if (key.empty()) return problem(400, "key is missing");
    if (!model_.put_key(std::move(key), std::move(record))) return problem(507, "too many keys");
    return answer();
}

HttpResponse Service::set_clock(const HttpRequest& request) {
    if (!is_own_clock_) return problem(409, "the clock is the test's own");
    std::string mode;
    std::uint64_t advance_ms = 0;
    Fields fields(request.body);
    fields.text("mode", mode).number("advanceMs", advance_ms, std::uint64_t{366} * 86'400'000);
    if (!mode.empty() && mode != "real" && mode != "virtual")
        fields.fail("mode is real or virtual");
    if (auto error = fields.error()) return *error;
    if (mode == "real") own_clock_.make_real();
    if (mode == "virtual") own_clock_.make_virtual();
    own_clock_.advance(std::chrono::milliseconds(advance_ms));
    model_.run_due();
    return answer({{"mode", own_clock_.is_virtual() ? "virtual" : "real"},
                   {"now", unix_seconds(model_.now())}});
}

HttpResponse Service::set_faults(const HttpRequest& request) {
    std::vector<std::string> script;
    std::uint64_t id = 0;
    Fields fields(request.body);
    fields.texts("script", script, kMaxScript).id("universe", id);
    if (auto error = fields.error()) return *error;
    const auto universe = fields.has("universe") ? std::optional(id) : std::nullopt;
    if (const auto bad = model_.set_faults(script, universe)) {
        return problem(400, "not understood: " + *bad);
    }
    return answer();
}

HttpResponse Service::set_network(const HttpRequest& request) {
    NetworkOptions options = model_.network().options();
    Fields fields(request.body);
    fields.chance("loss", options.loss).chance("duplicate", options.duplicate);
    fields.chance("reorder", options.reorder).number("seed", options.seed);
    fields.milliseconds("minDelayMs", options.min_delay, kMaxDelayMs);
    fields.milliseconds("maxDelayMs", options.max_delay, kMaxDelayMs);
    if (auto error = fields.error()) return *error;
    model_.network().configure(options);
    return answer();
}

HttpResponse Service::set_limits(const HttpRequest& request) {
    Limits limits = model_.limits;
    Fields fields(request.body);
    fields.boolean("enforced", limits.is_enforced).boolean("retryAfter", limits.has_retry_after);
    choose(fields, "v1Errors", limits.v1_errors, {{"a", ErrorForm::a}, {"b", ErrorForm::b}});
    choose(
        fields, "counting", limits.counting,
        {{"chars", Counting::chars}, {"bytes", Counting::bytes}, {"escaped", Counting::escaped}});
    choose(fields, "received", limits.received,
           {{"deliveries", Received::deliveries}, {"publishes", Received::publishes}});
    choose(fields, "serverCount", limits.server_count,
           {{"current", ServerCount::current},
            {"average", ServerCount::average},
            {"lenient", ServerCount::lenient}});
    constexpr std::uint64_t kMost = 1'000'000'000;
    fields.number("requestsPerOwner", limits.requests_per_owner, kMost)
        .number("requestsPerAddress", limits.requests_per_address, kMost)
        .number("messageCharacters", limits.message_characters, kMost)
        .number("topicCharacters", limits.topic_characters, kMost)
        .number("topicReceived", limits.topic_received, kMost)
        .number("topicReceivedPerServer", limits.topic_received_per_server, kMost)
        .number("universeReceived", limits.universe_received, kMost)
        .number("universeReceivedPerServer", limits.universe_received_per_server, kMost)
        .number("sent", limits.sent, kMost)
        .number("sentPerPlayer", limits.sent_per_player, kMost)
        .number("subscriptions", limits.subscriptions, kMost)
        .number("subscriptionsPerPlayer", limits.subscriptions_per_player, kMost)
        .number("subscribeRequests", limits.subscribe_requests, kMost);
    if (auto error = fields.error()) return *error;
    model_.limits = limits;
    return answer();
}

HttpResponse Service::put_universe(const HttpRequest& request) {
    const auto id = parse_universe(request.parameter("universe"));
    if (!id) return problem(400, "not a universe id");
    Universe* universe = model_.universe(*id);
    if (universe == nullptr) return problem(507, "too many universes");
    // The first description of servers begins with the usual topics.
    Simulated wanted = universe->simulated().servers > 0 ? universe->simulated() : Simulated{};
    std::uint64_t servers = universe->simulated().servers;
    std::uint64_t players = wanted.players;
    bool is_publishing_allowed = universe->is_publishing_allowed;
    Fields fields(request.body);
    fields.number("servers", servers, Universe::kMaxServers);
    fields.number("players", players, kMaxPlayers);
    fields.texts("topics", wanted.topics, GameServer::kMaxTopics);
    fields.text("ownTopicPrefix", wanted.own_topic_prefix);
    fields.boolean("publishing", is_publishing_allowed);
    if (auto error = fields.error()) return *error;
    wanted.servers = static_cast<std::uint32_t>(servers);
    wanted.players = static_cast<std::uint32_t>(players);
    if (!model_.simulate(*id, wanted)) return problem(409, "too many servers or subscriptions");
    universe->is_publishing_allowed = is_publishing_allowed;
    return answer({{"servers", universe->servers()}});
}

HttpResponse Service::put_server(const HttpRequest& request) {
    const auto id = parse_universe(request.parameter("universe"));
    if (!id) return problem(400, "not a universe id");
    if (request.parameter("job").size() > 128 || !is_utf8(request.parameter("job"))) {
        return problem(400, "the JobId is too long, or not UTF-8");
    }
    std::uint64_t players = 0;
    Fields fields(request.body);
    fields.number("players", players, kMaxPlayers);
    if (auto error = fields.error()) return *error;
    const auto number = static_cast<std::uint32_t>(players);
    if (model_.attach(*id, request.parameter("job"), number) == nullptr) {
        return problem(409, "too many servers, or a simulated one has that name");
    }
    return answer({{"servers", model_.universe(*id)->servers()}});
}

HttpResponse Service::delete_server(const HttpRequest& request) {
    const auto id = parse_universe(request.parameter("universe"));
    Universe* universe = id ? model_.find_universe(*id) : nullptr;
    if (universe == nullptr || !universe->remove(model_.now(), request.parameter("job"))) {
        return problem(404, "no such attached server");
    }
    return answer({{"servers", universe->servers()}});
}

HttpResponse Service::put_topic(const HttpRequest& request) {
    const auto id = parse_universe(request.parameter("universe"));
    if (!id) return problem(400, "not a universe id");
    return answer_of(
        model_.engine_subscribe(*id, request.parameter("job"), request.parameter("topic")));
}

HttpResponse Service::delete_topic(const HttpRequest& request) {
    const auto id = parse_universe(request.parameter("universe"));
    if (!id) return problem(400, "not a universe id");
    return answer_of(
        model_.engine_unsubscribe(*id, request.parameter("job"), request.parameter("topic")));
}

HttpResponse Service::publish(const HttpRequest& request) {
    const auto id = parse_universe(request.parameter("universe"));
    if (!id) return problem(400, "not a universe id");
    std::string topic;
    std::string message;
    Fields fields(request.body);
    fields.text("topic", topic, request.body.size()).text("message", message, request.body.size());
    if (auto error = fields.error()) return *error;
    return answer_of(model_.engine_publish(*id, request.parameter("job"), topic, message));
}

HttpResponse Service::reset(const HttpRequest&) {
    if (is_own_clock_) own_clock_.make_real();
    model_.reset();
    return answer();
}

}  // namespace pulse::mock
