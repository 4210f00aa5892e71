// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "rate_meter.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/bridge_stats.hpp>

namespace pulse::roblox {

/// A universe's messages, in all and by topic. Beyond so many topics further ones are counted in
/// all only, until one has been silent for a minute. **Loop-bound.**
class TrafficBook {
  public:
    TrafficBook(std::size_t max_topics, core::MonotonicTime now)
        : max_topics_(max_topics), in_(now), out_(now) {}

    void count_in(std::string_view topic, core::MonotonicTime now);
    void count_out(std::string_view topic, core::MonotonicTime now);

    [[nodiscard]] const RateMeter& in() const noexcept { return in_; }
    [[nodiscard]] const RateMeter& out() const noexcept { return out_; }
    [[nodiscard]] std::size_t topic_count() const noexcept { return topics_.size(); }
    /// The busiest of the last minute, busiest first.
    [[nodiscard]] std::vector<TopicFigures> busiest(std::size_t count,
                                                    core::MonotonicTime now) const;

  private:
    static constexpr std::size_t kSlots = 12;
    static constexpr int kSlotSeconds = 5;
    using Meter = SlotMeter<kSlots + 1, kSlotSeconds>;
    struct Topic {
        Meter in;
        Meter out;
        std::uint64_t messages = 0;
        core::MonotonicTime heard{};
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };

    /// Null when there is no room.
    [[nodiscard]] Topic* topic_of(std::string_view name, core::MonotonicTime now);

    std::size_t max_topics_;
    RateMeter in_;
    RateMeter out_;
    std::unordered_map<std::string, Topic, Hash, std::equal_to<>> topics_;
    core::MonotonicTime swept_{};
};

}  // namespace pulse::roblox
