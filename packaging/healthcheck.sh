#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Whether the server in this container answers. The image has bash, and nothing that speaks HTTP.
set -eu
exec 3<>"/dev/tcp/127.0.0.1/${PULSE_SERVER_PORT:-${PULSE_PORT:-8080}}"
printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 2 _ status _ <&3
[ "$status" = 200 ]
