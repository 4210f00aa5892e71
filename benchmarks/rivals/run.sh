#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs the same load against Pulse, Redis, NATS, Mosquitto and Node's ws, and prints a table.
# Arguments go to ../run/bench.py, for instance: run.sh -n 3 --only window-64 --record rivals
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Debian keeps some servers where a plain user's PATH does not look.
export PATH="$PATH:/usr/sbin:/sbin"

missing=()
for pair in redis-server:redis-server nats-server:nats-server mosquitto:mosquitto \
            node:nodejs npm:npm python3:python3; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if ((${#missing[@]} > 0)); then
    echo "run.sh: these Debian packages are missing: ${missing[*]}" >&2
    echo "        apt-get install ${missing[*]}" >&2
    exit 3
fi

if [[ ! -d $here/node_modules/ws ]] ||
   [[ $here/package-lock.json -nt $here/node_modules/.package-lock.json ]]; then
    npm ci --prefix "$here" --no-audit --no-fund --ignore-scripts --loglevel=error
fi

exec python3 "$here/../run/bench.py" --set rivals \
    --servers "$here/../run/servers.json" --servers "$here/servers.json" "$@"
