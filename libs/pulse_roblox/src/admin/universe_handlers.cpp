// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admin/service.hpp"
#include "json/text.hpp"

#include <algorithm>

#include <pulse/roblox/bridge_json.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox::admin {

namespace {

constexpr std::uint64_t kMaxExpirySeconds = 10ULL * 365 * 86'400;

[[nodiscard]] Rights read_rights(AdminBody& body) {
    Rights rights;
    const auto names = body.list("rights", "Invalid rights");
    if (!names || names->empty()) body.fail("Invalid rights");
    for (const std::string& name : names.value_or(std::vector<std::string>{})) {
        const auto right = parse_right(name);
        if (!right) {
            body.fail("Invalid rights");
            break;
        }
        rights = rights | *right;
    }
    return rights;
}

}  // namespace

std::optional<Service::Asked> Service::open(const Request& request,
                                            const Responder& responder) const {
    const auto id = UniverseId::parse(request.parameter("id"));
    auto caller = parts_.book.admit(request, Right::admin,
                                    id ? std::optional<UniverseId>(*id) : std::nullopt);
    if (!caller) {
        respond(responder, answer_for(caller.error()));
        return {};
    }
    if (!id) {
        respond(responder, error_response(404, "Invalid path"));
        return {};
    }
    if (!parts_.registry.contains(*id)) {
        respond(responder, answer_for(Error::unknown_universe));
        return {};
    }
    return Asked{*id, std::move(*caller)};
}

void Service::respond_universe(UniverseId universe, Figures figures,
                               const Responder& responder) const {
    const auto detail =
        figures == Figures::summary ? BridgePort::Detail::summary : BridgePort::Detail::full;
    const auto weak = weak_from_this();
    parts_.bridge.read_stats(
        {universe}, detail,
        [weak, universe, figures, responder](std::vector<std::optional<UniverseStats>> stats) {
            const auto self = weak.lock();
            if (!self) return;
            const auto view = self->parts_.registry.find(universe);
            if (!view) return respond(responder, answer_for(Error::unknown_universe));
            UniverseStats one;
            if (!stats.empty() && stats.front()) one = std::move(*stats.front());
            respond_json(responder, 200,
                         encode(*view, one, self->parts_.web_clients(universe), figures));
        });
}

void Service::universe(const Request& request, const Responder& responder) {
    const auto asked = open(request, responder);
    if (asked) respond_universe(asked->universe, Figures::summary, responder);
}

void Service::stats(const Request& request, const Responder& responder) {
    const auto asked = open(request, responder);
    if (asked) respond_universe(asked->universe, Figures::details_with_history, responder);
}

void Service::servers(const Request& request, const Responder& responder) {
    const auto asked = open(request, responder);
    if (!asked) return;
    parts_.bridge.read_servers(asked->universe,
                               [responder](const std::vector<ServerInfo>& servers) {
                                   respond_json(responder, 200, roblox::encode(servers));
                               });
}

void Service::change(const Request& request, const Responder& responder) {
    const auto asked = open(request, responder);
    if (!asked) return;
    AdminBody body(request.body);
    SettingsPatch patch = read_settings(body);
    patch.origins = body.list("origins", "Invalid origins");
    if (patch.origins) {
        const auto& origins = *patch.origins;
        if (origins.size() > UniverseSettings::kMaxOrigins ||
            !std::all_of(origins.begin(), origins.end(),
                         [](const std::string& origin) { return is_valid_origin(origin); })) {
            body.fail("Invalid origins");
        }
    }
    body.finish();
    if (!body.ok()) return respond(responder, error_response(400, body.problem()));
    const auto weak = weak_from_this();
    parts_.registry.change(
        asked->universe, std::move(patch),
        [weak, universe = asked->universe, responder](const core::Result<void>& result) {
            const auto self = weak.lock();
            if (!self) return;
            if (!result) return respond(responder, change_error(result.error()));
            self->respond_universe(universe, Figures::summary, responder);
        });
}

