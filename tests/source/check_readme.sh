#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The program in README.md is examples/minimal-server, which is built with the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

in_readme=$(awk '/^```cpp$/ { on = 1; next } /^```$/ { if (on) exit } on' README.md)
[[ -n $in_readme ]] || { echo "README.md has no C++ block" >&2; exit 1; }
diff -B <(echo "$in_readme") <(sed -n '/^#include/,$p' examples/minimal-server/main.cpp) \
    || { echo "README.md and examples/minimal-server/main.cpp differ" >&2; exit 1; }
