#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   build.sh COMPILER PREFIX SOURCE OUTPUT MODULE…
#
# Builds and runs a program with no more than pkg-config says.
set -euo pipefail
compiler=$1 prefix=$2 source=$3 output=$4
shift 4

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name 'pulse-*.pc' -print -quit)")
export PKG_CONFIG_PATH
mkdir -p "$(dirname "$output")"
read -ra flags <<<"$(pkg-config --static --cflags "$@")"
read -ra libraries <<<"$(pkg-config --static --libs "$@")"
"$compiler" -std=c++20 "${flags[@]}" "$source" -o "$output" "${libraries[@]}"
"$output"
