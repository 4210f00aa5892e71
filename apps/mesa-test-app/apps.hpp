// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "lines.hpp"

namespace pulse::mesa_test {

// Each runs until it is told to end, and returns the exit status. They throw std::runtime_error for
// main() when they cannot begin.
int run_server(const Json& options, const Json& app);
int run_dispatcher(const Json& options, const Json& app);
int run_portal(const Json& options, const Json& app);

}  // namespace pulse::mesa_test
