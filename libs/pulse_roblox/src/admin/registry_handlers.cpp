// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admin/service.hpp"

#include <algorithm>

#include <pulse/roblox/error.hpp>

namespace pulse::roblox::admin {

namespace {

/// Found out, and not good: storing it would only break what works.
[[nodiscard]] bool is_known_bad(const KeyCheck& check) noexcept {
    return check.checked_at_ms != 0 && check.state != KeyState::valid;
}

[[nodiscard]] core::HttpResponse bad_key(KeyState state) {
    core::HttpResponse response = error_response(400, "Invalid Open Cloud API Key");
    // The body is the original's; this says what is wrong with the key.
    response.headers.emplace_back("pulse-key-state", std::string(to_string(state)));
    return response;
}

[[nodiscard]] core::HttpResponse no_answer(const KeyCheck& check) {
    return core::HttpResponse::json(502,
                                    R"({"error":"Open Cloud did not answer","roblox":{"status":)" +
                                        std::to_string(check.http) + "}}");
}

}  // namespace

SettingsPatch read_settings(AdminBody& body) {
    SettingsPatch patch;
    patch.mode = [&]() -> std::optional<Mode> {
        const auto text = body.text("mode");
        if (!text) return {};
        const auto mode = parse_mode(*text);
        if (!mode) body.fail("Invalid mode");
        return mode;
    }();
    patch.name = body.text("name");
    if (patch.name && !is_valid_universe_name(*patch.name)) body.fail("Invalid name");
    patch.prefix = body.text("prefix");
    if (patch.prefix && !is_valid_topic_prefix(*patch.prefix)) body.fail("Invalid prefix");
    if (const auto shards = body.number("shards", 1, 8, "Invalid shards")) {
        patch.shards = static_cast<unsigned>(*shards);
    }
    patch.has_silent_servers = body.flag("silentServers", "Invalid silentServers");
    return patch;
}

bool Service::admit(const Request& request, const Responder& responder) const {
    const auto caller = parts_.book.admit(request, Right::admin, std::nullopt);
    if (!caller) respond(responder, answer_for(caller.error()));
    return caller.has_value();
}

UniverseRegistry::Done Service::succeed(Responder responder) {
    return [responder = std::move(responder)](const core::Result<void>& result) {
        if (!result) return respond(responder, change_error(result.error()));
        respond_success(responder);
    };
}

void Service::add(const Request& request, const Responder& responder) {
    if (!admit(request, responder)) return;
    AdminBody body(request.body);
    const UniverseId universe = body.universe("universeId");
    std::string text = body.required_text("openCloudApiKey");
    const SettingsPatch settings = read_settings(body);
    body.finish();
    if (!body.ok()) return respond(responder, error_response(400, body.problem()));
    if (parts_.registry.contains(universe)) {
        return respond(responder, change_error(Error::universe_exists));
    }
    auto key = std::make_shared<Secret>(Secret::adopt(text));
    const std::weak_ptr<Service> weak = weak_from_this();
    parts_.registry.check_key(
        universe, key->view(), [weak, universe, key, settings, responder](const KeyCheck& check) {
            const auto self = weak.lock();
            if (!self) return;
            if (is_known_bad(check)) return respond(responder, bad_key(check.state));
            if (check.checked_at_ms == 0) return respond(responder, no_answer(check));
            self->parts_.registry.add(universe, settings.apply({}), std::move(*key), check,
                                      succeed(responder));
        });
}

void Service::update(const Request& request, const Responder& responder) {
    if (!admit(request, responder)) return;
    AdminBody body(request.body);
    const UniverseId universe = body.universe("universeId");
    std::string text = body.required_text("openCloudApiKey");
    std::optional<unsigned> slot;
    if (const auto number = body.number("slot", 0, 1, "Invalid slot")) {
        slot = static_cast<unsigned>(*number);
    }
    const SettingsPatch settings = read_settings(body);
    body.finish();
    if (!body.ok()) return respond(responder, error_response(400, body.problem()));
    if (!parts_.registry.contains(universe)) {
        return respond(responder, change_error(Error::unknown_universe));
    }
    if (text.empty() || text.size() > kMaxApiKeyBytes) {
        return respond(responder, bad_key(KeyState::rejected));
    }
    auto key = std::make_shared<Secret>(Secret::adopt(text));
    const std::weak_ptr<Service> weak = weak_from_this();
    parts_.registry.check_key(
        universe, key->view(),
        [weak, universe, key, slot, settings, responder](const KeyCheck& check) {
            const auto self = weak.lock();
            if (!self) return;
            if (is_known_bad(check)) return respond(responder, bad_key(check.state));
            // Without an answer it is stored, to be asked about again: an outage of introspection
            // must not keep anybody from replacing a key that leaked.
            self->parts_.registry.set_key(universe, slot, std::move(*key), check, settings,
                                          succeed(responder));
        });
}

void Service::remove(const Request& request, const Responder& responder) {
    if (!admit(request, responder)) return;
    AdminBody body(request.body);
    const UniverseId universe = body.universe("universeId");
    body.finish();
    if (!body.ok()) return respond(responder, error_response(400, body.problem()));
    parts_.registry.remove(universe, succeed(responder));
}

void Service::list(const Request& request, const Responder& responder) {
    if (!admit(request, responder)) return;
    std::string out = "{";
    for (const UniverseView& universe : parts_.registry.list()) {
        const KeyView* key = universe.active_key();
        const bool is_valid = key != nullptr && key->is_readable && key->state == KeyState::valid;
        if (out.back() != '{') out += ',';
        out += '"' + universe.id.to_string() + "\":{\"valid\":";
        out += is_valid ? "true" : "false";
        out += ",\"clients\":" + std::to_string(parts_.web_clients(universe.id)) + "}";
    }
    out += '}';
    respond_json(responder, 200, std::move(out));
}

void Service::universes(const Request& request, const Responder& responder) {
    if (!admit(request, responder)) return;
    std::vector<UniverseView> views = parts_.registry.list();
    std::vector<UniverseId> ids;
    ids.reserve(views.size());
    for (const UniverseView& view : views) ids.push_back(view.id);
    const auto done = [responder, views = std::move(views), clients = parts_.web_clients](
                          const std::vector<std::optional<UniverseStats>>& stats) {
        std::string out = "{\"universes\":[";
        for (std::size_t i = 0; i < views.size() && i < stats.size(); ++i) {
            if (i != 0) out += ',';
            out += encode(views[i], stats[i].value_or(UniverseStats{}), clients(views[i].id),
                          Figures::summary);
        }
        out += "]}";
        respond_json(responder, 200, std::move(out));
    };
    parts_.bridge.read_stats(std::move(ids), BridgePort::Detail::summary, done);
}

}  // namespace pulse::roblox::admin
