// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pulse::redis {

/// Appends the command as an array of bulk strings.
void append_command(std::span<const std::string_view> arguments, std::string& out);

}  // namespace pulse::redis
