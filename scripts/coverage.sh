#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs the tests with gcov counters and prints the share of lines of libraries and server that ran,
# the least covered files first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs=$(nproc)

scripts/setup.sh build test
cmake --preset coverage
cmake --build --preset coverage --parallel "$jobs"
find build/coverage -name '*.gcda' -delete
ctest --preset coverage --parallel "$jobs" --label-exclude package

# gcov names each source file once per object that has lines of it; what a header or source got at
# best is close enough to find what no test reaches.
find "$PWD/build/coverage" -name '*.gcda' -print0 | xargs -0 gcov --no-output --relative-only \
    --source-prefix "$PWD" 2>/dev/null |
    awk -F"'" '
        /^File / { file = $2 }
        /^Lines executed:/ && file ~ /^(libs|apps)\// {
            split($0, part, /[:% ]+/)
            if (!(file in best) || part[3] > best[file]) { best[file] = part[3]; count[file] = part[5] }
            file = ""
        }
        END {
            for (file in best) {
                printf "%6.1f %%  %5d lines  %s\n", best[file], count[file], file
                lines += count[file]; run += count[file] * best[file] / 100
            }
            if (lines > 0) printf "%6.1f %%  %5d lines  in all\n", 100 * run / lines, lines
        }' | sort -n