void Service::probe(const Request& request, const Responder& responder) {
    const auto asked = open(request, responder);
    if (!asked) return;
    const auto weak = weak_from_this();
    parts_.registry.probe(asked->universe, [weak, universe = asked->universe,
                                            responder](const core::Result<void>& result) {
        const auto self = weak.lock();
        if (!self) return;
        if (!result) return respond(responder, change_error(result.error()));
        self->respond_universe(universe, Figures::summary, responder);
    });
}

void Service::activate_key(const Request& request, const Responder& responder) {
    const auto asked = open(request, responder);
    if (!asked) return;
    AdminBody body(request.body);
    const auto slot = body.number("slot", 0, 1, "Invalid slot");
    if (!slot) body.fail("Required");
    body.finish();
    if (!body.ok()) return respond(responder, error_response(400, body.problem()));
    parts_.registry.activate_key(asked->universe, static_cast<unsigned>(*slot), succeed(responder));
}

void Service::remove_key(const Request& request, const Responder& responder) {
    const auto asked = open(request, responder);
    if (!asked) return;
    AdminBody body(request.body);
    const auto slot = body.number("slot", 0, 1, "Invalid slot");
    if (!slot) body.fail("Required");
    body.finish();
    if (!body.ok()) return respond(responder, error_response(400, body.problem()));
    parts_.registry.remove_key(asked->universe, static_cast<unsigned>(*slot), succeed(responder));
}

void Service::tokens(const Request& request, const Responder& responder) {
    const auto asked = open(request, responder);
    if (asked)
        respond_json(responder, 200,
                     encode(parts_.book.tokens(asked->universe), parts_.clock.unix_ms()));
}

void Service::create_token(const Request& request, const Responder& responder) {
    const auto asked = open(request, responder);
    if (!asked) return;
    AdminBody body(request.body);
    TokenRecord wanted{.label = body.required_text("label"), .universes = {asked->universe}};
    if (body.ok() && (wanted.label.size() > 64 || !is_valid_universe_name(wanted.label))) {
        body.fail("Invalid label");
    }
    wanted.rights = read_rights(body);
    const AdminBody::Value* lifetime = body.find("expiresIn");
    if (lifetime != nullptr && lifetime->kind != json::Kind::null) {
        const auto seconds = body.number("expiresIn", 1, kMaxExpirySeconds, "Invalid expiresIn");
        wanted.expires_at_ms = parts_.clock.unix_ms() + seconds.value_or(0) * 1'000;
    }
    body.finish();
    if (!body.ok()) return respond(responder, error_response(400, body.problem()));
    parts_.registry.create_token(std::move(wanted),
                                 [responder](const core::Result<NewToken>& token) {
                                     if (!token)
                                         return respond(responder, change_error(token.error()));
                                     std::string out = "{\"id\":";
                                     json::append_string(out, token->record.id);
                                     out += ",\"token\":";
                                     json::append_string(out, token->text);
                                     out += '}';
                                     respond_json(responder, 201, std::move(out));
                                 });
}

void Service::remove_token(const Request& request, const Responder& responder) {
    const auto asked = open(request, responder);
    if (!asked) return;
    const auto token = parts_.book.token(request.parameter("token"));
    const auto is_for = [&](UniverseId universe) {
        const auto& bound = token->record.universes;
        return token->record.is_for_all ||
               std::find(bound.begin(), bound.end(), universe) != bound.end();
    };
    if (!token || !is_for(asked->universe)) {
        return respond(responder, change_error(Error::unknown_token));
    }
    // Whoever is admin of one universe does not end what others rely on, too.
    const auto& bound = token->record.universes;
    const bool is_theirs =
        asked->caller.is_admin ||
        (!token->record.is_for_all && std::all_of(bound.begin(), bound.end(), [&](UniverseId id) {
            return asked->caller.may(Right::admin, id);
        }));
    if (!is_theirs) return respond(responder, answer_for(Error::forbidden));
    parts_.registry.remove_token(token->record.id, succeed(responder));
}

}  // namespace pulse::roblox::admin
