// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/validate.hpp"

#include "config/forms.hpp"
#include "config/history_rules.hpp"
#include "config/host.hpp"
#include "config/schema.hpp"
#include "config/suggest.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

namespace pulse::server {
namespace {

constexpr std::size_t kMaxNodeNameLength = 64;
constexpr std::size_t kMaxTokenLength = 4096;
constexpr std::size_t kGuessableTokenLength = 16;
constexpr std::size_t kMaxApiKeyLength = 1024;

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

class Validator {
  public:
    Validator(const Config& config, const ValidationContext& context, Diagnostics& diagnostics)
        : config_(config), context_(context), diagnostics_(diagnostics) {}

    void run() {
        check_hosts();
        check_node_name();
        check_websocket_path();
        check_ways_in();
        check_origins();
        check_sizes();
        check_heartbeat();
        check_tokens();
        check_store();
        check_bridge();
        check_rooms();
        check_mesa();
        check_cluster();
        check_history();
        check_exposure();
        check_listeners();
        check_ports();
    }

  private:
    /// False if one of these keys is known to be wrong already.
    bool are_sound(std::initializer_list<std::string_view> paths) const {
        return std::none_of(paths.begin(), paths.end(), [this](std::string_view path) {
            return std::any_of(diagnostics_.begin(), diagnostics_.end(), [path](const auto& d) {
                return d.severity == Severity::error && d.key == path;
            });
        });
    }

    Origin origin_of(std::string_view path) const {
        const Key* const key = schema().find_path(path);
        if (key == nullptr) return {};
        const std::size_t index = schema().index_of(*key);
        return index < context_.origins.size() ? context_.origins[index] : Origin{};
    }

    Origin origin_of_listener(std::size_t index) const {
        return index < context_.listener_origins.size() ? context_.listener_origins[index]
                                                        : Origin{};
    }

    void error(std::string_view path, std::string message) {
        add(diagnostics_,
            {Severity::error, origin_of(path), std::string{path}, std::move(message)});
    }

    void warn(std::string_view path, std::string message) {
        add(diagnostics_,
            {Severity::warning, origin_of(path), std::string{path}, std::move(message)});
    }

    void listener_error(std::size_t index, std::string_view name, std::string message) {
        add(diagnostics_, {Severity::error, origin_of_listener(index),
                           fmt::format("listener[{}]{}", index, name), std::move(message)});
    }

    void check_hosts() {
        const auto check = [this](std::string_view path, const std::string& host) {
            const std::string problem = find_host_problem(host);
            if (are_sound({path}) && !problem.empty()) error(path, problem);
        };
        check("server.host", config_.server.host);
        if (config_.metrics.enabled) check("metrics.host", config_.metrics.host);
    }

    void check_node_name() {
        const std::string& name = config_.server.name;
        const bool is_fine =
            name.size() <= kMaxNodeNameLength && std::all_of(name.begin(), name.end(), [](char c) {
                return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
            });
        if (are_sound({"server.name"}) && !is_fine) {
            error("server.name", fmt::format("must be at most {} letters, digits, '.', '_' or '-'",
                                             kMaxNodeNameLength));
        }
    }

    void check_websocket_path() {
        constexpr std::string_view kPath = "transport.websocket_path";
        const std::string& path = config_.transport.websocket_path;
        if (!are_sound({kPath})) return;
        const std::string problem = find_path_problem(path);
        const auto& reserved = context_.reserved_paths;
        if (!problem.empty()) {
            error(kPath, fmt::format("{}, got {}", problem, quote_excerpt(path)));
        } else if (std::find(reserved.begin(), reserved.end(), path) != reserved.end()) {
            error(kPath, fmt::format("{} is the server's own; choose another, such as \"/ws\"",
                                     quote_excerpt(path)));
        } else if (path == "/websocket" && config_.rooms.enabled != false) {
            warn(kPath,
                 "takes the place of the rooms, which nobody can reach; choose another, or "
                 "say rooms.enabled = false");
        } else if (path == "/mesa" && config_.mesa.enabled != false) {
            warn(kPath,
                 "takes the place of Mesa, which nobody can reach here; choose another, or "
                 "say mesa.enabled = false");
        }
    }

