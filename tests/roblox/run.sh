#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Builds clients/typescript in FOLDER, installs a Luau VM there, and runs the tests. The environment says what
# is tested: PULSE_TEST_SERVER, PULSE_TEST_MOCK, PULSE_TEST_CHROMIUM.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../support/node_suite.sh"
folder=$1
shift
: "${PULSE_TEST_SERVER:?}" "${PULSE_TEST_MOCK:?}" "${PULSE_TEST_CHROMIUM:?}"

"$here/prepare.sh" "$folder"
export PULSE_TEST_NODE_FOLDER=$folder/luau PULSE_TEST_PACKAGE_FOLDER=$folder/package
node_options=(--liftoff-only) # Luau is compiled in one quick step: the tests are many short runs
run_tests "$here" "$@"
