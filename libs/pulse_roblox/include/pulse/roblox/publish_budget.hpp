// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Whether something may be published now. Quotas are counted per API key owner, address and game,
// wherever the requests come from: in a cluster one node owns a universe's budget, or hands out
// parts of it, and that is another engine of this interface.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <pulse/core/clock.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

/// One publish, about to be made or made. Borrowed for the call.
struct PublishRequest {
    UniverseId universe;
    std::string_view owner;  ///< whose key it is; a fingerprint of the key when not known
    std::string_view real_topic;
    bool is_targeted = false;  ///< for one server: costs one delivery and not one per server
};

struct Permission {
    bool is_granted = false;
    core::MonotonicTime retry_at{};  ///< when not granted: not sensible to ask before
};

/// What an answer says about quotas.
struct QuotaReport {
    bool is_throttled = false;  ///< 429
    std::optional<std::chrono::milliseconds> retry_after{};
    std::optional<std::uint64_t> remaining{};          ///< x-ratelimit-remaining
    std::optional<std::chrono::milliseconds> reset{};  ///< x-ratelimit-reset
};

/// How a universe stands, for figures.
struct QuotaLevel {
    double factor = 1;  ///< of the pace; below 1 after refusals
    double universe_tokens = 0;
    double owner_tokens = 0;
    unsigned in_flight = 0;
    double used = 0;              ///< of what may be published in a minute, 0 … 1
    double limit_per_minute = 0;  ///< publishes to all servers
};

/// **Loop-bound.**
class PublishBudget {
  public:
    virtual ~PublishBudget() = default;

    /// Takes what the publish costs, or nothing. Every publish that is granted is followed by one
    /// on_answer().
    [[nodiscard]] virtual Permission try_take(const PublishRequest& request,
                                              core::MonotonicTime now) = 0;
    virtual void on_answer(const PublishRequest& request, const QuotaReport& report,
                           core::MonotonicTime now) = 0;

    /// How many game servers are alive; nothing = not known.
    virtual void set_servers(UniverseId universe, std::optional<unsigned> servers) = 0;
    /// Publishes that game servers made themselves: the quota is shared. `real_topic` empty = not
    /// known which, counted for the universe only.
    virtual void charge(UniverseId universe, std::string_view real_topic, std::uint64_t publishes,
                        core::MonotonicTime now) = 0;
    virtual void remove(UniverseId universe) = 0;
    /// Forgets what is as good as new. Called about once a minute.
    virtual void tidy(core::MonotonicTime now) = 0;
    [[nodiscard]] virtual QuotaLevel level(const PublishRequest& request,
                                           core::MonotonicTime now) = 0;
};

struct BackoffOptions {
    std::chrono::milliseconds base{1'000};
    std::chrono::milliseconds cap{30'000};
};

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

/// Keeps below every documented limit within one process. `rng` outlives it.
[[nodiscard]] std::unique_ptr<PublishBudget> make_rate_governor(GovernorOptions options,
                                                                core::Rng& rng);

}  // namespace pulse::roblox
