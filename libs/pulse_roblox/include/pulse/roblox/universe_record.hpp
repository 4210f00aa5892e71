// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is written down of a universe, and under which keys. Documents of a DocumentStore, all below
// one prefix ("roblox/"):
//
//   roblox/format            1; a store with a higher number is a newer version's
//   roblox/universe/<id>     JSON: settings and the (encrypted) Open Cloud keys; see
//   encode_universe() roblox/state/<id>        JSON: what was last found out about those keys, by
//   their serial; may be
//                            older than what is known, or of keys that are no more
//   roblox/token/<token id>  JSON: encode_token_record(); the secret's hash, never the secret
//   roblox/used/<token id>   last use, Unix time in ms, decimal; a few minutes coarse
//
// State and uses are documents of their own, so that what the server notes by itself never stands
// in the way of what an administrator changes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/result.hpp>
#include <pulse/roblox/key_record.hpp>
#include <pulse/roblox/message.hpp>
#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

/// What an administrator can set. A value type.
struct UniverseSettings {
    std::string name{};  ///< for people
    Mode mode = Mode::automatic;
    std::string prefix = "pulse";  ///< of real topics
    unsigned shards = 3;
    /// Some game servers cannot say hello (their HTTP is off): see UniverseConfig.
    bool has_silent_servers = false;
    /// Of pages elsewhere that may ask for this universe: `https://example.org`, `http://host:81`.
    std::vector<std::string> origins{};

    static constexpr std::size_t kMaxNameBytes = 100;
    static constexpr std::size_t kMaxOrigins = 32;
    static constexpr std::size_t kMaxOriginBytes = 200;

    friend bool operator==(const UniverseSettings&, const UniverseSettings&) = default;
};

[[nodiscard]] bool is_valid_universe_name(std::string_view name) noexcept;
[[nodiscard]] bool is_valid_topic_prefix(std::string_view prefix) noexcept;
[[nodiscard]] bool is_valid_shards(std::uint64_t shards) noexcept;
/// Scheme (http, https), host and perhaps a port; nothing behind it.
[[nodiscard]] bool is_valid_origin(std::string_view origin) noexcept;
/// All of it.
[[nodiscard]] bool is_valid(const UniverseSettings& settings) noexcept;

/// A value type.
struct UniverseRecord {
    UniverseId id;
    UniverseSettings settings{};
    std::uint64_t created_at_ms = 0;
    KeySlots keys{};

    friend bool operator==(const UniverseRecord&, const UniverseRecord&) = default;
};

/// {"v":1,"name":…,"mode":…,"prefix":…,"shards":…,"silent":…,"origins":[…],"created":ms,"keys":{…}};
/// keys as encode_key_slots() has them.
[[nodiscard]] std::string encode_universe(const UniverseRecord& record);
/// Errors: Error::invalid_record.
[[nodiscard]] core::Result<UniverseRecord> decode_universe(UniverseId id, std::string_view text);

/// {"v":1,"keys":[{"serial":n,"state":…,"checked":ms,"used":ms,"expires":ms,"owner":n},…]}
[[nodiscard]] std::string encode_key_states(const KeySlots& keys);
/// Puts what is known into the slots whose serials it names. False when it cannot be read: nothing
/// is lost but a time stamp and a state that will be asked for again.
bool apply_key_states(std::string_view text, KeySlots& keys);

/// Keys of the documents above.
struct RegistryKeys {
    std::string prefix = "roblox/";

    [[nodiscard]] std::string format() const { return prefix + "format"; }
    [[nodiscard]] std::string universe(UniverseId id) const {
        return prefix + "universe/" + id.to_string();
    }
    [[nodiscard]] std::string state(UniverseId id) const {
        return prefix + "state/" + id.to_string();
    }
    [[nodiscard]] std::string token(std::string_view id) const {
        return prefix + "token/" + std::string(id);
    }
    [[nodiscard]] std::string used(std::string_view id) const {
        return prefix + "used/" + std::string(id);
    }
    static constexpr std::uint64_t kFormat = 1;
};

}  // namespace pulse::roblox
