#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Builds clients/typescript in FOLDER, installs a Luau VM there, and runs the tests, all or those named. The
# environment says what is tested: PULSE_TEST_SERVER, PULSE_TEST_MOCK, PULSE_TEST_CHROMIUM.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
shift
: "${PULSE_TEST_SERVER:?}" "${PULSE_TEST_MOCK:?}" "${PULSE_TEST_CHROMIUM:?}"

"$here/prepare.sh" "$folder"
tests=("$@")
if [[ ${#tests[@]} -eq 0 ]]; then tests=("$here"/*_test.mjs); fi
export PULSE_TEST_NODE_FOLDER=$folder/luau PULSE_TEST_PACKAGE_FOLDER=$folder/package
# Luau is compiled in one quick step: the tests are many short runs.
exec node --liftoff-only --test --test-reporter=spec "${tests[@]}"
