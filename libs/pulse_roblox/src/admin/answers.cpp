// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admin/answers.hpp"

#include "json/text.hpp"

#include <chrono>
#include <cstdio>

#include <pulse/core/error.hpp>
#include <pulse/roblox/bridge_json.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox::admin {

namespace {

void member(std::string& out, std::string_view name) {
    if (!out.empty() && out.back() != '{' && out.back() != '[' && out.back() != ',') out += ',';
    out += '"';
    out += name;
    out += "\":";
}
void member_text(std::string& out, std::string_view name, std::string_view text) {
    member(out, name);
    json::append_string(out, text);
}
void member_number(std::string& out, std::string_view name, std::uint64_t number) {
    member(out, name);
    out += std::to_string(number);
}
void append_rounded(std::string& out, double number) {
    // Three digits are enough for a page; what is no number at all is 0 there.
    char text[64];
    const bool is_sane = number == number && number < 1e15 && number > -1e15;
    std::snprintf(text, sizeof text, "%.3f", is_sane ? number : 0.0);
    std::string_view view(text);
    while (view.ends_with('0')) view.remove_suffix(1);
    if (view.ends_with('.')) view.remove_suffix(1);
    out += view;
}
void member_rounded(std::string& out, std::string_view name, double number) {
    member(out, name);
    append_rounded(out, number);
}
void member_list(std::string& out, std::string_view name, const std::vector<double>& numbers) {
    member(out, name);
    out += '[';
    for (const double number : numbers) {
        if (out.back() != '[') out += ',';
        append_rounded(out, number);
    }
    out += ']';
}

void append_key(std::string& out, const KeyView& key) {
    out += '{';
    member_number(out, "slot", key.slot);
    member(out, "active");
    out += key.is_active ? "true" : "false";
    member_text(out, "fingerprint", key.fingerprint);
    member_text(out, "state", key.is_readable ? to_string(key.state) : "unreadable");
    member(out, "checkedAt");
    out += timestamp(key.checked_at_ms);
    member(out, "expiresAt");
    out += timestamp(key.expires_at_ms);
    member(out, "usedAt");
    out += timestamp(key.used_at_ms);
    member(out, "warning");
    if (key.warning.empty()) {
        out += "null";
    } else {
        json::append_string(out, key.warning);
    }
    out += '}';
}

struct Row {
    std::error_code error;
    int status;
    std::string_view text;
};

}  // namespace

void add_security_headers(core::HttpResponse& response) {
    response.headers.emplace_back("cache-control", "no-store");
    response.headers.emplace_back("x-content-type-options", "nosniff");
    response.headers.emplace_back("referrer-policy", "no-referrer");
    response.headers.emplace_back("content-security-policy",
                                  "default-src 'none'; frame-ancestors 'none'");
}

void respond(const Responder& responder, core::HttpResponse response) {
    add_security_headers(response);
    responder->respond(std::move(response));
}

void respond_json(const Responder& responder, int status, std::string body) {
    respond(responder, core::HttpResponse::json(status, std::move(body)));
}

void respond_success(const Responder& responder) {
    respond_json(responder, 200, R"({"success":true})");
}

core::HttpResponse change_error(std::error_code error) {
    const Row rows[] = {
        {Error::unknown_universe, 404, "Universe does not exist"},
        {Error::universe_exists, 409, "Universe already exists"},
        {core::Error::document_conflict, 409, "Universe was changed meanwhile"},
        {Error::unknown_key, 404, "Key does not exist"},
        {Error::key_in_use, 409, "Key is in use"},
        {Error::unknown_token, 404, "Token does not exist"},
        {Error::invalid_rights, 400, "These rights cannot be in one token"},
        {Error::invalid_key, 400, "Invalid Open Cloud API Key"},
        {Error::invalid_message, 400, "Invalid input"},
        {Error::invalid_record, 409, "The stored record is damaged: set its key anew"},
        {Error::too_many_entries, 507, "Too many entries"},
        {std::make_error_code(std::errc::timed_out), 504, "Open Cloud did not answer in time"},
        {std::make_error_code(std::errc::host_unreachable), 502, "Open Cloud did not answer"},
    };
    for (const Row& row : rows) {
        if (row.error == error) return error_response(row.status, row.text);
    }
    core::HttpResponse response = error_response(503, "Storage is not available");
    response.headers.emplace_back("retry-after", "5");
    return response;
}

