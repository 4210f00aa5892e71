#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Writes package-lock.json anew after a change of package.json, without the addresses of whatever
# registry this machine uses: the integrity hashes say what to install, not where from.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
npm install --package-lock-only --no-audit --no-fund --ignore-scripts
sed -i '/"resolved":/d' package-lock.json
