#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Tests the web page in Chromium, with packages from FOLDER. The environment says what is tested with what:
#
#   PULSE_TEST_UI           where the build made the page: bundle/, node_modules/
#   PULSE_TEST_CHROMIUM     the browser
#   PULSE_UI_START          a module whose startTarget() starts something else than the model server
#                           (see support/target.mjs; support/real_target.mjs: the real server)
#   PULSE_SCREENSHOTS       a folder that gets pictures of the page
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../support/node_suite.sh"
folder=$1
shift
: "${PULSE_TEST_UI:?}" "${PULSE_TEST_CHROMIUM:?}"

install_packages "$here" "$folder"
export PULSE_TEST_NODE_FOLDER=$folder
if [[ $# -gt 0 ]]; then
    run_tests "$here" "$@"
    exit
fi
# One file after the other: they share two cores with everything else.
status=0
for file in "$here"/*_test.mjs; do
    # What needs no server is tested once, what is about the real one only against that.
    case "${PULSE_UI_START-}:${file##*/}" in ?*:static_test.mjs | :real_*) continue ;; esac
    run_tests "$here" "$file" || status=1
done
exit $status
