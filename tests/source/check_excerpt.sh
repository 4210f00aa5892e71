#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   check_excerpt.sh DOCUMENT WORD PROGRAM
#
# The C++ block of DOCUMENT that has WORD is an excerpt of PROGRAM, which is built with the tests; how far it is
# indented does not matter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

awk -v word="$2" '
    { line = $0; sub(/^ +/, "", line) }
    FNR == NR && line == "```cpp" { is_in = 1; block = ""; next }
    FNR == NR && line == "```" { if (is_in && index(block, word)) wanted = block; is_in = 0; next }
    FNR == NR { if (is_in) block = block line "\n"; next }
    { program = program line "\n" }
    END { exit !(wanted != "" && index("\n" program, "\n" wanted)) }
' "$1" "$3" || { echo "$1 has no C++ block with $2 that is part of $3" >&2; exit 1; }
