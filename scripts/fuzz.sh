#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   scripts/fuzz.sh BIN_DIR SECONDS [FUZZER…]
#
# Runs each fuzzer of BIN_DIR for so long, from its seeds in tests/fuzz/corpus. New inputs are kept
# in BIN_DIR/../fuzz-inputs and go on from there next time; what crashes lands in
# BIN_DIR/../fuzz-crashes, and the script fails at the end.
set -euo pipefail
[[ $# -ge 2 ]] || { sed -n '4,8p' "$0" >&2 && exit 2; }
bin=$(cd "$1" && pwd) seconds=$2
shift 2
corpus=$(cd "$(dirname "${BASH_SOURCE[0]}")/../tests/fuzz/corpus" && pwd)
crashes=$bin/../fuzz-crashes
mkdir -p "$crashes"

if [[ $# -eq 0 ]]; then set -- "$bin"/*_fuzz; fi
failed=()
for fuzzer in "$@"; do
    name=$(basename "$fuzzer")
    inputs=$bin/../fuzz-inputs/$name
    mkdir -p "$inputs"
    seeds=()
    if [[ -d $corpus/${name%_fuzz} ]]; then seeds=("$corpus/${name%_fuzz}"); fi
    options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
        -artifact_prefix="$crashes/$name-" -verbosity=0)
    if [[ -f $corpus/${name%_fuzz}.dict ]]; then options+=(-dict="$corpus/${name%_fuzz}.dict"); fi
    echo "fuzz: $name for $seconds s"
    "$bin/$name" "${options[@]}" "$inputs" "${seeds[@]}" || failed+=("$name")
done
if [[ ${#failed[@]} -gt 0 ]]; then
    echo "fuzz: failed: ${failed[*]}; see $(cd "$crashes" && pwd)" >&2
    exit 1
fi
