#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh BUILD-FOLDER
#
# Prepares what the demo needs in BUILD-FOLDER/demo, and runs it with the programs in BUILD-FOLDER/bin.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "$1" && pwd)

"$root/tests/roblox/prepare.sh" "$build/demo"
export PULSE_TEST_SERVER=$build/bin/pulse-server PULSE_TEST_MOCK=$build/bin/mock-open-cloud
export PULSE_TEST_NODE_FOLDER=$build/demo/luau PULSE_TEST_PACKAGE_FOLDER=$build/demo/package
exec node "$root/examples/roblox-demo/demo.mjs"
