# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What the run.sh of the suites in Node have in common; to be sourced. Each is called
#
#   run.sh FOLDER [TEST…]
#
# and puts the packages it needs, and what it builds, into FOLDER: the source tree stays as it is. Without tests
# named, all of the suite run; options of `node --test` may stand before them.
set -euo pipefail
suites=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# install_packages FROM FOLDER: those of FROM/package-lock.json, from the npm registry, unless they are there.
install_packages() {
    local from=$1 folder=$2 installed=$2/node_modules/installed-lock.json
    if cmp -s "$from/package-lock.json" "$installed"; then return; fi
    mkdir -p "$folder"
    cp "$from"/package{,-lock}.json "$folder"
    npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error
    mkdir -p "$folder/node_modules" # of a lock without packages
    cp "$from/package-lock.json" "$installed"
}

# build_typescript FOLDER: clients/typescript, built in FOLDER.
build_typescript() {
    local package=$suites/../clients/typescript folder=$1
    install_packages "$package" "$folder"
    rm -rf "$folder"/{src,test-types}
    cp -R "$package"/{package.json,tsconfig.json,build.mjs,README.md,src,test-types} "$folder"
    (cd "$folder" && node build.mjs)
}

# run_tests SUITE [TEST…]: with the options of `node` in node_options.
node_options=()
run_tests() {
    local suite=$1
    shift
    local tests=("$@")
    if [[ " $* " != *_test.mjs* ]]; then tests+=("$suite"/*_test.mjs); fi
    node "${node_options[@]}" --test --test-reporter=spec "${tests[@]}"
}
