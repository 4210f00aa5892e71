#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   run.sh FOLDER [TEST…]
#
# Holds the conversations with the server, with packages from FOLDER. The environment says what is tested:
#
#   PULSE_TEST_SERVER     the server
#   PULSE_TEST_MESA_APP   the test application of Mesa
#   PULSE_TEST_PATIENCE   by what the time is multiplied in which something has to come; 10 unless given
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../support/node_suite.sh"
folder=$1
shift
: "${PULSE_TEST_SERVER:?}"

install_packages "$here" "$folder"
export PULSE_TEST_NODE_FOLDER=$folder
run_tests "$here" "$@"