    void check_ways_in() {
        if (config_.transport.webtransport) {
            warn("transport.webtransport", "not available in this build; ignored");
        }
        if (!config_.transport.websocket) {
            warn("transport.websocket", "is off: listeners answer plain HTTP only");
        }
    }

    void check_origins() {
        constexpr std::string_view kPath = "transport.allowed_origins";
        if (!are_sound({kPath})) return;
        for (const std::string& origin : config_.transport.allowed_origins) {
            if (is_full(diagnostics_, Severity::error)) return;
            // "null" is what browsers send for pages opened from files, among others.
            if (origin == "*" || origin == "null" || is_origin(origin)) continue;
            error(kPath, fmt::format("{} is no origin: write scheme://host or scheme://host:port "
                                     "without a path, or \"*\" for every origin",
                                     quote_excerpt(origin)));
        }
    }

    void check_sizes() {
        constexpr std::string_view kMessage = "limits.max_message_size";
        constexpr std::string_view kFrame = "transport.max_frame_bytes";
        const TransportOptions& transport = config_.transport;
        if (!are_sound({kMessage, kFrame})) return;
        const std::uint64_t given = config_.limits.max_message_size;
        if (given > transport.max_frame_bytes) {
            error(kMessage, fmt::format("{} is more than {} ({}) lets through", given, kFrame,
                                        transport.max_frame_bytes));
            return;
        }
        const std::uint64_t largest = given == 0 ? transport.max_frame_bytes : given;
        const auto must_hold = [&](std::string_view path, std::uint64_t bytes) {
            if (!are_sound({path}) || bytes >= largest) return;
            error(path, fmt::format("{} cannot hold one message of {} bytes; raise it or lower {}",
                                    bytes, largest, kMessage));
        };
        must_hold("transport.max_websocket_frame_bytes", transport.max_websocket_frame_bytes);
        must_hold("transport.max_websocket_message_bytes", transport.max_websocket_message_bytes);
        must_hold("transport.outbox_max_bytes", transport.outbox_max_bytes);

        constexpr std::string_view kBudget = "transport.memory_budget_bytes";
        const std::uint64_t budget = transport.memory_budget_bytes;
        if (budget != 0 && budget < transport.outbox_max_bytes &&
            are_sound({kBudget, "transport.outbox_max_bytes"})) {
            error(kBudget, fmt::format("{} is less than one client may use "
                                       "(transport.outbox_max_bytes, {}); 0 chooses by itself",
                                       budget, transport.outbox_max_bytes));
        }
    }

    void check_heartbeat() {
        const HeartbeatOptions& heartbeat = config_.heartbeat;
        if (!are_sound({"heartbeat.interval_ms", "heartbeat.timeout_ms"})) return;
        if (heartbeat.timeout.count() != 0 && heartbeat.timeout <= heartbeat.interval) {
            error("heartbeat.timeout_ms",
                  fmt::format("{} must be longer than heartbeat.interval_ms ({}), or clients are "
                              "closed before they are pinged; 0 never closes",
                              heartbeat.timeout.count(), heartbeat.interval.count()));
        }
    }

    void check_tokens() {
        constexpr std::string_view kTokens = "auth.tokens";
        if (!are_sound({kTokens, "auth.tokens_file", "auth.required"})) return;
        const StringList& tokens = config_.auth.tokens;
        if (config_.auth.is_required() && tokens.empty()) {
            error("auth.required",
                  "is true, but there is no token: nobody could connect; set auth.tokens_file");
        }
        // Nothing here quotes a token.
        const auto is_sized = [](const std::string& token) {
            return !token.empty() && token.size() <= kMaxTokenLength;
        };
        if (!std::all_of(tokens.begin(), tokens.end(), is_sized)) {
            error(kTokens, fmt::format("each token must have 1 to {} bytes", kMaxTokenLength));
        } else if (std::any_of(tokens.begin(), tokens.end(), [](const std::string& token) {
                       return token.size() < kGuessableTokenLength;
                   })) {
            warn(kTokens, fmt::format("a token of less than {} characters can be guessed",
                                      kGuessableTokenLength));
        }
    }

