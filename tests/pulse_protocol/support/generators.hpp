// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Random frames and values, the same for the same seed on every platform.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <pulse/protocol/frame.hpp>
#include <pulse/protocol/value.hpp>

namespace pulse::protocol::test {

/// SplitMix64. The standard distributions differ between libraries, this does not.
class Random {
  public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

    [[nodiscard]] std::uint64_t next() noexcept;
    /// 0 .. bound - 1. Precondition: `bound` is not 0.
    [[nodiscard]] std::size_t below(std::size_t bound) noexcept { return next() % bound; }
    [[nodiscard]] bool chance(std::size_t one_in) noexcept { return below(one_in) == 0; }

    /// Of any width, with the borders between widths more often than their share.
    [[nodiscard]] std::uint64_t number() noexcept;
    /// A length, mostly short, now and then around a border between header widths.
    [[nodiscard]] std::size_t length() noexcept;
    /// Valid UTF-8 with sequences of all lengths.
    [[nodiscard]] std::string text();
    [[nodiscard]] std::vector<std::byte> bytes();

    /// JSON-like, at most `depth` containers deep.
    [[nodiscard]] Value value(std::size_t depth);
    /// Of any type; `data` is canonical.
    [[nodiscard]] Frame frame();

  private:
    std::uint64_t state_;
};

}  // namespace pulse::protocol::test
