// SPDX-License-Identifier: MIT OR Apache-2.0
#include "text.hpp"

#include <pulse/core/json.hpp>
#include <pulse/core/json_text.hpp>

namespace pulse::roblox::json {

void append_escaped(std::string& out, std::string_view text) {
    core::json::append_escaped(out, text);
}

void append_string(std::string& out, std::string_view text) { core::json::append_text(out, text); }

std::size_t escaped_size(std::string_view text) noexcept { return core::json::escaped_size(text); }

}  // namespace pulse::roblox::json
