// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Masking of client frames (RFC 6455 section 5.3): XOR with a four byte key, repeated.
//
// Done in the widest words at hand, because byte by byte it would be the dearest part of receiving.
// Short payloads end with one more word that overlaps the one before; it is loaded before anything
// is stored, so the bytes covered twice get the same value twice. Long ones are aligned first: a
// header is 6, 8 or 14 bytes long, so payloads begin anywhere, and stores across cache lines cost
// double.
//
// While the bytes are in registers it is noted whether any is above 0x7F, which saves validating
// ASCII text in a second pass.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define PULSE_WEBSOCKET_X86 1
#else
#define PULSE_WEBSOCKET_X86 0
#endif

namespace pulse::transport::websocket {

/// The key as its four wire bytes lie in memory. Byte i of a payload is masked with key byte i % 4.
using MaskKey = std::uint32_t;

[[nodiscard]] inline MaskKey load_mask_key(const std::byte* wire) noexcept {
    MaskKey key;
    std::memcpy(&key, wire, sizeof(key));
    return key;
}

/// The key for what follows after `n` bytes of the same payload.
[[nodiscard]] constexpr MaskKey advance_mask_key(MaskKey key, std::size_t n) noexcept {
    const int bits = static_cast<int>(n % 4) * 8;
    return std::endian::native == std::endian::little ? std::rotr(key, bits) : std::rotl(key, bits);
}

namespace detail {

inline constexpr std::uint64_t kHighBits = 0x8080808080808080U;
inline constexpr std::size_t kLongMask = 256;

template <typename Word>
[[nodiscard]] inline Word load_word(const std::byte* from) noexcept {
    Word word;
    std::memcpy(&word, from, sizeof(word));
    return word;
}

template <typename Word>
inline void store_word(std::byte* to, Word word) noexcept {
    std::memcpy(to, &word, sizeof(word));
}

[[nodiscard]] constexpr std::uint64_t double_key(MaskKey key) noexcept {
    return (std::uint64_t{key} << 32U) | key;
}

// Up to 15 bytes. Like all of these: masks from `from` to `to`, which are the same or do not
// overlap, and returns whether the result is ASCII.
inline bool mask_tiny(std::byte* to, const std::byte* from, std::size_t n, MaskKey key) noexcept {
    if (n >= 8) {
        const auto head = load_word<std::uint64_t>(from) ^ double_key(key);
        const auto tail =
            load_word<std::uint64_t>(from + n - 8) ^ double_key(advance_mask_key(key, n - 8));
        store_word(to, head);
        store_word(to + n - 8, tail);
        return ((head | tail) & kHighBits) == 0;
    }
    if (n >= 4) {
        const auto head = load_word<std::uint32_t>(from) ^ key;
        const auto tail = load_word<std::uint32_t>(from + n - 4) ^ advance_mask_key(key, n - 4);
        store_word(to, head);
        store_word(to + n - 4, tail);
        return ((head | tail) & static_cast<std::uint32_t>(kHighBits)) == 0;
    }
    std::byte seen{0};
    std::byte key_bytes[sizeof(key)];
    std::memcpy(key_bytes, &key, sizeof(key));
    for (std::size_t i = 0; i < n; ++i) {
        to[i] = from[i] ^ key_bytes[i];
        seen |= to[i];
    }
    return (seen & std::byte{0x80}) == std::byte{0};
}

#if PULSE_WEBSOCKET_X86

inline __m128i load_128(const std::byte* from) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

inline void store_128(std::byte* to, __m128i value) noexcept {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), value);
}

// 16 bytes and more.
inline bool mask_short(std::byte* to, const std::byte* from, std::size_t n, MaskKey key) noexcept {
    const std::size_t last = n - 16;
    const __m128i wide = _mm_set1_epi32(static_cast<int>(key));
    const __m128i tail = _mm_xor_si128(
        load_128(from + last), _mm_set1_epi32(static_cast<int>(advance_mask_key(key, last))));
    __m128i seen = tail;
    for (std::size_t i = 0; i < last; i += 16) {
        const __m128i word = _mm_xor_si128(load_128(from + i), wide);
        seen = _mm_or_si128(seen, word);
        store_128(to + i, word);
    }
    store_128(to + last, tail);
    return _mm_movemask_epi8(seen) == 0;
}

// The long loops take whole steps from an aligned `to` and return how far they came.
struct LongResult {
    std::size_t done;
    bool is_ascii;
};

