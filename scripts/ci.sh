#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   scripts/ci.sh [STEP…]
#
# All that is checked before a change goes in, cheapest first. Steps: format dev headers test
# package asan tsan tidy fuzz; without arguments all of them. `dev` builds everything with warnings
# as errors and assertions on; `test` is what is shipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs=$(nproc)

format() {
    scripts/setup.sh format
    scripts/format.sh --all --check
}
dev() {
    scripts/setup.sh build test bench
    cmake --preset dev
    cmake --build --preset dev --parallel "$jobs"
    ctest --preset dev --parallel "$jobs"
}
headers() {
    # Each public header compiles by itself.
    scripts/setup.sh build test bench
    cmake --preset dev
    cmake --build --preset dev --parallel "$jobs" --target all_verify_interface_header_sets
}
test() { make test; }
package() {
    make package
    scripts/check-debs.sh build
}
asan() { make asan; }
tsan() { make tsan; }
tidy() { make tidy; }
fuzz() { make fuzz FUZZ_SECONDS="${FUZZ_SECONDS:-60}"; }

steps=("$@")
if [[ ${#steps[@]} -eq 0 ]]; then
    steps=(format dev headers test package asan tsan tidy fuzz)
fi
for step in "${steps[@]}"; do
    if [[ $(type -t "$step") != function ]]; then
        echo "ci: there is no step '$step'" >&2
        exit 2
    fi
done
for step in "${steps[@]}"; do
    echo "== $step"
    "$step"
done
