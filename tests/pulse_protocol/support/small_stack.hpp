// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <functional>

namespace pulse::protocol::test {

/// Runs `work` on a thread with a stack of 256 KiB. What recurses once per level of its input does
/// not come back from there.
void on_small_stack(const std::function<void()>& work);

}  // namespace pulse::protocol::test
