#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER
#
# Runs the tests with playwright-core from FOLDER, where it is installed, from the npm registry, when
# it is not there or no longer the one that package-lock.json names. The environment says what is
# tested with what: PULSE_TEST_SERVER, PULSE_TEST_CHROMIUM.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
: "${PULSE_TEST_SERVER:?}" "${PULSE_TEST_CHROMIUM:?}"

mkdir -p "$folder"
if ! cmp -s "$here/package-lock.json" "$folder/installed-lock.json"; then
    cp "$here/package.json" "$here/package-lock.json" "$folder"
    npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error
    cp "$here/package-lock.json" "$folder/installed-lock.json"
fi

PULSE_TEST_NODE_FOLDER=$folder exec node --test --test-reporter=spec "$here"/*_test.mjs
