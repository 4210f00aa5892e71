// SPDX-License-Identifier: MIT OR Apache-2.0
#include "conversation.hpp"
#include "hex.hpp"
#include "server_impl.hpp"

#include <utility>

#include <pulse/mesa/server.hpp>

namespace pulse::mesa {

namespace {

/// For clients to go; then, for the bus to hear of it.
constexpr std::chrono::milliseconds kShutDownTime{1'500};
constexpr std::chrono::milliseconds kFarewellTime{500};
/// The client's first, whatever it is.
constexpr std::string_view kAnySubprotocol[] = {"*"};

std::string random_name(core::Rng& rng) {
    std::string name;
    for (int word = 0; word < 2; ++word) append_hex(name, rng.next_u64());
    return name;
}

}  // namespace

std::string make_hello(const ServerConfig& config) {
    std::string out = R"({"op":10,"d":{)";
    const auto number = [&out](std::string_view key, std::chrono::milliseconds value) {
        out.append("\"").append(key).append("\":").append(std::to_string(value.count())) += ',';
    };
    if (config.heartbeat.is_enabled) number("c_heartbeat_interval", config.heartbeat.interval);
    if (config.reconnect.is_enabled) number("c_reconnect_interval", config.reconnect.interval);
    if (config.authentication.timeout.count() > 0) {
        number("c_authentication_timeout", config.authentication.timeout);
    }
    // Always there: the original's clients cannot do without.
    out += "\"rules\":[";
    const auto rule = [&out](bool is_on, std::string_view name) {
        if (!is_on) return;
        if (out.back() != '[') out += ',';
        out.append("\"").append(name).append("\"");
    };
    rule(config.versions.is_enforced, "enforce_equal_versions");
    rule(config.stores_messages, "store_messages");
    rule(config.authentication.sends_user_object, "sends_user_object");
    out += "]}}";
    return out;
}

Server::Impl::Impl(core::Hub& hub_, ServerConfig config_)
    : hub(hub_),
      config(std::move(config_)),
      hello(make_hello(config)),
      replica(random_name(hub_.rng())) {
    for (const auto& lane : hub.lanes()) parts.push_back(std::make_shared<LanePart>(*lane, *this));
}

Server::Impl::~Impl() {
    if (config.bus && !is_closed) config.bus->close_replica(replica, [](std::error_code) {});
}

void Server::Impl::start() {
    core::Log& log = hub.log();
    if (!config.bus) {
        is_bus_ready = true;
        if (config.portal.is_enabled || config.sync.is_enabled) {
            log.write(core::LogLevel::warn, "mesa_needs_redis",
                      {{"portal", config.portal.is_enabled}, {"sync", config.sync.is_enabled}});
        }
        return;
    }
    if (config.sync.is_enabled && !config.authentication.stores_connected_users) {
        // Nobody is known to be online then: everything is kept, and sent as well.
        log.write(core::LogLevel::warn, "mesa_sync_needs_connected_users");
    }
    config.bus->open_replica(replica);
    std::vector<std::string> channels{std::string(kMessagesChannel), std::string(kSharedChannel)};
    if (config.portal.is_enabled) channels.emplace_back(kPoolChannel);
    subscription = config.bus->subscribe(
        std::move(channels),
        {[weak = weak_from_this()](std::string_view channel, std::string_view text) {
             if (const auto self = weak.lock()) self->on_bus_message(channel, text);
         },
         [weak = weak_from_this()](bool is_up) {
             if (const auto self = weak.lock()) self->on_bus_state(is_up);
         }});
}

void Server::Impl::on_bus_state(bool is_up) {
    if (!is_up) {
        // What is on its way to here does not arrive any more, and what others send is missed.
        deliver_unechoed(echoes.take_all());
        return raise(make_error_code(Error::bus_unavailable));
    }
    if (!config.portal.is_enabled) return bus_is_ready();
    list_portals();
    if (!is_checking_portals.exchange(true)) check_portals();
}

/// What the list says may be older than what was announced meanwhile: then it is asked for again.
void Server::Impl::list_portals() {
    config.bus->list_pool([weak = weak_from_this(), heard = announcements.load()](
                              const core::Result<std::vector<std::string>>& list) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        if (list && self->announcements != heard) return self->list_portals();
        if (list) self->set_portals(*list);
        self->bus_is_ready();
    });
}

void Server::Impl::bus_is_ready() {
    std::vector<std::function<void()>> waiting;
    {
        const std::lock_guard lock(mutex);
        is_bus_ready = true;
        waiting.swap(waiting_for_bus);
    }
    for (const auto& each : waiting) each();
}

void Server::Impl::check_portals() {
    if (config.portal.check_interval.count() == 0 || parts.empty()) return;
    // On a lane: the bus has no timers for others.
    const auto part = parts.front();
    part->post([weak = weak_from_this(), part] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        part->lane().post_at(part->now() + self->config.portal.check_interval, [weak] {
            const auto server = weak.lock();
            if (server == nullptr || server->is_closed) return;
            if (server->config.bus->is_up()) server->config.bus->check_pool();
            server->check_portals();
        });
    });
}

std::span<const std::string_view> Server::Impl::subprotocols() const noexcept {
    return kAnySubprotocol;
}

std::optional<core::Refusal> Server::Impl::admit(const core::OpenRequest& request) {
    if (is_closed) return core::Refusal{503, "Service Unavailable"};
    if (config.path && request.path != *config.path) return core::Refusal{400, "Bad Request"};
    return std::nullopt;
}

