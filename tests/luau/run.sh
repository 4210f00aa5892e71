#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER
#
# Runs the tests with the packages in FOLDER, where they are installed, from the npm registry, when they
# are not there or no longer those that package-lock.json names.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1

mkdir -p "$folder"
if ! cmp -s "$here/package-lock.json" "$folder/installed-lock.json"; then
    cp "$here/package.json" "$here/package-lock.json" "$folder"
    npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error
    cp "$here/package-lock.json" "$folder/installed-lock.json"
fi

# Compiled in one quick step: the tests are many short runs.
PULSE_TEST_NODE_FOLDER=$folder exec node --liftoff-only --test --test-reporter=spec "$here"/*_test.mjs