    void check_store() {
        constexpr std::string_view kUrl = "store.url";
        const StoreOptions& store = config_.store;
        if (!are_sound({"store.engine"})) return;
        if (store.engine == StoreEngine::sqlite) check_store_path();
        if (!are_sound({kUrl, "store.url_file", "store.prefix"})) return;
        if (store.engine == StoreEngine::redis) {
            check_redis_url(kUrl, store.url, "store.engine is \"redis\"");
            check_store_prefix();
        } else if (!store.url.empty()) {
            warn(kUrl, "is ignored: store.engine is not \"redis\"");
        }
    }

    void check_store_prefix() {
        constexpr std::string_view kPrefix = "store.prefix";
        constexpr std::size_t kMaxPrefixBytes = 64;
        const std::string& prefix = config_.store.prefix;
        const auto is_fine = [](char c) { return c > ' ' && c < '\x7f' && c != '{' && c != '}'; };
        if (prefix.empty() || prefix.size() > kMaxPrefixBytes ||
            !std::all_of(prefix.begin(), prefix.end(), is_fine)) {
            error(kPrefix, fmt::format("must be 1 to {} printable characters without blanks and "
                                       "braces",
                                       kMaxPrefixBytes));
        }
    }

    void check_store_path() {
        constexpr std::string_view kPath = "store.path";
        const StoreOptions& store = config_.store;
        if (!are_sound({kPath})) return;
        if (store.path.empty()) {
            error(kPath, "must name a file; store.engine = \"memory\" needs none");
        } else if (store.path.ends_with('/')) {
            error(kPath,
                  fmt::format("must name a file, not the folder {}", quote_excerpt(store.path)));
        }
    }

    void check_form(std::string_view path, std::string problem) {
        if (!problem.empty() && are_sound({path})) error(path, std::move(problem));
    }

    void check_each(std::string_view path, const StringList& values,
                    std::string (*find_problem)(std::string_view)) {
        if (!are_sound({path})) return;
        for (const std::string& value : values) {
            if (is_full(diagnostics_, Severity::error)) return;
            std::string problem = find_problem(value);
            if (!problem.empty()) error(path, std::move(problem));
        }
    }

    void check_bridge() {
        const RobloxOptions& roblox = config_.roblox;
        if (roblox.enabled == false) return;
        check_form("roblox.open_cloud_url", find_base_url_problem(roblox.open_cloud_url));
        if (roblox.key_directory.empty()) {
            check_form("roblox.key_directory", "must name a folder; \".\" is the present one");
        }
        if (roblox.api_key.size() > kMaxApiKeyLength) {
            check_form("roblox.api_key",
                       fmt::format("must not be longer than {} bytes", kMaxApiKeyLength));
        }
        if (!roblox.master_keys.empty()) {
            check_form("roblox.master_keys", find_master_keys_problem(roblox.master_keys));
        }
    }

    void check_rooms() {
        const RoomsOptions& rooms = config_.rooms;
        check_form("rooms.latitude", find_degrees_problem(rooms.latitude, 90));
        check_form("rooms.longitude", find_degrees_problem(rooms.longitude, 180));
        check_each("rooms.detail_headers", rooms.detail_headers, find_fact_problem);
        check_each("rooms.trusted_proxies", rooms.trusted_proxies, find_address_problem);
        if (!rooms.address_header.empty()) {
            check_form("rooms.address_header", find_header_problem(rooms.address_header));
        }
        if (rooms.trusted_proxies.empty() && are_sound({"rooms.trusted_proxies"})) {
            const auto warn_of = [this](std::string_view path, bool is_set) {
                if (!is_set || !are_sound({path})) return;
                warn(path,
                     "is never read: rooms.trusted_proxies names nobody whose headers are "
                     "believed");
            };
            warn_of("rooms.detail_headers", !rooms.detail_headers.empty());
            warn_of("rooms.address_header", !rooms.address_header.empty());
        } else if (!rooms.address_header.empty() && rooms.places_file.empty() &&
                   are_sound({"rooms.address_header", "rooms.places_file"})) {
            warn("rooms.address_header",
                 "is never read: there is no rooms.places_file to look the address up in");
        }
    }

