// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json/reader.hpp"
#include "json/text.hpp"
#include "real_topics.hpp"

#include <algorithm>
#include <utility>

#include <pulse/protocol/utf8.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/universe_record.hpp>

namespace pulse::roblox {

namespace {

constexpr std::size_t kMaxDocumentBytes = std::size_t{64} * 1024;

[[nodiscard]] bool has_control(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

[[nodiscard]] bool read_text(json::Reader& reader, std::string& out) {
    out.clear();
    return reader.read_string(out);
}

[[nodiscard]] bool read_mode(json::Reader& reader, Mode& mode) {
    std::string text;
    if (!reader.read_string(text)) return false;
    const auto parsed = parse_mode(text);
    if (parsed) mode = *parsed;
    return parsed.has_value();
}

[[nodiscard]] bool read_shards(json::Reader& reader, unsigned& shards) {
    std::uint64_t number = 0;
    if (!reader.read_uint(number) || !is_valid_shards(number)) return false;
    shards = static_cast<unsigned>(number);
    return true;
}

[[nodiscard]] bool read_origins(json::Reader& reader, std::vector<std::string>& origins) {
    origins.clear();
    if (!reader.enter_array()) return false;
    while (reader.next_item()) {
        if (origins.size() == UniverseSettings::kMaxOrigins) return false;
        if (!reader.read_string(origins.emplace_back())) return false;
    }
    return reader.ok();
}

[[nodiscard]] bool read_keys(json::Reader& reader, KeySlots& keys) {
    std::string text;
    if (!reader.copy(text)) return false;
    auto decoded = decode_key_slots(text);
    if (decoded) keys = std::move(*decoded);
    return decoded.has_value();
}

struct KeyFacts {
    std::uint64_t serial = 0;
    KeySlot slot{};
};
[[nodiscard]] bool read_facts(json::Reader& reader, KeyFacts& facts) {
    if (!reader.enter_object()) return false;
    std::string key;
    while (reader.next_member(key)) {
        bool is_read = false;
        if (key == "state") {
            std::string name;
            is_read = reader.read_string(name);
            const auto state = parse_key_state(name);
            is_read = is_read && state;
            if (state) facts.slot.state = *state;
        } else {
            is_read = key == "serial"    ? reader.read_uint(facts.serial)
                      : key == "checked" ? reader.read_uint(facts.slot.checked_at_ms)
                      : key == "used"    ? reader.read_uint(facts.slot.used_at_ms)
                      : key == "expires" ? reader.read_uint(facts.slot.expires_at_ms)
                      : key == "owner"   ? reader.read_uint(facts.slot.owner)
                                         : reader.skip();
        }
        if (!is_read) return false;
    }
    return reader.ok();
}

void append_member(std::string& out, std::string_view name, std::uint64_t number) {
    out += ",\"";
    out += name;
    out += "\":";
    out += std::to_string(number);
}

}  // namespace

bool is_valid_universe_name(std::string_view name) noexcept {
    return name.size() <= UniverseSettings::kMaxNameBytes && protocol::is_valid_utf8(name) &&
           !has_control(name);
}

bool is_valid_topic_prefix(std::string_view prefix) noexcept { return is_valid_prefix(prefix); }

bool is_valid_shards(std::uint64_t shards) noexcept { return shards >= 1 && shards <= kMaxShards; }

bool is_valid_origin(std::string_view origin) noexcept {
    if (origin.size() > UniverseSettings::kMaxOriginBytes) return false;
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!origin.starts_with(scheme)) continue;
        const std::string_view authority = origin.substr(scheme.size());
        return !authority.empty() && std::all_of(authority.begin(), authority.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   std::string_view(".-_:[]").find(c) != std::string_view::npos;
        });
    }
    return false;
}

bool is_valid(const UniverseSettings& settings) noexcept {
    return is_valid_universe_name(settings.name) && is_valid_topic_prefix(settings.prefix) &&
           is_valid_shards(settings.shards) &&
           settings.origins.size() <= UniverseSettings::kMaxOrigins &&
           std::all_of(settings.origins.begin(), settings.origins.end(),
                       [](const std::string& origin) { return is_valid_origin(origin); });
}

