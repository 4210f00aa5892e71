#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   scripts/check-source.sh licence|length|paths
#
# What can be seen by looking at the files alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The files of the project, without what is built, fetched or data. Not from git: a tarball is
# checked too.
sources() {
    find . \( -name .git -o -name 'build*' -o -name node_modules -o -name dist -o -name corpus -o -name data \) -prune \
        -o -type f "$@" -print | sed 's,^\./,,' | LC_ALL=C sort
}
code=(\( -name '*.cpp' -o -name '*.hpp' -o -name '*.cmake' -o -name CMakeLists.txt -o -name '*.sh'
    -o -name '*.py' -o -name '*.js' -o -name '*.mjs' -o -name '*.ts' -o -name '*.luau' -o -name '*.awk'
    -o -name Makefile \))

complain() {  # <what is wrong>, then the files on standard input
    local found
    found=$(cat)
    [[ -n $found ]] || return 0
    echo "$1:" >&2
    sed 's/^/    /' <<<"$found" >&2
    exit 1
}

# Every source file says what it may be used for, in its first lines (a shebang comes before).
licence() {
    sources "${code[@]}" | while read -r file; do
        head -n 2 "$file" | grep -qF 'SPDX-License-Identifier: MIT OR Apache-2.0' || echo "$file"
    done | complain "no SPDX line at the top"
}

# Past 600 lines there is a second subject in a file. Not so in what users paste into a game, where one
# module is one file.
length() {
    sources "${code[@]}" ! -path './clients/luau/PulseClient.luau' | while read -r file; do
        lines=$(wc -l <"$file")
        if ((lines > 600)); then echo "$file: $lines lines"; fi
    done | complain "longer than 600 lines"
}

# Nothing of the machine it was written on: absolute paths into homes, checkouts, temporary builds.
paths() {
    { sources ! -name check-source.sh ! -name '*.png' | tr '\n' '\0' |
        xargs -0 grep -nIE '(^|[^A-Za-z0-9_.:/-])/(root|Users|work|tmp/build)(/[A-Za-z0-9._-]|-[a-z])' || true; } |
        complain "paths of somebody's machine"
}

case ${1:-} in
    licence | length | paths) "$1" ;;
    *) sed -n '4,6p' "$0" >&2 && exit 2 ;;
esac