inline LongResult mask_long_sse2(std::byte* to, const std::byte* from, std::size_t n,
                                 MaskKey key) noexcept {
    const __m128i wide = _mm_set1_epi32(static_cast<int>(key));
    __m128i seen = _mm_setzero_si128();
    std::size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        const __m128i a = _mm_xor_si128(load_128(from + i), wide);
        const __m128i b = _mm_xor_si128(load_128(from + i + 16), wide);
        const __m128i c = _mm_xor_si128(load_128(from + i + 32), wide);
        const __m128i d = _mm_xor_si128(load_128(from + i + 48), wide);
        seen = _mm_or_si128(seen, _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d)));
        store_128(to + i, a);
        store_128(to + i + 16, b);
        store_128(to + i + 32, c);
        store_128(to + i + 48, d);
    }
    return {i, _mm_movemask_epi8(seen) == 0};
}

__attribute__((target("avx2"))) inline LongResult mask_long_avx2(std::byte* to,
                                                                 const std::byte* from,
                                                                 std::size_t n,
                                                                 MaskKey key) noexcept {
    const __m256i wide = _mm256_set1_epi32(static_cast<int>(key));
    __m256i seen = _mm256_setzero_si256();
    std::size_t i = 0;
    for (; i + 128 <= n; i += 128) {
        const auto* const source = reinterpret_cast<const __m256i*>(from + i);
        auto* const target = reinterpret_cast<__m256i*>(to + i);
        const __m256i a = _mm256_xor_si256(_mm256_loadu_si256(source), wide);
        const __m256i b = _mm256_xor_si256(_mm256_loadu_si256(source + 1), wide);
        const __m256i c = _mm256_xor_si256(_mm256_loadu_si256(source + 2), wide);
        const __m256i d = _mm256_xor_si256(_mm256_loadu_si256(source + 3), wide);
        seen = _mm256_or_si256(seen, _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d)));
        _mm256_store_si256(target, a);
        _mm256_store_si256(target + 1, b);
        _mm256_store_si256(target + 2, c);
        _mm256_store_si256(target + 3, d);
    }
    return {i, _mm256_movemask_epi8(seen) == 0};
}

#else

inline bool mask_short(std::byte* to, const std::byte* from, std::size_t n, MaskKey key) noexcept {
    const std::size_t last = n - 8;
    const std::uint64_t wide = double_key(key);
    const auto tail =
        load_word<std::uint64_t>(from + last) ^ double_key(advance_mask_key(key, last));
    std::uint64_t seen = tail;
    for (std::size_t i = 0; i < last; i += 8) {
        const auto word = load_word<std::uint64_t>(from + i) ^ wide;
        seen |= word;
        store_word(to + i, word);
    }
    store_word(to + last, tail);
    return (seen & kHighBits) == 0;
}

#endif

inline bool mask_any(std::byte* to, const std::byte* from, std::size_t n, MaskKey key) noexcept {
    return n < 16 ? mask_tiny(to, from, n, key) : mask_short(to, from, n, key);
}

inline bool mask_long(std::byte* to, const std::byte* from, std::size_t n, MaskKey key) noexcept {
#if PULSE_WEBSOCKET_X86
    const std::size_t before = (32 - (reinterpret_cast<std::uintptr_t>(to) & 31U)) & 31U;
    const bool head = mask_any(to, from, before, key);
    to += before;
    from += before;
    n -= before;
    key = advance_mask_key(key, before);
    const auto middle = __builtin_cpu_supports("avx2") != 0 ? mask_long_avx2(to, from, n, key)
                                                            : mask_long_sse2(to, from, n, key);
    // Whole steps leave the key where it was.
    const bool tail = mask_any(to + middle.done, from + middle.done, n - middle.done, key);
    return head && middle.is_ascii && tail;
#else
    return mask_any(to, from, n, key);
#endif
}

}  // namespace detail

/// Masks or unmasks `n` bytes from `from` to `to`, which are either the same or do not overlap.
/// Returns whether every byte of the result is ASCII.
inline bool mask_copy(std::byte* to, const std::byte* from, std::size_t n, MaskKey key) noexcept {
    return n < detail::kLongMask ? detail::mask_any(to, from, n, key)
                                 : detail::mask_long(to, from, n, key);
}

/// Masks or unmasks in place. Returns whether every byte of the result is ASCII.
inline bool mask(std::byte* data, std::size_t n, MaskKey key) noexcept {
    return mask_copy(data, data, n, key);
}

}  // namespace pulse::transport::websocket
