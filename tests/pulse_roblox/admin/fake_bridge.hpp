// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stands for the bridge behind a registry: knows some keys, remembers what it was told.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <pulse/roblox/bridge_port.hpp>

namespace pulse::test {

/// Answers at once, or when told to. **Thread-safe.**
class FakeBridge final : public roblox::BridgePort {
  public:
    struct Universe {
        std::string key;
        std::uint64_t key_version = 0;
        std::uint64_t owner = 0;
        roblox::Mode mode = roblox::Mode::automatic;
        std::string prefix;
        unsigned shards = 0;
        unsigned times = 0;  ///< set_universe() was called
    };

    void set_universe(roblox::UniverseId id, roblox::UniverseConfig config) override {
        const std::lock_guard lock(mutex_);
        Universe& universe = universes_[id];
        universe = {std::string(config.key.view()),
                    config.key_version,
                    config.key_owner,
                    config.mode,
                    config.prefix,
                    config.shards,
                    universe.times + 1};
    }
    void remove_universe(roblox::UniverseId id) override {
        const std::lock_guard lock(mutex_);
        universes_.erase(id);
    }
    void release_universe(roblox::UniverseId id) override {
        const std::lock_guard lock(mutex_);
        universes_.erase(id);
        released_.insert(id);
    }
    void probe(roblox::UniverseId id, KeyDone done) override {
        Universe universe;
        {
            const std::lock_guard lock(mutex_);
            ++probes_;
            universe = universes_[id];
            if (is_silent_) {
                held_.push_back(
                    [id, universe, done = std::move(done), this] { done(report(id, universe)); });
                return;
            }
        }
        done(report(id, universe));
    }
    void introspect(roblox::Secret key, roblox::PublishTransport::IntrospectDone done) override {
        const std::string text(key.view());
        {
            const std::lock_guard lock(mutex_);
            ++introspections_;
            if (is_silent_) {
                held_.push_back([text, done = std::move(done), this] { done(answer(text)); });
                return;
            }
        }
        done(answer(text));
    }
    void read_stats(std::vector<roblox::UniverseId> ids, Detail, StatsDone done) override {
        std::vector<std::optional<roblox::UniverseStats>> stats;
        {
            const std::lock_guard lock(mutex_);
            ++stats_reads_;
            for (const auto id : ids) {
                stats.emplace_back();
                if (universes_.contains(id)) stats.back().emplace().game_servers = 3;
            }
        }
        done(std::move(stats));
    }
    void read_servers(roblox::UniverseId, ServersDone done) override {
        roblox::ServerInfo server;
        server.server = "server-1";
        done({server});
    }

    /// A key that may publish to these universes.
    void allow(const std::string& key, std::vector<roblox::UniverseId> ids,
               std::uint64_t owner = 77, std::uint64_t expires_at_ms = 0) {
        roblox::KeyInfo info;
        info.owner = owner;
        info.expires_at_ms = expires_at_ms;
        roblox::KeyInfo::Scope scope{
            .name = "universe-messaging-service", .operations = {"publish"}, .universes = {}};
        for (const auto id : ids) scope.universes.push_back(id.to_string());
        info.scopes.push_back(std::move(scope));
        const std::lock_guard lock(mutex_);
        keys_[key] = std::move(info);
    }
    void forget(const std::string& key) {
        const std::lock_guard lock(mutex_);
        keys_.erase(key);
    }
    /// Open Cloud does not answer (503) from now on.
    void break_down(bool is_down = true) {
        const std::lock_guard lock(mutex_);
        is_down_ = is_down;
    }
    /// Answers wait until release().
    void hold() {
        const std::lock_guard lock(mutex_);
        is_silent_ = true;
    }
    void release() {
        std::vector<std::function<void()>> held;
        {
            const std::lock_guard lock(mutex_);
            is_silent_ = false;
            held.swap(held_);
        }
        for (const auto& answer : held) answer();
    }

    [[nodiscard]] Universe universe(roblox::UniverseId id) const {
        const std::lock_guard lock(mutex_);
        const auto found = universes_.find(id);
        return found != universes_.end() ? found->second : Universe{};
    }
    [[nodiscard]] bool has(roblox::UniverseId id) const {
        const std::lock_guard lock(mutex_);
        return universes_.contains(id);
    }
    [[nodiscard]] bool is_released(roblox::UniverseId id) const {
        const std::lock_guard lock(mutex_);
        return released_.contains(id) && !universes_.contains(id);
    }
    [[nodiscard]] int probes() const {
        const std::lock_guard lock(mutex_);
        return probes_;
    }
    [[nodiscard]] int introspections() const {
        const std::lock_guard lock(mutex_);
        return introspections_;
    }
    [[nodiscard]] int stats_reads() const {
        const std::lock_guard lock(mutex_);
        return stats_reads_;
    }
    [[nodiscard]] std::size_t held() const {
        const std::lock_guard lock(mutex_);
        return held_.size();
    }
    void set_time(std::uint64_t unix_ms) {
        const std::lock_guard lock(mutex_);
        unix_ms_ = unix_ms;
    }

  private:
    roblox::IntrospectAnswer answer(const std::string& key) {
        const std::lock_guard lock(mutex_);
        roblox::IntrospectAnswer answer;
        const auto found = keys_.find(key);
        answer.error.http = is_down_ ? 503 : found == keys_.end() ? 401 : 200;
        if (answer.error.http == 200) answer.key = found->second;
        return answer;
    }
    roblox::KeyReport report(roblox::UniverseId id, const Universe& universe) {
        const roblox::IntrospectAnswer asked = answer(universe.key);
        roblox::KeyReport report{.key_version = universe.key_version, .http = asked.error.http};
        if (asked.key) {
            report.state = roblox::evaluate_key(*asked.key, id, unix_ms_);
            report.owner = asked.key->owner;
            report.expires_at_ms = asked.key->expires_at_ms;
        } else if (asked.error.http == 401) {
            report.state = roblox::KeyState::rejected;
        }
        return report;
    }

    mutable std::mutex mutex_;
    std::map<roblox::UniverseId, Universe> universes_;
    std::set<roblox::UniverseId> released_;
    std::map<std::string, roblox::KeyInfo> keys_;
    std::vector<std::function<void()>> held_;
    bool is_down_ = false;
    bool is_silent_ = false;
    int probes_ = 0;
    int introspections_ = 0;
    int stats_reads_ = 0;
    std::uint64_t unix_ms_ = 1'767'225'600'000;
};

}  // namespace pulse::test
