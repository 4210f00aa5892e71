#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Runs the tests with a Luau VM and StyLua from FOLDER.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../support/node_suite.sh"
folder=$1
shift

install_packages "$here" "$folder"
export PULSE_TEST_NODE_FOLDER=$folder
node_options=(--liftoff-only) # compiled in one quick step: the tests are many short runs
run_tests "$here" "$@"
