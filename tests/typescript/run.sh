#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Builds clients/typescript in FOLDER and runs the tests on what was built. The environment says what is
# tested with what: PULSE_TEST_SERVER, PULSE_TEST_CHROMIUM.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../support/node_suite.sh"
folder=$1
shift
: "${PULSE_TEST_SERVER:?}" "${PULSE_TEST_CHROMIUM:?}"

build_typescript "$folder"
export PULSE_TEST_NODE_FOLDER=$folder
run_tests "$here" "$@"
