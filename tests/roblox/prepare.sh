#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   prepare.sh FOLDER
#
# FOLDER/luau: a Luau VM. FOLDER/package: clients/typescript, built.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../support/node_suite.sh"

install_packages "$suites/luau" "$1/luau"
build_typescript "$1/package"
