#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   check_headers_alone.sh COMPILER PREFIX OUTPUT
#
# Holds pulse::protocol to its promise: its installed headers include the standard library and
# themselves, and its archive needs nothing beside it. The preprocessor tells every file it opens;
# each must lie in our prefix or be one that the standard library alone opens too.
set -euo pipefail
compiler=$1 prefix=$2 output=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$output"

dependencies() { "$compiler" -std=c++20 -I"$prefix/include" -M -x c++ "$@" |
    tr -d '\\' | tr -s ' ' '\n' | grep '^/' | xargs -n 50 realpath | sort -u; }

find "$prefix/include/pulse/protocol.hpp" "$prefix/include/pulse/protocol" -name '*.hpp' \
    -printf '#include "%p"\n' >"$output/all.cpp"
echo '#include <bits/stdc++.h>' >"$output/standard.cpp"
strangers=$(comm -23 <(dependencies "$output/all.cpp") <(dependencies "$output/standard.cpp") |
    grep -vF -e "$(realpath "$prefix")/include/pulse/protocol" -e "$(realpath "$output")/all.cpp" || true)
if [[ -n $strangers ]]; then
    echo "headers of pulse::protocol include more than the standard library:" >&2
    echo "$strangers" >&2
    exit 1
fi

# The driver adds the standard library, and this line nothing but our archive.
archive=$(find "$prefix" -name 'libpulse_protocol.a' -print -quit)
"$compiler" -std=c++20 -I"$prefix/include" "$here/src/codec.cpp" "$archive" -o "$output/codec"
"$output/codec"
