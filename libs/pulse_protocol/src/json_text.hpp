// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Pieces of JSON text, and base64 (RFC 4648 §4).
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

void append_base64(std::string& out, ByteView bytes);
/// False when `text` is not base64: other characters, bad length, bits left over. Padding may be
/// left out, but not be partial.
[[nodiscard]] bool decode_base64(std::string_view text, std::vector<std::byte>& out);

}  // namespace pulse::protocol::json_text
