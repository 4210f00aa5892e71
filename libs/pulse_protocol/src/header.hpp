// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The canonical form of a Header: what read_header() read, written in minimal width.
#pragma once

#include "scan.hpp"

#include <cstddef>
#include <vector>

namespace pulse::protocol::wire {

/// Longest header: marker and eight bytes.
inline constexpr std::size_t kMaxHeaderBytes = 9;

/// The number in a float32 or float64 header.
[[nodiscard]] double as_double(const Header& header) noexcept;

/// Writes the canonical header and returns its end: floats as float64, or nil when not finite.
/// Precondition: room for kMaxHeaderBytes; `header` is not an ext (ext has no place in JSON-like
/// data).
std::byte* put_header(std::byte* out, const Header& header) noexcept;

void append_header(std::vector<std::byte>& out, const Header& header);

}  // namespace pulse::protocol::wire