std::string timestamp(std::uint64_t unix_ms) {
    constexpr std::uint64_t kYear9999 = 253'402'300'799'999;
    if (unix_ms == 0 || unix_ms > kYear9999) return "null";
    using namespace std::chrono;
    const sys_time<milliseconds> time{milliseconds(unix_ms)};
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss<milliseconds> clock{time - day};
    char text[40];
    std::snprintf(
        text, sizeof text, "\"%04d-%02u-%02uT%02d:%02d:%02d.%03dZ\"", int(date.year()),
        unsigned(date.month()), unsigned(date.day()), static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
        static_cast<int>(clock.subseconds().count()));
    return text;
}

std::string encode(const UniverseView& universe, const UniverseStats& stats,
                   std::size_t web_clients, Figures figures) {
    std::string out = "{";
    member_text(out, "id", universe.id.to_string());
    member_text(out, "name", universe.settings.name);
    member_text(out, "mode", to_string(universe.settings.mode));
    member_text(out, "prefix", universe.settings.prefix);
    member_number(out, "shards", universe.settings.shards);
    member(out, "silentServers");
    out += universe.settings.has_silent_servers ? "true" : "false";
    member(out, "origins");
    out += '[';
    for (const std::string& origin : universe.settings.origins) {
        if (out.back() != '[') out += ',';
        json::append_string(out, origin);
    }
    out += ']';
    member(out, "createdAt");
    out += timestamp(universe.created_at_ms);
    member(out, "damaged");
    out += universe.is_damaged ? "true" : "false";
    member(out, "keys");
    out += '[';
    for (const KeyView& key : universe.keys) {
        if (out.back() != '[') out += ',';
        append_key(out, key);
    }
    out += "],";
    out += encode_summary(stats);  // ends with a comma
    member_number(out, "webClients", web_clients);
    if (figures != Figures::summary) {
        out += ',';
        out += encode_details(stats, figures == Figures::details_with_history);
    }
    out += '}';
    return out;
}

std::string encode(const std::vector<AccessBook::Token>& tokens, std::uint64_t unix_ms) {
    std::string out = "{\"tokens\":[";
    for (const AccessBook::Token& token : tokens) {
        const TokenRecord& record = token.record;
        if (out.back() != '[') out += ',';
        out += '{';
        member_text(out, "id", record.id);
        member_text(out, "label", record.label);
        member(out, "rights");
        out += '[';
        for (const std::string_view right : to_names(record.rights)) {
            if (out.back() != '[') out += ',';
            json::append_string(out, right);
        }
        out += ']';
        member(out, "universes");
        out += record.is_for_all ? "[\"*\"" : "[";
        for (const UniverseId id : record.universes) {
            if (out.back() != '[') out += ',';
            json::append_string(out, id.to_string());
        }
        out += ']';
        member(out, "createdAt");
        out += timestamp(record.created_at_ms);
        member(out, "expiresAt");
        out += timestamp(record.expires_at_ms);
        member_text(out, "state", record.has_expired(unix_ms) ? "expired" : "valid");
        member(out, "lastUsedAt");
        out += timestamp(token.used_at_ms);
        out += '}';
    }
    out += "]}";
    return out;
}

std::string encode_members(const EngineOverview& overview, bool with_history) {
    std::string out;
    member_text(out, "version", overview.version);
    member_number(out, "uptimeMs", overview.uptime_ms);
    member_number(out, "connections", overview.connections);
    member_number(out, "channels", overview.channels);
    member_number(out, "subscriptions", overview.subscriptions);
    member_rounded(out, "deliveriesPerSecond", overview.deliveries_per_second);
    member_rounded(out, "publishesPerSecond", overview.publishes_per_second);
    member_rounded(out, "p99Ms", overview.p99_ms);
    member_number(out, "drops", overview.drops);
    member_number(out, "memoryBytes", overview.memory_bytes);
    member_number(out, "queuedBytes", overview.queued_bytes);
    member_number(out, "loops", overview.loops);
    member(out, "rooms");
    out += overview.has_rooms ? "true" : "false";
    if (with_history) {
        member(out, "history");
        out += "{\"stepMs\":1000";
        member_list(out, "deliveries", overview.history_deliveries);
        member_list(out, "connections", overview.history_connections);
        out += '}';
    }
    return out;
}

}  // namespace pulse::roblox::admin
