// SPDX-License-Identifier: MIT OR Apache-2.0
#include "websocket/utf8.hpp"

#include <algorithm>

namespace pulse::transport::websocket {

namespace {

// Half of the smallest first-level cache in use.
constexpr std::size_t kTextBlockBytes = std::size_t{16} << 10;

// What a lead byte demands: how many continuation bytes, and the range of the first of them
// (RFC 3629 section 4). count 0 marks bytes that cannot start a code point.
struct Lead {
    std::uint8_t count;
    std::uint8_t low;
    std::uint8_t high;
};

constexpr Lead classify(unsigned byte) noexcept {
    if (byte < 0xC2) {
        return {0, 0, 0};
    }  // continuation bytes; C0 and C1 would be overlong
    if (byte < 0xE0) {
        return {1, 0x80, 0xBF};
    }
    if (byte == 0xE0) {
        return {2, 0xA0, 0xBF};
    }  // below: overlong
    if (byte == 0xED) {
        return {2, 0x80, 0x9F};
    }  // above: surrogates
    if (byte < 0xF0) {
        return {2, 0x80, 0xBF};
    }
    if (byte == 0xF0) {
        return {3, 0x90, 0xBF};
    }  // below: overlong
    if (byte < 0xF4) {
        return {3, 0x80, 0xBF};
    }
    if (byte == 0xF4) {
        return {3, 0x80, 0x8F};
    }  // above: beyond U+10FFFF
    return {0, 0, 0};
}

unsigned at(const std::byte* p) noexcept { return std::to_integer<unsigned>(*p); }

bool is_continuation(unsigned byte) noexcept { return (byte & 0xC0U) == 0x80U; }

const std::byte* skip_ascii(const std::byte* p, const std::byte* end) noexcept {
    using detail::kHighBits;
    using detail::load_word;
    for (; end - p >= 8; p += 8) {
        const auto high = load_word<std::uint64_t>(p) & kHighBits;
        if (high != 0) {
            const int bits = std::endian::native == std::endian::little ? std::countr_zero(high)
                                                                        : std::countl_zero(high);
            return p + bits / 8;
        }
    }
    while (p != end && at(p) < 0x80) ++p;
    return p;
}

// Steps over whole, valid code points until one is invalid or less than 4 bytes are left.
const std::byte* skip_valid_scalar(const std::byte* p, const std::byte* end) noexcept {
    while (end - p >= 4) {
        const unsigned first = at(p);
        if (first < 0x80) {
            p = skip_ascii(p + 1, end);
            continue;
        }
        const Lead lead = classify(first);
        const unsigned second = at(p + 1);
        if (lead.count == 0 || second < lead.low || second > lead.high) return p;
        if (lead.count > 1 && !is_continuation(at(p + 2))) return p;
        if (lead.count > 2 && !is_continuation(at(p + 3))) return p;
        p += lead.count + 1;
    }
    return p;
}

#if PULSE_WEBSOCKET_X86

// Vector validation after J. Keiser and D. Lemire, "Validating UTF-8 in less than one instruction
// per byte" (2021). Every error but a missing or surplus third or fourth byte shows in two
// neighbouring bytes, and there in three nibbles: the first byte's high and low one and the
// second's high one. Each error has a bit; three table look-ups give the errors each nibble allows,
// and their conjunction those that are there.
struct PairRule {
    std::uint16_t first_high;  // sets of nibbles: bit n stands for nibble n
    std::uint16_t first_low;
    std::uint16_t second_high;
};

constexpr std::uint16_t kAnyNibble = 0xFFFF;

constexpr PairRule kPairRules[8] = {
    {0xF000, kAnyNibble, 0xF0FF},  // lead byte, but no continuation behind it
    {0x00FF, kAnyNibble, 0x0F00},  // continuation behind ASCII
    {0x4000, 0x0001, 0x0300},      // E0 80..9F: overlong
    {0x4000, 0x2000, 0x0C00},      // ED A0..BF: surrogate
    {0x1000, 0x0003, 0x0F00},      // C0, C1: overlong
    {0x8000, 0xFFF0, 0x0E00},      // F4 90..BF, F5..FF 90..BF: beyond Unicode
    {0x8000, 0xFFE1, 0x0100},      // F0 80..8F: overlong; F5..FF 80..8F: beyond Unicode
    {0x0F00, kAnyNibble, 0x0F00},  // two continuations, which is right behind E0..FF only
};
constexpr unsigned kTwoContinuations = 0x80;  // the bit of the last rule

struct PairTables {
    alignas(16) std::uint8_t first_high[16] = {};
    alignas(16) std::uint8_t first_low[16] = {};
    alignas(16) std::uint8_t second_high[16] = {};
};

constexpr PairTables make_pair_tables() {
    PairTables tables;
    for (unsigned rule = 0; rule < 8; ++rule) {
        const auto bit = static_cast<std::uint8_t>(1U << rule);
        for (unsigned nibble = 0; nibble < 16; ++nibble) {
            const auto add = [&](std::uint8_t& entry, std::uint16_t set) {
                if (((unsigned{set} >> nibble) & 1U) != 0) {
                    entry = static_cast<std::uint8_t>(entry | bit);
                }
            };
            add(tables.first_high[nibble], kPairRules[rule].first_high);
            add(tables.first_low[nibble], kPairRules[rule].first_low);
            add(tables.second_high[nibble], kPairRules[rule].second_high);
        }
    }
    return tables;
}

constexpr PairTables kPairTables = make_pair_tables();

#define PULSE_AVX2 __attribute__((target("avx2")))

bool has_avx2() noexcept { return __builtin_cpu_supports("avx2") != 0; }

PULSE_AVX2 __m256i load_256(const std::byte* from) noexcept {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

PULSE_AVX2 __m256i look_up(const std::uint8_t (&table)[16], __m256i nibbles) noexcept {
    const __m256i twice =
        _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
    return _mm256_shuffle_epi8(twice, nibbles);
}

// Not zero where `input`, which follows `before`, is in error. What `input` leaves unfinished shows
// in the block behind it.
PULSE_AVX2 __m256i errors_in(__m256i input, __m256i before) noexcept {
    const __m256i low_nibble = _mm256_set1_epi8(0x0F);
    const __m256i across = _mm256_permute2x128_si256(before, input, 0x21);
    const __m256i one_back = _mm256_alignr_epi8(input, across, 15);
    const __m256i two_back = _mm256_alignr_epi8(input, across, 14);
    const __m256i three_back = _mm256_alignr_epi8(input, across, 13);
    const auto high_nibble = [&](__m256i bytes) PULSE_AVX2 {
        return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_nibble);
    };
    const __m256i pairs = _mm256_and_si256(
        _mm256_and_si256(look_up(kPairTables.first_high, high_nibble(one_back)),
                         look_up(kPairTables.first_low, _mm256_and_si256(one_back, low_nibble))),
        look_up(kPairTables.second_high, high_nibble(input)));
    // A third byte is due behind E0..FF, a fourth behind F0..FF: exactly there two continuations in
    // a row are right. Saturating subtraction leaves the top bit set for those leads alone.
    const __m256i third = _mm256_subs_epu8(two_back, _mm256_set1_epi8(0xE0 - 0x80));
    const __m256i fourth = _mm256_subs_epu8(three_back, _mm256_set1_epi8(0xF0 - 0x80));
    const __m256i due = _mm256_and_si256(_mm256_or_si256(third, fourth),
                                         _mm256_set1_epi8(static_cast<char>(kTwoContinuations)));
    return _mm256_xor_si256(due, pairs);
}

PULSE_AVX2 bool is_zero(__m256i value) noexcept { return _mm256_testz_si256(value, value) != 0; }

// From `end` back to a lead byte whose code point may be unfinished there. That of a finished one
// does no harm: it is looked at again.
const std::byte* code_point_border(const std::byte* begin, const std::byte* end) noexcept {
    for (std::ptrdiff_t back = 1; back <= 3 && back <= end - begin; ++back) {
        const unsigned byte = at(end - back);
        if (is_continuation(byte)) continue;
        return byte < 0x80 ? end : end - back;
    }
    return end;
}

// Steps over whole, valid code points until less than 64 bytes and one code point are left, or an
// error is that near.
PULSE_AVX2 const std::byte* skip_valid_avx2(const std::byte* begin, const std::byte* end) noexcept {
    __m256i before = _mm256_setzero_si256();
    bool was_ascii = true;
    const std::byte* p = begin;
    for (; end - p >= 64; p += 64) {
        const __m256i first = load_256(p);
        const __m256i second = load_256(p + 32);
        const bool is_ascii = _mm256_movemask_epi8(_mm256_or_si256(first, second)) == 0;
        if (!(is_ascii && was_ascii)) {
            const __m256i errors =
                _mm256_or_si256(errors_in(first, before), errors_in(second, first));
            if (!is_zero(errors)) break;
        }
        was_ascii = is_ascii;
        before = second;
    }
    return code_point_border(begin, p);
}

// Whether what skip_valid_avx2 leaves of a valid text, less than 64 bytes and 3 of a cut code
// point, is valid to its end.
PULSE_AVX2 bool is_valid_rest_avx2(const std::byte* begin, const std::byte* end) noexcept {
    // Behind zeros an unfinished code point is an error like any other.
    alignas(32) std::byte padded[96] = {};
    const auto n = static_cast<std::size_t>(end - begin);
    if (n != 0) std::memcpy(padded, begin, n);
    __m256i before = _mm256_setzero_si256();
    __m256i errors = before;
    for (std::size_t i = 0; i <= n; i += 32) {
        const __m256i block = load_256(padded + i);
        errors = _mm256_or_si256(errors, errors_in(block, before));
        before = block;
    }
    return is_zero(errors);
}

#undef PULSE_AVX2

const std::byte* skip_valid(const std::byte* p, const std::byte* end) noexcept {
    if (end - p >= 64 && has_avx2()) p = skip_valid_avx2(p, end);
    return skip_valid_scalar(p, end);
}

#else

const std::byte* skip_valid(const std::byte* p, const std::byte* end) noexcept {
    return skip_valid_scalar(p, end);
}

#endif

}  // namespace

bool Utf8Validator::update(ByteView bytes) noexcept {
    const std::byte* p = bytes.data();
    const std::byte* const end = p + bytes.size();
    while (p != end) {
        if (needed_ == 0) {
            p = skip_valid(p, end);
            if (p == end) break;
            const unsigned byte = at(p++);
            if (byte < 0x80) continue;
            const Lead lead = classify(byte);
            if (lead.count == 0) {
                needed_ = kFailed;
                return false;
            }
            needed_ = lead.count;
            low_ = lead.low;
            high_ = lead.high;
            continue;
        }
        const unsigned byte = at(p++);
        if (needed_ == kFailed || byte < low_ || byte > high_) {
            needed_ = kFailed;
            return false;
        }
        --needed_;
        low_ = 0x80;
        high_ = 0xBF;
    }
    return needed_ != kFailed;
}

bool is_valid_utf8(ByteView bytes) noexcept {
    const std::byte* p = bytes.data();
    const std::byte* const end = p + bytes.size();
#if PULSE_WEBSOCKET_X86
    if (has_avx2()) {
        if (end - p >= 64) p = skip_valid_avx2(p, end);
        // More is left only if an error is among it.
        return p == end || (end - p < 64 + 3 && is_valid_rest_avx2(p, end));
    }
#endif
    Utf8Validator validator;
    return validator.update({p, end}) && validator.complete();
}

bool unmask_text(std::byte* data, std::size_t n, MaskKey key) noexcept {
    if (n <= kTextBlockBytes) {
        return mask(data, n, key) || is_valid_utf8({data, n});
    }
    Utf8Validator text;
    return unmask_text(data, n, key, text) && text.complete();
}

bool unmask_text(std::byte* data, std::size_t n, MaskKey key, Utf8Validator& text) noexcept {
    while (n != 0) {
        const std::size_t block = std::min(n, kTextBlockBytes);
        const bool is_ascii = mask(data, block, key);
        if (!(is_ascii && text.complete()) && !text.update({data, block})) return false;
        key = advance_mask_key(key, block);
        data += block;
        n -= block;
    }
    return true;
}

std::string_view utf8_prefix(std::string_view text, std::size_t max_bytes) noexcept {
    const std::string_view cut = text.substr(0, max_bytes);
    std::size_t whole = 0;
    Utf8Validator validator;
    for (std::size_t i = 0; i < cut.size(); ++i) {
        if (!validator.update(protocol::as_bytes(cut.substr(i, 1)))) break;
        if (validator.complete()) whole = i + 1;
    }
    return cut.substr(0, whole);
}

}  // namespace pulse::transport::websocket
