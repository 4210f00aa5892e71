#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Tests the rooms' demo pages in Chromium, all tests or those named, with packages in FOLDER. The environment says
# what is tested with what:
#
#   PULSE_TEST_SERVER       the server
#   PULSE_TEST_UI           where the build made its pages: rooms/, node_modules/
#   PULSE_TEST_CHROMIUM     the browser
#   PULSE_SCREENSHOTS       a folder that gets pictures of the pages
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
shift
: "${PULSE_TEST_SERVER:?}" "${PULSE_TEST_UI:?}" "${PULSE_TEST_CHROMIUM:?}"

# What drives Chromium for the operator's page drives it here.
"$here/../support/install_packages.sh" "$here/../ui" "$folder"

tests=("$@")
if [[ ${#tests[@]} -eq 0 ]]; then tests=("$here"/*_test.mjs); fi
PULSE_TEST_NODE_FOLDER=$folder exec node --test --test-reporter=spec "${tests[@]}"
