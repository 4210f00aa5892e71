// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Walking over MessagePack values without building them. Never recursive: the open containers stand
// in an array of fixed size on the stack.
#pragma once

#include "wire.hpp"

#include <cstddef>
#include <cstdint>

#include <pulse/protocol/bytes.hpp>
#include <pulse/protocol/error.hpp>

namespace pulse::protocol::wire {

/// A reading position. `p` never passes `end`.
struct Cursor {
    const std::byte* p;
    const std::byte* end;

    [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end - p); }
};

enum class Grammar : std::uint8_t {
    any,        ///< whatever MessagePack allows
    json_like,  ///< no bin, no ext, map keys are str, every str is UTF-8
};

/// Moves `cursor` behind the value it stands on, which may nest `max_depth` (at most kMaxDepth)
/// containers deep. Errors: truncated, invalid_marker, too_deep; json_like also invalid_data and
/// invalid_utf8. After an error the cursor stands somewhere in the value.
template <Grammar kGrammar>
[[nodiscard]] Error skip_value(Cursor& cursor, std::size_t max_depth) noexcept;

extern template Error skip_value<Grammar::any>(Cursor&, std::size_t) noexcept;
extern template Error skip_value<Grammar::json_like>(Cursor&, std::size_t) noexcept;

/// What a marker says about the value it starts.
struct Header {
    enum class Kind : std::uint8_t {
        nil,
        boolean,
        uint,      ///< non-negative integer, also in signed form
        negative,  ///< negative integer
        float32,
        float64,
        str,
        bin,
        ext,
        array,
        map,
    };

    Kind kind = Kind::nil;
    /// uint: the number; negative: its two's complement; floats: their bits; boolean: 0 or 1;
    /// str, bin, ext: bytes that follow; array, map: elements, entries.
    std::uint64_t value = 0;
};

/// read_header() without its shortcut.
[[nodiscard]] Error read_long_header(Cursor& cursor, Header& header) noexcept;

/// Reads the marker at `cursor` and what belongs to it: all of a scalar, only the length of the
/// others (for ext also its type byte). Guarantees that a str, bin or ext is there in full, and
/// that a container's count is not beyond what the rest could hold. Errors: truncated,
/// invalid_marker.
[[nodiscard]] Error read_long_header(Cursor& cursor, Header& header) noexcept;

[[nodiscard]] inline Error read_header(Cursor& cursor, Header& header) noexcept {
    // Small numbers and nil are most of what there can be many of.
    if (cursor.p != cursor.end) [[likely]] {
        const std::uint8_t marker = u8(*cursor.p);
        if (marker < kFixmap) {
            header = {Header::Kind::uint, marker};
            cursor.p += 1;
            return Error::none;
        }
        if (marker == kNil) {
            header = {Header::Kind::nil, 0};
            cursor.p += 1;
            return Error::none;
        }
    }
    return read_long_header(cursor, header);
}

}  // namespace pulse::protocol::wire
