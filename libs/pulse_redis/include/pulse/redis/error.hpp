// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <system_error>

namespace pulse::redis {

enum class Error {
    invalid_address = 1,  ///< not an address of a Redis; see Location
};

[[nodiscard]] const std::error_category& error_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(Error error) noexcept {
    return {static_cast<int>(error), error_category()};
}

}  // namespace pulse::redis

template <>
struct std::is_error_code_enum<pulse::redis::Error> : std::true_type {};
