// SPDX-License-Identifier: MIT OR Apache-2.0
#include "token.hpp"

#include "crypto.hpp"
#include "json/reader.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <pulse/protocol/base64.hpp>
#include <pulse/protocol/utf8.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

constexpr std::size_t kIdBytes = 12;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSecretText = 43;
constexpr std::size_t kMaxLabelBytes = 64;
constexpr std::size_t kMaxRecordBytes = std::size_t{16} * 1024;

constexpr std::pair<Right, std::string_view> kNames[] = {
    {Right::web_read, "web.read"},   {Right::web_send, "web.send"}, {Right::game_send, "game.send"},
    {Right::game_poll, "game.poll"}, {Right::admin, "admin"},
};

[[nodiscard]] bool is_id(std::string_view id) noexcept {
    return id.size() == kIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
           });
}

[[nodiscard]] std::string make_id(core::Rng& rng) {
    // Names the token in lists and logs; what keeps it safe is the secret. Two numbers of six
    // characters each, in base 36.
    std::string id;
    while (id.size() < kIdBytes) {
        std::uint64_t number = rng.next_u64();
        for (int i = 0; i < 6; ++i, number /= 36) {
            id += "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
        }
    }
    return id;
}

[[nodiscard]] bool is_sound(const TokenRecord& record) noexcept {
    return record.rights.is_allowed() && (record.is_for_all || !record.universes.empty()) &&
           record.universes.size() <= kMaxTokenUniverses && record.label.size() <= kMaxLabelBytes &&
           protocol::is_valid_utf8(record.label);
}

[[nodiscard]] bool read_rights(json::Reader& reader, std::vector<Right>& rights) {
    if (!reader.enter_array()) return false;
    while (reader.next_item()) {
        std::string name;
        if (!reader.read_string(name)) return false;
        const auto right = parse_right(name);
        if (!right || rights.size() == std::size(kNames)) return false;
        rights.push_back(*right);
    }
    return reader.ok();
}

[[nodiscard]] bool read_universes(json::Reader& reader, TokenRecord& record) {
    if (reader.peek() == json::Kind::string) {
        std::string text;
        record.is_for_all = true;
        return reader.read_string(text) && text == "*";
    }
    if (!reader.enter_array()) return false;
    while (reader.next_item()) {
        std::string text;
        if (!reader.read_string(text)) return false;
        const auto universe = UniverseId::parse(text);
        if (!universe || record.universes.size() == kMaxTokenUniverses) return false;
        record.universes.push_back(*universe);
    }
    return reader.ok();
}

[[nodiscard]] bool read_hash(json::Reader& reader, SecretHash& hash) {
    std::string text;
    std::string bytes;
    if (!reader.read_string(text) || !decode_base64(text, protocol::Base64::url, bytes) ||
        bytes.size() != hash.size()) {
        return false;
    }
    std::memcpy(hash.data(), bytes.data(), hash.size());
    return true;
}

}  // namespace

bool Rights::is_allowed() const noexcept {
    const auto holds = [this](Right right) {
        return (bits_ & static_cast<std::uint8_t>(right)) != 0;
    };
    const bool is_in_game = holds(Right::game_send) || holds(Right::game_poll);
    return bits_ != 0 && !(is_in_game && (holds(Right::web_read) || holds(Right::admin)));
}

std::vector<std::string_view> to_names(Rights rights) {
    std::vector<std::string_view> names;
    for (const auto& [right, name] : kNames) {
        if ((rights.bits_ & static_cast<std::uint8_t>(right)) != 0) names.push_back(name);
    }
    return names;
}

std::optional<Right> parse_right(std::string_view name) noexcept {
    for (const auto& [right, text] : kNames) {
        if (text == name) return right;
    }
    return {};
}

bool Grant::allows(Right right, UniverseId universe) const noexcept {
    return rights.has(right) && (is_for_all || std::find(universes.begin(), universes.end(),
                                                         universe) != universes.end());
}

