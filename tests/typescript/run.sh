#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Builds clients/typescript in FOLDER and runs the tests, all or those named, on what was built. What it
# is built with comes from the npm registry, when it is not there or no longer what package-lock.json
# names. The environment says what is tested with what: PULSE_TEST_SERVER, PULSE_TEST_CHROMIUM.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
package=$(cd "$here/../../clients/typescript" && pwd)
folder=$1
shift
: "${PULSE_TEST_SERVER:?}" "${PULSE_TEST_CHROMIUM:?}"

mkdir -p "$folder"
rm -rf "$folder/src" "$folder/test-types"
cp -R "$package"/{package.json,package-lock.json,tsconfig.json,build.mjs,README.md,src,test-types} "$folder"
if ! cmp -s "$package/package-lock.json" "$folder/node_modules/installed-lock.json"; then
    npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error
    cp "$package/package-lock.json" "$folder/node_modules/installed-lock.json"
fi
(cd "$folder" && node build.mjs)

tests=("$@")
if [[ ${#tests[@]} -eq 0 ]]; then tests=("$here"/*_test.mjs); fi
PULSE_TEST_NODE_FOLDER=$folder exec node --test --test-reporter=spec "${tests[@]}"
