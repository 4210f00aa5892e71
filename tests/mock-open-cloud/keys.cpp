// SPDX-License-Identifier: MIT OR Apache-2.0
#include "keys.hpp"

#include <algorithm>
#include <utility>

namespace pulse::mock {

namespace {

bool contains(const std::vector<std::string>& list, std::string_view item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

bool KeyRing::put(std::string key, ApiKey record) {
    if (keys_.size() >= kMaxKeys && !keys_.contains(key)) return false;
    keys_.insert_or_assign(std::move(key), std::move(record));
    return true;
}

bool KeyRing::remove(std::string_view key) {
    const auto found = keys_.find(key);
    if (found == keys_.end()) return false;
    keys_.erase(found);
    return true;
}

const ApiKey* KeyRing::find(std::string_view key) const {
    const auto found = keys_.find(key);
    return found == keys_.end() ? nullptr : &found->second;
}

Permission may_publish(const ApiKey& key, UniverseId universe) {
    Permission best = Permission::no_scope;
    const std::string id = std::to_string(universe);
    for (const Scope& scope : key.scopes) {
        if (scope.name != "universe-messaging-service" || !contains(scope.operations, "publish")) {
            continue;
        }
        if (contains(scope.universes, "*") || contains(scope.universes, id)) {
            return Permission::granted;
        }
        best = Permission::no_universe;
    }
    return best;
}

}  // namespace pulse::mock
