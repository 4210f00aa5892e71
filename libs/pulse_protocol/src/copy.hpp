// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A copy for payloads of any size.
//
// C libraries up to glibc 2.38 copy from 2 KiB on with `rep movsb`, which recent AMD processors do
// twenty to sixty times slower than usual when source and destination lie at about the same offset
// of their pages (glibc bug 30994). Two buffers that were each allocated as a whole do just that:
// 64 KiB then take 34 µs instead of 1.
#pragma once

#include <cstddef>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pulse::protocol::wire {

/// Below this the library's copy uses vector registers anyway.
inline constexpr std::size_t kWideCopyBytes = 2048;

/// As memcpy; `to` and `from` do not overlap.
inline void copy_bytes(std::byte* to, const std::byte* from, std::size_t n) noexcept {
#if defined(__SSE2__)
    if (n >= kWideCopyBytes) {
        const auto load = [](const std::byte* p) {
            return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        };
        const auto store = [](std::byte* p, __m128i v) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v);
        };
        // The end first, as one block that may overlap the last full one.
        const std::byte* const last_from = from + n - 64;
        std::byte* const last_to = to + n - 64;
        for (std::size_t i = 0; i < 64; i += 16) store(last_to + i, load(last_from + i));
        for (std::size_t i = 0; i + 64 <= n; i += 64) {
            const __m128i a = load(from + i);
            const __m128i b = load(from + i + 16);
            const __m128i c = load(from + i + 32);
            const __m128i d = load(from + i + 48);
            store(to + i, a);
            store(to + i + 16, b);
            store(to + i + 32, c);
            store(to + i + 48, d);
        }
        return;
    }
#endif
    if (n != 0) std::memcpy(to, from, n);  // an empty view may be null
}

}  // namespace pulse::protocol::wire
