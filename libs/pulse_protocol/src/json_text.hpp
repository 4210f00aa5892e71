// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Pieces of JSON text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/protocol/bytes.hpp>

namespace pulse::protocol::json_text {

/// Appends `text` as a JSON string, quotes included. Each byte that is not part of well-formed
/// UTF-8 becomes U+FFFD.
void append_string(std::string& out, std::string_view text);

void append_number(std::string& out, std::uint64_t number);
void append_number(std::string& out, std::int64_t number);
/// The shortest text that reads back as `number`, always recognisable as a float; `null` when it is
/// not finite.
void append_number(std::string& out, double number);

}  // namespace pulse::protocol::json_text
