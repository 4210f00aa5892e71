#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh [--cluster] MESA_TEST_APP [options of fanout.mjs, or of cluster.mjs…]
#
# Measures Mesa beside the original, which npm installs into a temporary folder; with --cluster, over a Redis beside itself alone
# (../run/mesa.py does that in turns, and records it).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ $1 == --cluster ]]; then
    export MESA_TEST_APP=$2
    exec node "$here/cluster.mjs" "${@:3}"
fi
export MESA_TEST_APP=$1
shift
MESA_FOLDER=$(mktemp -d)
export MESA_FOLDER
trap 'rm -rf "$MESA_FOLDER"' EXIT
cp "$here/package.json" "$MESA_FOLDER"
npm install --prefix "$MESA_FOLDER" --no-audit --no-fund --ignore-scripts --loglevel=error
node "$here/fanout.mjs" "$@"
