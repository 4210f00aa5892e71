// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who numbers the frames of a universe. In one process that is a counter per real topic; in a
// cluster it can be whichever node owns the universe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <pulse/core/rng.hpp>

namespace pulse::roblox {

/// Loop-bound.
class SequenceSource {
  public:
    virtual ~SequenceSource() = default;

    /// Six characters of [a-z0-9]. Changes when numbering starts anew, never otherwise.
    [[nodiscard]] virtual std::string_view epoch() const noexcept = 0;
    /// Takes `count` consecutive numbers of `real_topic` and returns the first; numbers begin at 1.
    /// Nothing when they cannot be had now: ask again later. What was taken counts as used.
    [[nodiscard]] virtual std::optional<std::uint64_t> take(std::string_view real_topic,
                                                            unsigned count) = 0;
    /// The last number taken of a real topic, 0 = none yet: a receiver that is told learns of
    /// frames lost at the end, which no later frame would show.
    [[nodiscard]] virtual std::uint64_t head(std::string_view real_topic) const = 0;
};

/// Counters in memory with a random epoch. Numbers of topics that nobody hears any more are not
/// told from others: with too many of them all numbering begins anew. **Loop-bound.**
class MemorySequence final : public SequenceSource {
  public:
    static constexpr std::size_t kMaxTopics = 65'536;

    explicit MemorySequence(core::Rng& rng);

    [[nodiscard]] std::string_view epoch() const noexcept override { return epoch_; }
    [[nodiscard]] std::optional<std::uint64_t> take(std::string_view real_topic,
                                                    unsigned count) override;

    [[nodiscard]] std::uint64_t head(std::string_view real_topic) const override;

    /// The last number taken of each real topic.
    [[nodiscard]] const std::map<std::string, std::uint64_t, std::less<>>& heads() const noexcept {
        return heads_;
    }
    /// Forgets a topic that nobody listens to any more, such as that of a server that is gone.
    void forget(std::string_view real_topic);

  private:
    core::Rng& rng_;
    std::string epoch_;
    std::map<std::string, std::uint64_t, std::less<>> heads_;
};

/// Six characters of [a-z0-9], equally likely each.
[[nodiscard]] std::string make_epoch(core::Rng& rng);

}  // namespace pulse::roblox