std::string make_secret(core::Rng& rng) {
    std::string bytes = crypto::random_bytes(rng, kSecretBytes);
    std::string text = protocol::encode_base64(bytes, protocol::Base64::url);
    crypto::wipe(bytes);
    return text;
}

SecretHash hash_of(std::string_view secret) noexcept { return crypto::sha256(secret); }

TokenParts split_token(std::string_view text) noexcept {
    constexpr std::string_view kPrefix = "plt_";
    if (text.size() != kPrefix.size() + kIdBytes + 1 + kSecretText || !text.starts_with(kPrefix)) {
        return {};
    }
    const std::string_view id = text.substr(kPrefix.size(), kIdBytes);
    if (!is_id(id) || text[kPrefix.size() + kIdBytes] != '_') return {};
    return {id, text.substr(kPrefix.size() + kIdBytes + 1)};
}

core::Result<NewToken> make_token(TokenRecord wanted, core::Rng& rng, std::uint64_t unix_ms) {
    if (!is_sound(wanted)) return tl::unexpected{make_error_code(Error::invalid_rights)};
    const std::string secret = make_secret(rng);
    wanted.id = make_id(rng);
    wanted.hash = hash_of(secret);
    wanted.created_at_ms = unix_ms;
    std::string text = "plt_" + wanted.id + "_" + secret;
    return NewToken{.text = std::move(text), .record = std::move(wanted)};
}

std::string encode_token_record(const TokenRecord& record) {
    std::string out = "{\"v\":1,\"id\":\"" + record.id + "\",\"hash\":\"";
    append_base64(out, {reinterpret_cast<const char*>(record.hash.data()), record.hash.size()},
                  protocol::Base64::url);
    out += "\",\"label\":";
    json::append_string(out, record.label);
    out += ",\"rights\":[";
    for (const std::string_view name : to_names(record.rights)) {
        if (out.back() != '[') out += ',';
        json::append_string(out, name);
    }
    out += "],\"universes\":";
    if (record.is_for_all) {
        out += "\"*\"";
    } else {
        // As text: a reader that holds numbers as doubles would round them.
        out += '[';
        for (const UniverseId universe : record.universes) {
            if (out.back() != '[') out += ',';
            out += '"' + universe.to_string() + '"';
        }
        out += ']';
    }
    out += ",\"created\":" + std::to_string(record.created_at_ms);
    out += ",\"expires\":" + std::to_string(record.expires_at_ms) + "}";
    return out;
}

core::Result<TokenRecord> decode_token_record(std::string_view text) {
    const tl::unexpected refused{make_error_code(Error::invalid_record)};
    json::Reader reader(text);
    if (text.size() > kMaxRecordBytes || !reader.enter_object()) return refused;
    TokenRecord record;
    std::vector<Right> rights;
    std::uint64_t format = 0;
    bool has_hash = false;
    std::string key;
    while (reader.next_member(key)) {
        bool is_read = false;
        if (key == "v") {
            is_read = reader.read_uint(format);
        } else if (key == "id") {
            record.id.clear();
            is_read = reader.read_string(record.id);
        } else if (key == "hash") {
            is_read = has_hash = read_hash(reader, record.hash);
        } else if (key == "label") {
            record.label.clear();
            is_read = reader.read_string(record.label);
        } else if (key == "rights") {
            is_read = read_rights(reader, rights);
        } else if (key == "universes") {
            is_read = read_universes(reader, record);
        } else if (key == "created") {
            is_read = reader.read_uint(record.created_at_ms);
        } else if (key == "expires") {
            is_read = reader.read_uint(record.expires_at_ms);
        } else {
            is_read = reader.skip();
        }
        if (!is_read) return refused;
    }
    for (const Right right : rights) record.rights = record.rights | right;
    if (!reader.finish() || format != 1 || !is_id(record.id) || !has_hash || !is_sound(record)) {
        return refused;
    }
    return record;
}

}  // namespace pulse::roblox
