// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Keeps below every limit Roblox documents, and slows down where it says so all the same.
//
//   per                   limit per minute      a publish costs
//   API key owner         5,000                 1
//   source address        10,000                1
//   universe              400 + 200 S           S, targeted: 1      (S: live game servers)
//   real topic            40 + 80 S             S, targeted: 1
//
// While S is not known, publishes are counted and the limits are 200 and 80: what holds for any S.
#pragma once

#include "backoff.hpp"
#include "quota_bucket.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <pulse/core/rng.hpp>
#include <pulse/roblox/publish_budget.hpp>

namespace pulse::roblox {

/// Roblox has quadrupled these figures once; all of them can be set.
struct GovernorOptions {
    // Behaviour
    double share = 0.8;  ///< of each limit that is used steadily, 0.1 … 0.95
    double owner_per_minute = 5'000;
    double address_per_minute = 10'000;
    double universe_base = 400;
    double universe_per_server = 200;
    double topic_base = 40;
    double topic_per_server = 80;
    double universe_unknown = 200;  ///< publishes, while the number of servers is not known
    double topic_unknown = 80;
    /// Above 1, the pace may rise beyond the documented limits, for as long as nothing is refused.
    double max_factor = 1.0;
    unsigned max_in_flight_per_universe = 4;
    unsigned max_in_flight = 64;
    BackoffOptions backoff{};
};

/// **Loop-bound.**
class RateGovernor final : public PublishBudget {
  public:
    RateGovernor(GovernorOptions options, core::Rng& rng);

    [[nodiscard]] Permission try_take(const PublishRequest& request,
                                      core::MonotonicTime now) override;
    void on_answer(const PublishRequest& request, const QuotaReport& report,
                   core::MonotonicTime now) override;

    /// How many game servers are alive; nothing = not known.
    void set_servers(UniverseId universe, std::optional<unsigned> servers);
    /// Publishes that game servers made themselves: the quota is shared. `real_topic` empty = not
    /// known which, counted for the universe only.
    void charge(UniverseId universe, std::string_view real_topic, std::uint64_t publishes,
                core::MonotonicTime now);
    /// Forgets buckets that are as good as new. Call it about once a minute.
    void tidy(core::MonotonicTime now);
    void remove(UniverseId universe);

    struct Level {
        double factor = 1;
        double universe_tokens = 0;
        double owner_tokens = 0;
        unsigned in_flight = 0;
    };
    [[nodiscard]] Level level(const PublishRequest& request, core::MonotonicTime now);

  private:
    /// Additive increase, multiplicative decrease, and a time to be silent.
    struct Pace {
        double factor = 1;
        unsigned refusals = 0;  ///< in a row
        core::MonotonicTime changed{};
        core::MonotonicTime blocked_until{};
    };
    struct Owner {
        QuotaBucket bucket;
        Pace pace;
    };
    struct Universe {
        std::optional<unsigned> servers;
        QuotaBucket total;
        std::map<std::string, QuotaBucket, std::less<>> topics;
        Pace pace;
        unsigned in_flight = 0;
    };

    [[nodiscard]] Owner& owner_of(std::string_view owner);
    [[nodiscard]] static double cost_of(const Universe& universe, bool is_targeted) noexcept;
    [[nodiscard]] QuotaLimit limit_of(double per_minute, double factor) const noexcept;
    [[nodiscard]] QuotaLimit universe_limit(const Universe& universe) const noexcept;
    [[nodiscard]] QuotaLimit topic_limit(const Universe& universe) const noexcept;
    void raise(Pace& pace, core::MonotonicTime now) const noexcept;
    void lower(Pace& pace, const QuotaReport& report, core::MonotonicTime now);

    GovernorOptions options_;
    core::Rng& rng_;
    QuotaBucket address_;
    std::unordered_map<std::string, Owner> owners_;
    std::unordered_map<UniverseId, Universe> universes_;
    unsigned in_flight_ = 0;
};

}  // namespace pulse::roblox
