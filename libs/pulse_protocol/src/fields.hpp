// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which fields a frame of each type has.
#pragma once

#include <span>

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/frame.hpp>

namespace pulse::protocol {

struct FieldRule {
    Field field;
    bool is_optional = false;
    /// Came later, and stands last: known by its name alone, not by a place in the array form.
    bool is_extension = false;
};

/// The fields of a type, in the order of emission and of the array form.
[[nodiscard]] std::span<const FieldRule> fields_of(FrameType type) noexcept;

/// Those that are a value of JSON's kinds, kept in the frame's `data`.
[[nodiscard]] constexpr bool is_value(Field field) noexcept {
    return field == Field::data || field == Field::recover || field == Field::position ||
           field == Field::recovery;
}

}  // namespace pulse::protocol
