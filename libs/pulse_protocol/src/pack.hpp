// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Writing MessagePack in minimal width. Two sinks with one interface, Counter and Writer, so that
// the size of a thing and its bytes come from the same code and cannot disagree.
#pragma once

#include "copy.hpp"
#include "wire.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include <pulse/protocol/bytes.hpp>

namespace pulse::protocol::wire {

[[nodiscard]] constexpr std::size_t uint_size(std::uint64_t value) noexcept {
    if (value < 0x80) return 1;
    if (value <= 0xff) return 2;
    if (value <= 0xffff) return 3;
    return value <= 0xffff'ffff ? 5 : 9;
}

inline std::byte* put_uint(std::byte* p, std::uint64_t value) noexcept {
    if (value < 0x80) {
        *p = static_cast<std::byte>(value);
        return p + 1;
    }
    if (value <= 0xff) {
        *p = std::byte{kUint8};
        return store_be(p + 1, static_cast<std::uint8_t>(value));
    }
    if (value <= 0xffff) {
        *p = std::byte{kUint16};
        return store_be(p + 1, static_cast<std::uint16_t>(value));
    }
    if (value <= 0xffff'ffff) {
        *p = std::byte{kUint32};
        return store_be(p + 1, static_cast<std::uint32_t>(value));
    }
    *p = std::byte{kUint64};
    return store_be(p + 1, value);
}

[[nodiscard]] constexpr std::size_t negative_size(std::int64_t value) noexcept {
    if (value >= -32) return 1;
    if (value >= INT8_MIN) return 2;
    if (value >= INT16_MIN) return 3;
    return value >= INT32_MIN ? 5 : 9;
}

/// Precondition: `value` is negative.
inline std::byte* put_negative(std::byte* p, std::int64_t value) noexcept {
    const auto bits = static_cast<std::uint64_t>(value);
    switch (negative_size(value)) {
        case 1:
            *p = static_cast<std::byte>(bits);
            return p + 1;
        case 2:
            *p = std::byte{kInt8};
            return store_be(p + 1, static_cast<std::uint8_t>(bits));
        case 3:
            *p = std::byte{kInt16};
            return store_be(p + 1, static_cast<std::uint16_t>(bits));
        case 5:
            *p = std::byte{kInt32};
            return store_be(p + 1, static_cast<std::uint32_t>(bits));
        default:
            *p = std::byte{kInt64};
            return store_be(p + 1, bits);
    }
}

/// Header of a str, bin, array or map of `size` bytes or elements. `fix` and `marker8` are 0 where
/// the kind has no such form.
struct LengthForm {
    std::uint8_t fix;
    std::uint8_t fix_limit;  ///< sizes below it take the fix form
    std::uint8_t marker8;
    std::uint8_t marker16;
    std::uint8_t marker32;
};
inline constexpr LengthForm kStrForm{kFixstr, 32, kStr8, kStr16, kStr32};
inline constexpr LengthForm kBinForm{0, 0, kBin8, kBin16, kBin32};
inline constexpr LengthForm kArrayForm{kFixarray, 16, 0, kArray16, kArray32};
inline constexpr LengthForm kMapForm{kFixmap, 16, 0, kMap16, kMap32};

template <LengthForm kForm>
[[nodiscard]] constexpr std::size_t length_size(std::size_t size) noexcept {
    if (size < kForm.fix_limit) return 1;
    if (kForm.marker8 != 0 && size <= 0xff) return 2;
    return size <= 0xffff ? 3 : 5;
}

template <LengthForm kForm>
inline std::byte* put_length(std::byte* p, std::size_t size) noexcept {
    if (size < kForm.fix_limit) {
        *p = static_cast<std::byte>(kForm.fix | size);
        return p + 1;
    }
    if (kForm.marker8 != 0 && size <= 0xff) {
        *p = std::byte{kForm.marker8};
        return store_be(p + 1, static_cast<std::uint8_t>(size));
    }
    if (size <= 0xffff) {
        *p = std::byte{kForm.marker16};
        return store_be(p + 1, static_cast<std::uint16_t>(size));
    }
    *p = std::byte{kForm.marker32};
    return store_be(p + 1, static_cast<std::uint32_t>(size));
}

/// copy_bytes(), behind a call. Seen in place, g++ makes a loop of its own of it wherever a branch
/// has told it that `size` is large, and that loop is a third slower than the library's.
std::byte* put_long(std::byte* p, const void* from, std::size_t size) noexcept;

/// The bytes of `from`, which may be null when there are none. Short ones by two copies of constant
/// size that overlap: no call, and one branch for each doubling of the length.
inline std::byte* put_bytes(std::byte* p, const void* from, std::size_t size) noexcept {
    const auto* const source = static_cast<const std::byte*>(from);
    const auto put_ends = [&](auto half) {
        std::memcpy(p, source, half);
        std::memcpy(p + size - half, source + size - half, half);
        return p + size;
    };
    using std::integral_constant;
    if (size > 32) return put_long(p, from, size);
    if (size > 16) return put_ends(integral_constant<std::size_t, 16>());
    if (size >= 8) return put_ends(integral_constant<std::size_t, 8>());
    if (size >= 4) return put_ends(integral_constant<std::size_t, 4>());
    if (size >= 2) return put_ends(integral_constant<std::size_t, 2>());
    if (size == 1) *p = *source;
    return p + size;
}

class Counter {
  public:
    void byte(std::uint8_t) noexcept { size_ += 1; }
    template <std::size_t N>
    void run(const Run<N>&) noexcept {
        size_ += N;
    }
    void uint(std::uint64_t value) noexcept { size_ += uint_size(value); }
    void text(std::string_view text) noexcept {
        size_ += length_size<kStrForm>(text.size()) + text.size();
    }
    void value(ByteView bytes) noexcept { size_ += bytes.size(); }
    void bin_header(std::size_t size) noexcept { size_ += length_size<kBinForm>(size); }
    /// The last bytes of a frame, which a sink may treat apart.
    void tail(ByteView bytes) noexcept { size_ += bytes.size(); }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    std::size_t size_ = 0;
};

class Writer {
  public:
    explicit Writer(std::byte* out) noexcept : p_(out) {}

    void byte(std::uint8_t value) noexcept { *p_++ = std::byte{value}; }
    template <std::size_t N>
    void run(const Run<N>& run) noexcept {
        std::memcpy(p_, run.bytes, N);
        p_ += N;
    }
    void uint(std::uint64_t value) noexcept { p_ = put_uint(p_, value); }
    void text(std::string_view text) noexcept {
        p_ = put_length<kStrForm>(p_, text.size());
        p_ = put_bytes(p_, text.data(), text.size());
    }
    /// A MessagePack value, as it is.
    void value(ByteView bytes) noexcept { p_ = put_bytes(p_, bytes.data(), bytes.size()); }
    void bin_header(std::size_t size) noexcept { p_ = put_length<kBinForm>(p_, size); }
    void tail(ByteView bytes) noexcept { p_ = put_bytes(p_, bytes.data(), bytes.size()); }

    [[nodiscard]] std::byte* end() const noexcept { return p_; }

  private:
    std::byte* p_;
};

}  // namespace pulse::protocol::wire
