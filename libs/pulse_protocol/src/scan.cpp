// SPDX-License-Identifier: MIT OR Apache-2.0

#include "scan.hpp"

#include "ascii.hpp"
#include "wire.hpp"

#include <pulse/protocol/codec.hpp>

namespace pulse::protocol::wire {
namespace {

using Kind = Header::Kind;

/// A big-endian T behind the marker.
template <typename T>
[[nodiscard]] bool take(Cursor& cursor, std::uint64_t& value) noexcept {
    if (cursor.left() < sizeof(T)) return false;
    value = load_be<T>(cursor.p);
    cursor.p += sizeof(T);
    return true;
}

/// A signed big-endian integer of the width of T, sorted into uint or negative.
template <typename T>
[[nodiscard]] Error take_signed(Cursor& cursor, Header& header) noexcept {
    using Signed = std::make_signed_t<T>;
    if (cursor.left() < sizeof(T)) return Error::truncated;
    const auto number = std::int64_t{static_cast<Signed>(load_be<T>(cursor.p))};
    cursor.p += sizeof(T);
    header.kind = number < 0 ? Kind::negative : Kind::uint;
    header.value = static_cast<std::uint64_t>(number);
    return Error::none;
}

template <typename T>
[[nodiscard]] Error take_scalar(Cursor& cursor, Header& header, Kind kind) noexcept {
    header.kind = kind;
    return take<T>(cursor, header.value) ? Error::none : Error::truncated;
}

[[nodiscard]] Error check_length(const Cursor& cursor, Header& header) noexcept {
    // Every element takes a byte at least, every map entry two.
    const std::uint64_t least = header.kind == Kind::map ? 2 * header.value : header.value;
    return least <= cursor.left() ? Error::none : Error::truncated;
}

template <typename T>
[[nodiscard]] Error take_length(Cursor& cursor, Header& header, Kind kind) noexcept {
    header.kind = kind;
    if (!take<T>(cursor, header.value)) return Error::truncated;
    return check_length(cursor, header);
}

[[nodiscard]] Error fixed_length(const Cursor& cursor, Header& header, Kind kind,
                                 std::uint64_t length) noexcept {
    header.kind = kind;
    header.value = length;
    return check_length(cursor, header);
}

/// Steps over the ext type; `length` counts the bytes behind it.
[[nodiscard]] Error take_ext(Cursor& cursor, Header& header, std::uint64_t length) noexcept {
    if (cursor.left() < 1) return Error::truncated;
    cursor.p += 1;
    return fixed_length(cursor, header, Kind::ext, length);
}

template <typename T>
[[nodiscard]] Error take_ext(Cursor& cursor, Header& header) noexcept {
    std::uint64_t length = 0;
    if (!take<T>(cursor, length)) return Error::truncated;
    return take_ext(cursor, header, length);
}

}  // namespace

Error read_long_header(Cursor& cursor, Header& header) noexcept {
    if (cursor.p == cursor.end) return Error::truncated;
    const std::uint8_t marker = u8(*cursor.p++);
    if (marker < kFixmap) {
        header = {Kind::uint, marker};
        return Error::none;
    }
    if (marker < kFixarray) return fixed_length(cursor, header, Kind::map, marker & 0x0fU);
    if (marker < kFixstr) return fixed_length(cursor, header, Kind::array, marker & 0x0fU);
    if (marker < kNil) return fixed_length(cursor, header, Kind::str, marker & 0x1fU);
    if (marker >= kNegativeFixint) {
        header = {Kind::negative,
                  static_cast<std::uint64_t>(std::int64_t{static_cast<std::int8_t>(marker)})};
        return Error::none;
    }
    switch (marker) {
        case kNil:
            header = {Kind::nil, 0};
            return Error::none;
        case kReserved:
            return Error::invalid_marker;
        case kFalse:
            header = {Kind::boolean, 0};
            return Error::none;
        case kTrue:
            header = {Kind::boolean, 1};
            return Error::none;
        case kBin8:
            return take_length<std::uint8_t>(cursor, header, Kind::bin);
        case kBin16:
            return take_length<std::uint16_t>(cursor, header, Kind::bin);
        case kBin32:
            return take_length<std::uint32_t>(cursor, header, Kind::bin);
        case kExt8:
            return take_ext<std::uint8_t>(cursor, header);
        case kExt16:
            return take_ext<std::uint16_t>(cursor, header);
        case kExt32:
            return take_ext<std::uint32_t>(cursor, header);
        case kFloat32:
            return take_scalar<std::uint32_t>(cursor, header, Kind::float32);
        case kFloat64:
            return take_scalar<std::uint64_t>(cursor, header, Kind::float64);
        case kUint8:
            return take_scalar<std::uint8_t>(cursor, header, Kind::uint);
        case kUint16:
            return take_scalar<std::uint16_t>(cursor, header, Kind::uint);
        case kUint32:
            return take_scalar<std::uint32_t>(cursor, header, Kind::uint);
        case kUint64:
            return take_scalar<std::uint64_t>(cursor, header, Kind::uint);
        case kInt8:
            return take_signed<std::uint8_t>(cursor, header);
        case kInt16:
            return take_signed<std::uint16_t>(cursor, header);
        case kInt32:
            return take_signed<std::uint32_t>(cursor, header);
        case kInt64:
            return take_signed<std::uint64_t>(cursor, header);
        case kStr8:
            return take_length<std::uint8_t>(cursor, header, Kind::str);
        case kStr16:
            return take_length<std::uint16_t>(cursor, header, Kind::str);
        case kStr32:
            return take_length<std::uint32_t>(cursor, header, Kind::str);
        case kArray16:
            return take_length<std::uint16_t>(cursor, header, Kind::array);
        case kArray32:
            return take_length<std::uint32_t>(cursor, header, Kind::array);
        case kMap16:
            return take_length<std::uint16_t>(cursor, header, Kind::map);
        case kMap32:
            return take_length<std::uint32_t>(cursor, header, Kind::map);
        default:  // kFixext1..kFixext16: 1, 2, 4, 8, 16 bytes
            return take_ext(cursor, header, std::uint64_t{1} << (marker - kFixext1));
    }
}

template <Grammar kGrammar>
Error skip_value(Cursor& cursor, std::size_t max_depth) noexcept {
    // Values still missing in each open container, twice; the low bit marks maps.
    std::uint64_t open[kMaxDepth];
    std::size_t depth = 0;
    std::uint64_t missing = 1;
    bool is_map = false;
    for (;;) {
        while (missing == 0) {
            if (depth == 0) return Error::none;
            const std::uint64_t outer = open[--depth];
            missing = outer >> 1;
            is_map = (outer & 1) != 0;
        }
        Header header;
        if (const Error error = read_header(cursor, header); error != Error::none) return error;
        if constexpr (kGrammar == Grammar::json_like) {
            const bool is_key = is_map && missing % 2 == 0;
            if (is_key && header.kind != Kind::str) return Error::invalid_data;
        }
        --missing;
        switch (header.kind) {
            case Kind::str:
            case Kind::bin:
            case Kind::ext:
                if constexpr (kGrammar == Grammar::json_like) {
                    if (header.kind != Kind::str) return Error::invalid_data;
                    const auto size = static_cast<std::size_t>(header.value);
                    if (!is_utf8(as_text({cursor.p, size}))) return Error::invalid_utf8;
                }
                cursor.p += header.value;
                break;
            case Kind::array:
            case Kind::map:
                if (depth == max_depth) return Error::too_deep;
                open[depth++] = missing << 1 | static_cast<std::uint64_t>(is_map);
                is_map = header.kind == Kind::map;
                missing = is_map ? 2 * header.value : header.value;
                break;
            default:
                break;
        }
    }
}

template Error skip_value<Grammar::any>(Cursor&, std::size_t) noexcept;
template Error skip_value<Grammar::json_like>(Cursor&, std::size_t) noexcept;

}  // namespace pulse::protocol::wire
