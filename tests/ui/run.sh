#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER
#
# Tests the web page in Chromium. Installs package-lock.json's packages into FOLDER first, if they are
# not there. The environment says what is tested with what:
#
#   PULSE_TEST_UI           where the build made the page: bundle/, node_modules/
#   PULSE_TEST_CHROMIUM     the browser
#   PULSE_UI_START          a module whose startTarget() starts something else than the model server
#                           (see support/target.mjs; support/real_target.mjs: the real server)
#   PULSE_SCREENSHOTS       a folder that gets pictures of the page
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
: "${PULSE_TEST_UI:?}" "${PULSE_TEST_CHROMIUM:?}"

mkdir -p "$folder"
if ! cmp -s "$here/package-lock.json" "$folder/installed-lock.json"; then
    cp "$here/package.json" "$here/package-lock.json" "$folder"
    npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error
    cp "$here/package-lock.json" "$folder/installed-lock.json"
fi

# One file after the other: they share two cores with everything else.
status=0
for file in "$here"/*_test.mjs; do
    # What needs no server is tested once, what is about the real one only against that.
    case "${PULSE_UI_START-}:${file##*/}" in ?*:static_test.mjs | :real_*) continue ;; esac
    PULSE_TEST_NODE_FOLDER=$folder node --test --test-reporter=spec "$file" || status=1
done
exit $status
