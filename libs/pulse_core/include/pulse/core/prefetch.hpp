// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Loops over thousands of objects spend their time waiting for memory, one object after another,
// unless the next ones are asked for while one is dealt with.
#pragma once

#include <cstddef>

namespace pulse::core {

/// How many objects ahead: enough to hide main memory behind the few nanoseconds that each takes,
/// few enough to be still in the first cache when they are needed.
inline constexpr std::size_t kPrefetchAhead = 24;

/// Asks for the first `bytes` bytes of what is at `at`, which may be null, and of which nothing is
/// read: it need not be there any more. Always inlined: GCC 12 takes a function that only prefetches
/// for one without effect, and leaves out calls of it.
[[gnu::always_inline]] inline void prefetch(const void* at, std::size_t bytes = 1) noexcept {
    constexpr std::size_t kLine = 64;
    if (at == nullptr) return;
    const auto* const begin = static_cast<const std::byte*>(at);
    for (std::size_t done = 0; done < bytes; done += kLine) __builtin_prefetch(begin + done);
    // It may stand in one more line, as nothing says that it begins with one.
    if (bytes > 1) __builtin_prefetch(begin + bytes - 1);
}

}  // namespace pulse::core
