#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Runs the tests with playwright-core from FOLDER. The environment says what is tested with what:
# PULSE_TEST_SERVER, PULSE_TEST_CHROMIUM.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../support/node_suite.sh"
folder=$1
shift
: "${PULSE_TEST_SERVER:?}" "${PULSE_TEST_CHROMIUM:?}"

install_packages "$here" "$folder"
export PULSE_TEST_NODE_FOLDER=$folder
run_tests "$here" "$@"
