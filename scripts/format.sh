#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   scripts/format.sh [--all] [--check]
#
# clang-format over the C++ files that differ from the last commit, or over all of them. With
# --check it changes nothing and fails when something is not formatted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

want_all=no
mode=(-i)
for argument in "$@"; do
    case $argument in
        --all) want_all=yes ;;
        --check) mode=(--dry-run --Werror) ;;
        *)
            echo "usage: scripts/format.sh [--all] [--check]" >&2
            exit 2
            ;;
    esac
done

list() {
    if [[ $want_all == yes ]]; then
        git ls-files -z --cached --others --exclude-standard -- '*.cpp' '*.hpp'
    else
        git diff -z --name-only --diff-filter=d HEAD -- '*.cpp' '*.hpp'
        git ls-files -z --others --exclude-standard -- '*.cpp' '*.hpp'
    fi
}
mapfile -d '' files < <(list)
existing=()
for file in "${files[@]}"; do
    if [[ -f $file ]]; then existing+=("$file"); fi
done
[[ ${#existing[@]} -gt 0 ]] || exit 0
clang-format "${mode[@]}" "${existing[@]}"
