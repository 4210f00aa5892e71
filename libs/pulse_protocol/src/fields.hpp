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
};

/// The fields of a type, in the order of emission and of the array form.
[[nodiscard]] std::span<const FieldRule> fields_of(FrameType type) noexcept;

}  // namespace pulse::protocol