std::unique_ptr<core::Conversation> Server::Impl::open(core::Connection& connection,
                                                       const core::OpenRequest& request) {
    auto client =
        std::make_shared<ConnectedClient>(*this, part(connection.lane()), connection, request);
    return std::make_unique<MesaConversation>(connection, std::move(client),
                                              config.limits.max_message_bytes);
}

void Server::Impl::shut_down(std::function<void()> done, std::uint16_t code) {
    {
        const std::lock_guard lock(mutex);
        if (is_closed.exchange(true)) {
            // Only the first call ends it; a second one has nothing to wait for.
            if (done) waiting_for_end.push_back(std::move(done));
            if (!is_ended) return;
        } else if (done) {
            waiting_for_end.push_back(std::move(done));
        }
    }
    if (is_ended) return call_enders();
    for (const auto& part : parts) {
        part->post([part, code] {
            for (const auto& client : part->clients()) client->close(code);
        });
    }
    if (parts.empty()) return finish_shut_down();
    const auto part = parts.front();
    part->post([self = shared_from_this(), part] {
        if (self->counters.clients == 0) self->finish_shut_down();
        part->lane().post_at(part->now() + kShutDownTime, [weak = self->weak_from_this()] {
            if (const auto server = weak.lock()) server->give_up_clients();
        });
        part->lane().post_at(part->now() + kShutDownTime + kFarewellTime,
                             [weak = self->weak_from_this()] {
                                 const auto server = weak.lock();
                                 if (server == nullptr) return;
                                 server->finish_shut_down();
                                 server->end();
                             });
    });
}

/// Those that do not go count as gone: their connections know nothing of the server any more, which
/// may end before they do.
void Server::Impl::give_up_clients() {
    if (counters.clients == 0) return finish_shut_down();
    for (const auto& part : parts) {
        part->run([part] {
            for (const auto& client : part->clients()) client->closed({});
        });
    }
}

void Server::Impl::on_client_gone() {
    if (counters.clients.fetch_sub(1) == 1 && is_closed) finish_shut_down();
}

/// The clients are gone: takes back what the bus knows of them.
void Server::Impl::finish_shut_down() {
    if (is_finishing.exchange(true)) return;
    subscription.reset();
    (void)echoes.take_all();
    if (!config.bus) return end();
    config.bus->close_replica(replica,
                              [self = shared_from_this()](std::error_code) { self->end(); });
}

void Server::Impl::end() {
    if (is_ended.exchange(true)) return;
    call_enders();
}

void Server::Impl::call_enders() {
    std::vector<std::function<void()>> waiting;
    {
        const std::lock_guard lock(mutex);
        waiting.swap(waiting_for_end);
    }
    for (const auto& each : waiting) each();
}

Server::Server(core::Hub& hub, ServerConfig config)
    : impl_(std::make_shared<Impl>(hub, std::move(config))) {
    impl_->start();
}

Server::~Server() = default;

core::Dialect& Server::dialect() noexcept { return *impl_; }

void Server::send(const Message& message, const Recipients& recipients,
                  std::span<const Id> excluding) {
    impl_->send(message, recipients, excluding);
}

void Server::use(std::shared_ptr<Middleware> middleware) {
    impl_->middleware.push_back(std::move(middleware));
}

void Server::on_connection(std::function<void(const ClientPtr&)> listener) {
    impl_->connection_listener = std::move(listener);
}

void Server::on_message(std::function<void(const ClientPtr&, const Message&)> listener) {
    impl_->message_listener = std::move(listener);
}

void Server::on_disconnection(
    std::function<void(const ClientPtr&, std::uint16_t, std::string_view)> listener) {
    impl_->disconnection_listener = std::move(listener);
}

void Server::on_error(std::function<void(const ErrorEvent&, const ClientPtr&)> listener) {
    impl_->error_listener = std::move(listener);
}

void Server::visit_clients(std::function<void(Client&)> visit) {
    for (const auto& part : impl_->parts) {
        part->post([part, visit] {
            for (const auto& client : part->clients()) visit(*client);
        });
    }
}

void Server::when_ready(std::function<void()> done) {
    {
        const std::lock_guard lock(impl_->mutex);
        if (!impl_->is_bus_ready) {
            impl_->waiting_for_bus.push_back(std::move(done));
            return;
        }
    }
    done();
}

void Server::close(std::uint16_t code) { impl_->shut_down({}, code); }

void Server::shut_down(std::function<void()> done, std::uint16_t code) {
    impl_->shut_down(std::move(done), code);
}

std::string Server::middleware_key(std::string_view prefix, std::string_view name) const {
    std::string key(prefix);
    key.append("_mw-").append(name);
    if (impl_->config.bus && !impl_->config.bus->name_space().empty()) {
        key.append("_").append(impl_->config.bus->name_space());
    }
    return key;
}

ServerStats Server::stats() const { return impl_->stats(); }

core::Route make_upgrade_required_route(std::string path) {
    return core::Route::immediate("*", std::move(path), [](const core::HttpRequest&) {
        core::HttpResponse answer = core::HttpResponse::text(426, "Upgrade Required");
        answer.headers.emplace_back("upgrade", "websocket");
        return answer;
    });
}

}  // namespace pulse::mesa
