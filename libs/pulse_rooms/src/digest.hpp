// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace pulse::rooms {

/// SHA-256 as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::string_view text);

/// In a time that tells nothing of where they differ, nor of how long `secret` is.
[[nodiscard]] bool is_equal_secret(std::string_view given, std::string_view secret);

}  // namespace pulse::rooms
