#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Which way the includes point:
#
#   protocol  <-  core  <-  { transport, rooms, mesa, roblox, media, cluster, store }  <-  apps
#                       <-  redis  <-  { mesa, cluster, store }
#
# A library includes itself and what stands to its left, never a sibling; public headers include no
# third-party header but tl/expected.hpp (and Asio in transport's); websocketpp and SQLite stay in the
# folders that wrap them. Fails with each line that points the wrong way.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
found=$(mktemp)
trap 'rm -f "$found"' EXIT

# "file:line:header" for each #include of the given files and folders, quoted or not.
includes() {
    { grep -rnE --include='*.hpp' --include='*.cpp' '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' "$@" || true; } |
        sed -E 's/^([^:]+:[0-9]+):[^<"]*[<"]([^>"]+)[>"].*/\1:\2/'
}
complain() { sed "s|\$|    ($1)|" >>"$found"; }

for library in libs/pulse_*; do
    name=${library#libs/pulse_}
    case $name in
        protocol) may='protocol' ;;
        core) may='core|protocol' ;;
        cluster | mesa | store) may="$name|redis|core|protocol" ;;
        *) may="$name|core|protocol" ;;
    esac
    includes "$library" | grep -E ':pulse/' | grep -vE ":pulse/($may)(\.hpp|/)" |
        complain "libs/pulse_$name may include pulse/{${may//|/,}} only" || true

    # A header with a slash or a dot in its name is not the standard library's.
    case $name in
        protocol) allowed='pulse/' ;;
        transport) allowed='pulse/|(sys|netinet|arpa|linux)/|tl/expected\\.hpp|asio/|asio\\.hpp' ;;
        *) allowed='pulse/|(sys|netinet|arpa|linux)/|tl/expected\\.hpp' ;;
    esac
    includes "$library/include" | awk -F: -v allowed="^($allowed)" '$3 ~ /[\/.]/ && $3 !~ allowed' |
        complain "not for a public header of pulse_$name"
done

includes libs apps examples | grep -E ':websocketpp/' |
    grep -vE '^libs/pulse_transport/src/websocket/' | complain "websocketpp stays in transport/src/websocket" || true
includes libs apps examples | grep -E ':(sqlite3\.h|SQLiteCpp/)' |
    grep -vE '^libs/pulse_store/src/sqlite/' | complain "SQLite stays in store/src/sqlite" || true
includes libs apps examples | grep -E ':hiredis/' |
    grep -vE '^libs/pulse_redis/src/' | complain "hiredis stays in redis/src" || true
includes libs apps examples | grep -E ':nats/nats\.h' |
    grep -vE '^libs/pulse_cluster/src/nats/' | complain "libnats stays in cluster/src/nats" || true
includes libs | grep -E ':(\.\./)*(apps|tests|benchmarks)/' | complain "a library includes what is not one" || true

if [[ -s $found ]]; then
    sort -u "$found" >&2
    exit 1
fi
