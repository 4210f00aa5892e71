#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   prepare.sh FOLDER
#
# FOLDER/luau: a Luau VM. FOLDER/package: clients/typescript, built. From the npm registry, when it is not
# there or no longer what the lock files name.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$1

mkdir -p "$folder/luau" "$folder/package"
install_packages() { # LOCK-FILE FOLDER
    if cmp -s "$1" "$2/node_modules/installed-lock.json"; then return; fi
    npm ci --prefix "$2" --no-audit --no-fund --ignore-scripts --loglevel=error
    cp "$1" "$2/node_modules/installed-lock.json"
}
cp "$root/tests/luau"/package{,-lock}.json "$folder/luau"
install_packages "$root/tests/luau/package-lock.json" "$folder/luau"

package=$root/clients/typescript
rm -rf "$folder/package"/{src,test-types}
cp -R "$package"/{package.json,package-lock.json,tsconfig.json,build.mjs,README.md,src,test-types} "$folder/package"
install_packages "$package/package-lock.json" "$folder/package"
(cd "$folder/package" && node build.mjs)