    /// Does not quote the address: there may be a password in it.
    void check_scheme(std::string_view path, std::string_view url,
                      std::initializer_list<std::string_view> schemes, std::string_view names,
                      std::string_view why) {
        const auto is_it = [url](std::string_view scheme) { return url.starts_with(scheme); };
        if (std::any_of(schemes.begin(), schemes.end(), is_it)) return;
        error(path, fmt::format("must begin with {}, since {}", names, why));
    }

    /// A Redis or one by its sentinels, or a Redis Cluster.
    void check_redis_url(std::string_view path, std::string_view url, std::string_view why) {
        check_scheme(path, url,
                     {"redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://",
                      "redis+cluster://", "rediss+cluster://"},
                     "redis://, redis+sentinel:// or redis+cluster:// (rediss… with TLS), or "
                     "unix://",
                     why);
    }

    void check_mesa() {
        constexpr std::string_view kUrl = "mesa.redis_url";
        if (config_.mesa.redis_url.empty() || !are_sound({kUrl, "mesa.redis_url_file"})) return;
        check_scheme(
            kUrl, config_.mesa.redis_url,
            {"redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://"},
            "redis:// or redis+sentinel:// (rediss… with TLS), or unix://",
            "Mesa's state is on one Redis");
    }

    void check_cluster() {
        constexpr std::string_view kUrl = "cluster.url";
        const ClusterOptions& cluster = config_.cluster;
        if (!are_sound({kUrl, "cluster.url_file", "cluster.engine"})) return;
        switch (cluster.engine) {
            case ClusterEngine::memory:
                if (!cluster.url.empty()) {
                    warn(kUrl, "is ignored: cluster.engine is \"memory\"");
                }
                break;
            case ClusterEngine::redis:
                check_redis_url(kUrl, cluster.url, "cluster.engine is \"redis\"");
                break;
            case ClusterEngine::nats:
                check_scheme(kUrl, cluster.url, {"nats://", "tls://"}, "nats:// or tls://",
                             "cluster.engine is \"nats\"");
                break;
        }
        constexpr std::size_t kMaxPrefixBytes = 64;
        if (are_sound({"cluster.prefix"}) && cluster.prefix.size() > kMaxPrefixBytes) {
            error("cluster.prefix",
                  fmt::format("must not be longer than {} bytes", kMaxPrefixBytes));
        }
        const bool has_slots = cluster.engine == ClusterEngine::redis &&
                               cluster.url.find("+cluster://") != std::string::npos;
        if (has_slots && are_sound({"cluster.prefix"})) check_cluster_tag(cluster.prefix);
    }

    /// Braces are the channel's, which decide about the slot. With some in front all of the cluster
    /// is of one slot, as somebody may want; with half of them the names of a channel are of
    /// several.
    void check_cluster_tag(std::string_view prefix) {
        const std::size_t open = prefix.find('{');
        if (open == std::string_view::npos) return;
        const std::size_t close = prefix.find('}', open);
        if (close != std::string_view::npos && close > open + 1) return;
        error("cluster.prefix",
              "must not have {, for a Redis Cluster, without a name and } behind");
    }

    void check_history() {
        constexpr std::string_view kKeep = "history.keep";
        if (!are_sound({kKeep})) return;
        for (const std::string& text : config_.history.keep) {
            if (is_full(diagnostics_, Severity::error)) return;
            const auto rule = parse_history_rule(text);
            if (!rule) error(kKeep, fmt::format("{}: {}", quote_excerpt(text), rule.error()));
        }
    }