std::string encode_universe(const UniverseRecord& record) {
    std::string out = "{\"v\":1,\"name\":";
    json::append_string(out, record.settings.name);
    out += ",\"mode\":";
    json::append_string(out, to_string(record.settings.mode));
    out += ",\"prefix\":";
    json::append_string(out, record.settings.prefix);
    append_member(out, "shards", record.settings.shards);
    if (record.settings.has_silent_servers) out += ",\"silent\":true";
    out += ",\"origins\":[";
    for (const std::string& origin : record.settings.origins) {
        if (out.back() != '[') out += ',';
        json::append_string(out, origin);
    }
    out += ']';
    append_member(out, "created", record.created_at_ms);
    out += ",\"keys\":";
    out += encode_key_slots(record.keys);
    out += '}';
    return out;
}

core::Result<UniverseRecord> decode_universe(UniverseId id, std::string_view text) {
    const tl::unexpected refused{make_error_code(Error::invalid_record)};
    json::Reader reader(text);
    if (text.size() > kMaxDocumentBytes || !reader.enter_object()) return refused;
    UniverseRecord record{.id = id};
    std::uint64_t format = 0;
    bool has_keys = false;
    std::string key;
    while (reader.next_member(key)) {
        bool is_read = false;
        if (key == "keys") {
            is_read = has_keys = read_keys(reader, record.keys);
        } else {
            is_read = key == "v"         ? reader.read_uint(format)
                      : key == "name"    ? read_text(reader, record.settings.name)
                      : key == "mode"    ? read_mode(reader, record.settings.mode)
                      : key == "prefix"  ? read_text(reader, record.settings.prefix)
                      : key == "shards"  ? read_shards(reader, record.settings.shards)
                      : key == "silent"  ? reader.read_bool(record.settings.has_silent_servers)
                      : key == "origins" ? read_origins(reader, record.settings.origins)
                      : key == "created" ? reader.read_uint(record.created_at_ms)
                                         : reader.skip();
        }
        if (!is_read) return refused;
    }
    if (!reader.finish() || format != 1 || !has_keys || !is_valid(record.settings)) return refused;
    return record;
}

std::string encode_key_states(const KeySlots& keys) {
    std::string out = "{\"v\":1,\"keys\":[";
    for (const auto& slot : keys.slots) {
        if (!slot) continue;
        if (out.back() != '[') out += ',';
        out += "{\"serial\":" + std::to_string(slot->serial) + ",\"state\":";
        json::append_string(out, to_string(slot->state));
        append_member(out, "checked", slot->checked_at_ms);
        append_member(out, "used", slot->used_at_ms);
        append_member(out, "expires", slot->expires_at_ms);
        append_member(out, "owner", slot->owner);
        out += '}';
    }
    out += "]}";
    return out;
}

bool apply_key_states(std::string_view text, KeySlots& keys) {
    json::Reader reader(text);
    if (text.size() > kMaxDocumentBytes || !reader.enter_object()) return false;
    std::vector<KeyFacts> all;
    std::uint64_t format = 0;
    std::string key;
    while (reader.next_member(key)) {
        bool is_read = false;
        if (key == "keys") {
            is_read = reader.enter_array();
            while (is_read && reader.next_item()) {
                is_read = all.size() < keys.slots.size() && read_facts(reader, all.emplace_back());
            }
            is_read = is_read && reader.ok();
        } else {
            is_read = key == "v" ? reader.read_uint(format) : reader.skip();
        }
        if (!is_read) return false;
    }
    if (!reader.finish() || format != 1) return false;
    for (auto& slot : keys.slots) {
        for (KeyFacts& facts : all) {
            if (!slot || slot->serial != facts.serial) continue;
            facts.slot.record = std::move(slot->record);
            facts.slot.serial = slot->serial;
            facts.slot.fingerprint = std::move(slot->fingerprint);
            *slot = std::move(facts.slot);
            break;
        }
    }
    return true;
}

}  // namespace pulse::roblox
