// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json/reader.hpp"

#include <algorithm>
#include <charconv>

#include <pulse/roblox/error.hpp>
#include <pulse/roblox/open_cloud.hpp>

namespace pulse::roblox {

namespace {

using json::Kind;

constexpr std::size_t kMaxScopes = 256;
constexpr std::size_t kMaxPerScope = 1'024;

/// Texts, or numbers as their text: ids come as either.
[[nodiscard]] bool read_texts(json::Reader& reader, std::vector<std::string>& out) {
    if (reader.peek() != Kind::array) return reader.skip();
    if (!reader.enter_array()) return false;
    while (reader.next_item()) {
        std::string text;
        const Kind kind = reader.peek();
        const bool is_read = kind == Kind::string   ? reader.read_string(text)
                             : kind == Kind::number ? reader.copy(text)
                                                    : reader.skip();
        if (!is_read || out.size() == kMaxPerScope) return false;
        if (kind == Kind::string || kind == Kind::number) out.push_back(std::move(text));
    }
    return reader.ok();
}

[[nodiscard]] bool read_text(json::Reader& reader, std::string& out) {
    if (reader.peek() != Kind::string) return reader.skip();
    out.clear();
    return reader.read_string(out);
}

[[nodiscard]] bool read_flag(json::Reader& reader, bool& out) {
    return reader.peek() == Kind::boolean ? reader.read_bool(out) : reader.skip();
}

[[nodiscard]] bool read_scope(json::Reader& reader, KeyInfo::Scope& scope) {
    if (!reader.enter_object()) return false;
    std::string key;
    while (reader.next_member(key)) {
        const bool is_read = key == "name"          ? read_text(reader, scope.name)
                             : key == "operations"  ? read_texts(reader, scope.operations)
                             : key == "universeIds" ? read_texts(reader, scope.universes)
                                                    : reader.skip();
        if (!is_read) return false;
    }
    return reader.ok();
}

[[nodiscard]] bool read_scopes(json::Reader& reader, std::vector<KeyInfo::Scope>& scopes) {
    if (reader.peek() != Kind::array) return reader.skip();
    if (!reader.enter_array()) return false;
    while (reader.next_item()) {
        KeyInfo::Scope scope;
        if (scopes.size() == kMaxScopes || !read_scope(reader, scope)) return false;
        scopes.push_back(std::move(scope));
    }
    return reader.ok();
}

[[nodiscard]] bool read_owner(json::Reader& reader, std::uint64_t& owner) {
    std::string text;
    const Kind kind = reader.peek();
    if (kind == Kind::number) return reader.read_uint(owner);
    if (kind != Kind::string) return reader.skip();
    if (!reader.read_string(text)) return false;
    std::from_chars(text.data(), text.data() + text.size(), owner);
    return true;
}

[[nodiscard]] bool read_member(json::Reader& reader, const std::string& key, KeyInfo& info) {
    if (key == "name") return read_text(reader, info.name);
    if (key == "authorizedUserId") return read_owner(reader, info.owner);
    if (key == "scopes") return read_scopes(reader, info.scopes);
    if (key == "enabled") return read_flag(reader, info.is_enabled);
    if (key == "expired") return read_flag(reader, info.is_expired);
    if (key == "expirationTimeUtc") {
        std::string text;
        if (!read_text(reader, text)) return false;
        info.expires_at_ms = parse_timestamp(text).value_or(0);
        return true;
    }
    return reader.skip();
}

}  // namespace

core::Result<KeyInfo> read_introspection(std::string_view body) {
    json::Reader reader(body);
    if (reader.peek() != Kind::object) {
        const bool is_json = reader.skip() && reader.finish();
        return tl::unexpected{
            make_error_code(is_json ? Error::invalid_message : Error::invalid_json)};
    }
    KeyInfo info;
    if (!reader.enter_object()) return tl::unexpected{make_error_code(Error::invalid_json)};
    std::string key;
    while (reader.next_member(key)) {
        if (!read_member(reader, key, info)) {
            return tl::unexpected{make_error_code(Error::invalid_message)};
        }
    }
    if (!reader.finish()) return tl::unexpected{make_error_code(Error::invalid_json)};
    return info;
}

KeyState evaluate_key(const KeyInfo& key, UniverseId universe, std::uint64_t unix_ms) noexcept {
    if (key.is_expired || (key.expires_at_ms != 0 && key.expires_at_ms <= unix_ms)) {
        return KeyState::expired;
    }
    if (!key.is_enabled) return KeyState::rejected;
    bool has_scope = false;
    const std::string id = universe.to_string();
    for (const KeyInfo::Scope& scope : key.scopes) {
        const bool may_publish = scope.name == "universe-messaging-service:publish" ||
                                 (scope.name == "universe-messaging-service" &&
                                  std::find(scope.operations.begin(), scope.operations.end(),
                                            "publish") != scope.operations.end());
        if (!may_publish) continue;
        has_scope = true;
        const bool is_ours =
            scope.universes.empty() ||
            std::any_of(scope.universes.begin(), scope.universes.end(),
                        [&](const std::string& one) { return one == "*" || one == id; });
        if (is_ours) return KeyState::valid;
    }
    return has_scope ? KeyState::wrong_universe : KeyState::missing_scope;
}

std::string_view to_string(KeyState state) noexcept {
    switch (state) {
        case KeyState::unknown:
            return "unknown";
        case KeyState::valid:
            return "valid";
        case KeyState::missing_scope:
            return "missing_scope";
        case KeyState::wrong_universe:
            return "wrong_universe";
        case KeyState::expired:
            return "expired";
        case KeyState::rejected:
            return "rejected";
    }
    return "unknown";
}

std::optional<KeyState> parse_key_state(std::string_view text) noexcept {
    for (const KeyState state : {KeyState::unknown, KeyState::valid, KeyState::missing_scope,
                                 KeyState::wrong_universe, KeyState::expired, KeyState::rejected}) {
        if (to_string(state) == text) return state;
    }
    return {};
}

}  // namespace pulse::roblox
