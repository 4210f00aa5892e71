// SPDX-License-Identifier: MIT OR Apache-2.0
//
// MessagePack as bytes: markers, big-endian numbers, and the constant runs of keys that frames are
// made of.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <pulse/protocol/bytes.hpp>

namespace pulse::protocol::wire {

// https://github.com/msgpack/msgpack/blob/master/spec.md
inline constexpr std::uint8_t kFixmap = 0x80;    // 0x80..0x8f, low bits: entries
inline constexpr std::uint8_t kFixarray = 0x90;  // 0x90..0x9f, low bits: elements
inline constexpr std::uint8_t kFixstr = 0xa0;    // 0xa0..0xbf, low bits: bytes
inline constexpr std::uint8_t kNil = 0xc0;
inline constexpr std::uint8_t kReserved = 0xc1;
inline constexpr std::uint8_t kFalse = 0xc2;
inline constexpr std::uint8_t kTrue = 0xc3;
inline constexpr std::uint8_t kBin8 = 0xc4;
inline constexpr std::uint8_t kBin16 = 0xc5;
inline constexpr std::uint8_t kBin32 = 0xc6;
inline constexpr std::uint8_t kExt8 = 0xc7;
inline constexpr std::uint8_t kExt16 = 0xc8;
inline constexpr std::uint8_t kExt32 = 0xc9;
inline constexpr std::uint8_t kFloat32 = 0xca;
inline constexpr std::uint8_t kFloat64 = 0xcb;
inline constexpr std::uint8_t kUint8 = 0xcc;
inline constexpr std::uint8_t kUint16 = 0xcd;
inline constexpr std::uint8_t kUint32 = 0xce;
inline constexpr std::uint8_t kUint64 = 0xcf;
inline constexpr std::uint8_t kInt8 = 0xd0;
inline constexpr std::uint8_t kInt16 = 0xd1;
inline constexpr std::uint8_t kInt32 = 0xd2;
inline constexpr std::uint8_t kInt64 = 0xd3;
inline constexpr std::uint8_t kFixext1 = 0xd4;
inline constexpr std::uint8_t kFixext16 = 0xd8;
inline constexpr std::uint8_t kStr8 = 0xd9;
inline constexpr std::uint8_t kStr16 = 0xda;
inline constexpr std::uint8_t kStr32 = 0xdb;
inline constexpr std::uint8_t kArray16 = 0xdc;
inline constexpr std::uint8_t kArray32 = 0xdd;
inline constexpr std::uint8_t kMap16 = 0xde;
inline constexpr std::uint8_t kMap32 = 0xdf;
inline constexpr std::uint8_t kNegativeFixint = 0xe0;  // 0xe0..0xff: -32..-1

[[nodiscard]] inline std::uint8_t u8(std::byte b) noexcept {
    return std::to_integer<std::uint8_t>(b);
}

/// Sizeof(T) bytes in memory order; for comparing runs.
template <typename T>
[[nodiscard]] inline T load_raw(const void* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

template <typename T>
[[nodiscard]] constexpr T byte_swapped(T value) noexcept {
    if constexpr (sizeof(T) == 1) {
        return value;
    } else if constexpr (sizeof(T) == 2) {
        return static_cast<T>((value >> 8) | (value << 8));
    } else if constexpr (sizeof(T) == 4) {
        return (value >> 24) | ((value >> 8) & 0xff00U) | ((value << 8) & 0xff0000U) |
               (value << 24);
    } else {
        return (T{byte_swapped(static_cast<std::uint32_t>(value))} << 32) |
               byte_swapped(static_cast<std::uint32_t>(value >> 32));
    }
}

template <typename T>
[[nodiscard]] constexpr T big_endian(T value) noexcept {
    return std::endian::native == std::endian::little ? byte_swapped(value) : value;
}

template <typename T>
[[nodiscard]] inline T load_be(const std::byte* from) noexcept {
    return big_endian(load_raw<T>(from));
}

template <typename T>
inline std::byte* store_be(std::byte* to, T value) noexcept {
    value = big_endian(value);
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

/// A constant run of wire bytes.
template <std::size_t N>
struct Run {
    char bytes[N];
};

/// `text` (at most 31 bytes) with its fixstr header.
template <std::size_t N>
[[nodiscard]] constexpr Run<N> str(const char (&text)[N]) {
    static_assert(N - 1 <= 31);
    Run<N> run{};
    run.bytes[0] = static_cast<char>(kFixstr | (N - 1));
    for (std::size_t i = 0; i + 1 < N; ++i) run.bytes[i + 1] = text[i];
    return run;
}

template <std::size_t A, std::size_t B>
[[nodiscard]] constexpr Run<A + B> operator+(const Run<A>& a, const Run<B>& b) {
    Run<A + B> run{};
    for (std::size_t i = 0; i < A; ++i) run.bytes[i] = a.bytes[i];
    for (std::size_t i = 0; i < B; ++i) run.bytes[A + i] = b.bytes[i];
    return run;
}

inline constexpr auto kTypeKey = str("type");
inline constexpr auto kIdKey = str("id");
inline constexpr auto kChannelKey = str("channel");
inline constexpr auto kEventKey = str("event");
inline constexpr auto kPayloadKey = str("payload");
inline constexpr auto kActionKey = str("action");
inline constexpr auto kDataKey = str("data");
inline constexpr auto kCodeKey = str("code");
inline constexpr auto kMessageKey = str("message");
inline constexpr auto kTimestampKey = str("timestamp");
inline constexpr auto kVersionKey = str("version");
inline constexpr auto kTokenKey = str("token");
inline constexpr auto kConnectionIdKey = str("connection_id");
inline constexpr auto kHeartbeatKey = str("heartbeat");
inline constexpr auto kRecoverKey = str("recover");
inline constexpr auto kPositionKey = str("position");
inline constexpr auto kRecoveryKey = str("recovery");

}  // namespace pulse::protocol::wire
