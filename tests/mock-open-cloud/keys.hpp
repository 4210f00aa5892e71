// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pulse::mock {

using UniverseId = std::uint64_t;

/// What a key may do: operations of one API, in some universes.
struct Scope {
    std::string name = "universe-messaging-service";
    std::vector<std::string> operations{"publish"};
    std::vector<std::string> universes{"*"};  ///< decimal ids, or "*"
};

struct ApiKey {
    std::string name = "mock key";
    std::uint64_t owner = 1;
    bool is_enabled = true;
    bool is_expired = false;
    std::string expires_utc{};  ///< as introspect shall say; "" = never
    std::vector<Scope> scopes{Scope{}};

    [[nodiscard]] bool is_usable() const noexcept { return is_enabled && !is_expired; }
};

enum class Permission : std::uint8_t { granted, no_scope, no_universe };

/// **Not thread-safe.**
class KeyRing {
  public:
    static constexpr std::size_t kMaxKeys = 4096;

    /// Adds or replaces. False when full.
    [[nodiscard]] bool put(std::string key, ApiKey record);
    [[nodiscard]] bool remove(std::string_view key);
    [[nodiscard]] const ApiKey* find(std::string_view key) const;
    void clear() noexcept { keys_.clear(); }

  private:
    std::map<std::string, ApiKey, std::less<>> keys_;
};

[[nodiscard]] Permission may_publish(const ApiKey& key, UniverseId universe);

}  // namespace pulse::mock
