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

/// **Loop-bound.**
class RateGovernor final : public PublishBudget {
  public:
    RateGovernor(GovernorOptions options, core::Rng& rng);

    [[nodiscard]] Permission try_take(const PublishRequest& request,
                                      core::MonotonicTime now) override;
    void on_answer(const PublishRequest& request, const QuotaReport& report,
                   core::MonotonicTime now) override;

    void set_servers(UniverseId universe, std::optional<unsigned> servers) override;
    void charge(UniverseId universe, std::string_view real_topic, std::uint64_t publishes,
                core::MonotonicTime now) override;
    void remove(UniverseId universe) override;
    void tidy(core::MonotonicTime now) override;
    [[nodiscard]] QuotaLevel level(const PublishRequest& request, core::MonotonicTime now) override;

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