    /// A server that anybody can reach asks who is there, unless its operator has said otherwise.
    void check_exposure() {
        if (config_.server.allow_anonymous || config_.auth.is_required()) return;
        if (!are_sound(
                {"server.allow_anonymous", "auth.tokens", "auth.tokens_file", "auth.required"})) {
            return;
        }
        constexpr std::string_view kRemedy =
            "is reachable from other machines and clients are not authenticated: set "
            "auth.tokens_file, or say server.allow_anonymous = true, or bind 127.0.0.1";
        const std::string& host = config_.server.host;
        if (are_sound({"server.host"}) && !is_loopback_host(host)) {
            error("server.host", fmt::format("{} {}", quote_excerpt(host), kRemedy));
        }
        for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
            const std::string& listener_host = config_.listeners[i].host;
            if (!is_loopback_host(listener_host)) {
                listener_error(i, ".host",
                               fmt::format("{} {}", quote_excerpt(listener_host), kRemedy));
            }
        }
    }

    void check_listeners() {
        for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
            const std::string problem = find_host_problem(config_.listeners[i].host);
            if (!problem.empty()) listener_error(i, ".host", problem);
            for (const auto& [path, dialect] : config_.listeners[i].mount) {
                check_mount(i, path, dialect);
            }
        }
    }

    void check_mount(std::size_t index, const std::string& path, const std::string& dialect) {
        const std::string problem = path == "*" ? std::string{} : find_path_problem(path);
        if (!problem.empty()) {
            listener_error(index, ".mount",
                           fmt::format("path {} {}, or be \"*\"", quote_excerpt(path), problem));
        }
        const auto& known = context_.dialects;
        if (known.empty() || std::find(known.begin(), known.end(), dialect) != known.end()) return;
        Suggestion suggestion{dialect};
        std::string names;
        for (const std::string& name : known) {
            suggestion.offer(name, name);
            names += (names.empty() ? "" : ", ") + name;
        }
        listener_error(index, ".mount",
                       fmt::format("{} is no dialect of this server{}; there are: {}",
                                   quote_excerpt(dialect), suggestion.as_question(), names));
    }

    /// Two listeners on one port would fail at start anyhow; here it is said with both places.
    void check_ports() {
        struct Endpoint {
            const std::string& host;
            std::uint16_t port;
            std::string name;
        };
        std::vector<Endpoint> endpoints;
        if (are_sound({"server.host", "server.port"})) {
            endpoints.push_back({config_.server.host, config_.server.port, "[server]"});
        }
        if (config_.metrics.enabled && are_sound({"metrics.host", "metrics.port"})) {
            check_port_against(endpoints, config_.metrics.host, config_.metrics.port,
                               [this](std::string message) {
                                   error("metrics.port", std::move(message) +
                                                             "; metrics.on_main_port serves "
                                                             "metrics without a port of its own");
                               });
            endpoints.push_back({config_.metrics.host, config_.metrics.port, "[metrics]"});
        }
        for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
            const ListenerOptions& listener = config_.listeners[i];
            check_port_against(
                endpoints, listener.host, listener.port,
                [this, i](std::string message) { listener_error(i, ".port", std::move(message)); });
            endpoints.push_back({listener.host, listener.port, fmt::format("listener[{}]", i)});
        }
    }

    template <typename Endpoints, typename Report>
    static void check_port_against(const Endpoints& endpoints, const std::string& host,
                                   std::uint16_t port, Report report_clash) {
        for (const auto& other : endpoints) {
            if (port == 0 || port != other.port || !hosts_overlap(host, other.host)) continue;
            report_clash(fmt::format("{} is taken by {} ({})", join_host_port(host, port),
                                     other.name, join_host_port(other.host, other.port)));
            return;
        }
    }

    const Config& config_;
    const ValidationContext& context_;
    Diagnostics& diagnostics_;
};

}  // namespace

void validate(const Config& config, const ValidationContext& context, Diagnostics& diagnostics) {
    Validator{config, context, diagnostics}.run();
}

}  // namespace pulse::server
