#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   install_packages.sh FROM FOLDER
#
# The npm packages that FROM/package-lock.json names, into FOLDER, if they are not there. No package's own
# script is run.
set -euo pipefail
from=$1
folder=$2

mkdir -p "$folder"
if ! cmp -s "$from/package-lock.json" "$folder/installed-lock.json"; then
    cp "$from/package.json" "$from/package-lock.json" "$folder"
    npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error
    cp "$from/package-lock.json" "$folder/installed-lock.json"
fi
