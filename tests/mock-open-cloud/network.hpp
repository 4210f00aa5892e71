// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The way from a publish to the game servers: best effort, as MessagingService is. Everything that
// happens by chance follows from the seed and the order of the publishes.
#pragma once

#include "time.hpp"
#include "universe.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include <pulse/core/rng.hpp>

namespace pulse::mock {

struct NetworkOptions {
    double loss = 0;       ///< chance, for each server a message goes to
    double duplicate = 0;  ///< chance to arrive twice
    /// Chance to be held back by up to a second, so that later ones overtake it. Otherwise what
    /// goes to one server arrives in the order in which it was published.
    double reorder = 0;
    Span min_delay = std::chrono::seconds(1);
    Span max_delay = std::chrono::seconds(2);
    std::uint64_t seed = 1;
};

struct NetworkStats {
    std::uint64_t sent = 0;  ///< messages times servers they go to
    std::uint64_t delivered = 0;
    std::uint64_t lost = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t gone = 0;      ///< the server ended, or unsubscribed, meanwhile
    std::uint64_t overflow = 0;  ///< dropped: too many under way
};

/// Something on its way to a server.
struct Flight {
    Time due;
    std::uint64_t serial = 0;  ///< keeps the order among equals
    UniverseId universe = 0;
    std::uint64_t server = 0;
    std::shared_ptr<const Message> message;
    bool is_duplicate = false;
};

/// **Not thread-safe.**
class Network {
  public:
    static constexpr std::size_t kMaxUnderWay = 1'000'000;

    void configure(const NetworkOptions& options);
    [[nodiscard]] const NetworkOptions& options() const noexcept { return options_; }
    [[nodiscard]] NetworkStats& stats() noexcept { return stats_; }

    void send(Time now, Universe& universe, const std::shared_ptr<const Message>& message);
    [[nodiscard]] std::optional<Time> next_due() const;
    /// The next that is due by then, in order of time.
    [[nodiscard]] std::optional<Flight> take_due(Time now);
    [[nodiscard]] std::size_t under_way() const noexcept { return flights_.size(); }

  private:
    struct IsLater {
        bool operator()(const Flight& a, const Flight& b) const noexcept {
            return a.due != b.due ? a.due > b.due : a.serial > b.serial;
        }
    };
    [[nodiscard]] bool happens(double chance);
    [[nodiscard]] Span between(Span least, Span most);
    void launch(Time due, Universe& universe, const GameServer& server,
                const std::shared_ptr<const Message>& message, bool is_duplicate);

    NetworkOptions options_;
    NetworkStats stats_;
    core::SeededRng rng_{1};
    std::uint64_t next_serial_ = 0;
    std::priority_queue<Flight, std::vector<Flight>, IsLater> flights_;
};

}  // namespace pulse::mock
