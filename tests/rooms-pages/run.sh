#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Tests the rooms' demo pages in Chromium, with packages from FOLDER. The environment says what is tested with what:
#
#   PULSE_TEST_SERVER       the server
#   PULSE_TEST_UI           where the build made its pages: rooms/, node_modules/
#   PULSE_TEST_CHROMIUM     the browser
#   PULSE_SCREENSHOTS       a folder that gets pictures of the pages
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../support/node_suite.sh"
folder=$1
shift
: "${PULSE_TEST_SERVER:?}" "${PULSE_TEST_UI:?}" "${PULSE_TEST_CHROMIUM:?}"

# What drives Chromium for the operator's page drives it here.
install_packages "$here/../ui" "$folder"
export PULSE_TEST_NODE_FOLDER=$folder
run_tests "$here" "$@"
