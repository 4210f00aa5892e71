// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Expected failures are values: a Result<T> holds a T or says why not.
#pragma once

#include <system_error>

#include <tl/expected.hpp>

namespace pulse::core {

/// Becomes std::expected with C++23. Compare errors with `==` against core::Error or
/// core::Condition.
template <typename T>
using Result = tl::expected<T, std::error_code>;

}  // namespace pulse::core
