#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Holds the conversations with the server, all or those of the test files named, with packages from FOLDER, where
# they are installed from the npm registry when they are not there. The environment says what is tested:
#
#   PULSE_TEST_SERVER     the server
#   PULSE_TEST_PATIENCE   by what the time is multiplied in which something has to come; 10 unless given
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
shift
: "${PULSE_TEST_SERVER:?}"

"$here/../support/install_packages.sh" "$here" "$folder"

tests=("$@")
if [[ ${#tests[@]} -eq 0 ]]; then tests=("$here"/*_test.mjs); fi
PULSE_TEST_NODE_FOLDER=$folder exec node --test --test-reporter=spec "${tests[@]}"
