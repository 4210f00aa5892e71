#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Installs the Debian packages that are missing, and says which. Silent when none is.
#
#   scripts/setup.sh [build] [test] [bench] [fuzz] [tidy] [format] [rivals] [package]
#
# Without arguments: build and test. As another user than root it goes through sudo. Set
# PULSE_SETUP=no where dependencies come from elsewhere (vcpkg, Conan, a distribution's own build).
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin  # where Debian keeps some servers

# What each group needs, as Debian 12 names it. "package:command" is content with a command of that
# name from anywhere, "package:/path" with a file.
build="g++ make:make cmake:cmake ninja-build:ninja pkg-config:pkg-config
    libasio-dev libwebsocketpp-dev nlohmann-json3-dev libexpected-dev libfmt-dev libspdlog-dev
    libcurl4-openssl-dev libsqlitecpp-dev libsqlite3-dev libssl-dev zlib1g-dev libzstd-dev libhiredis-dev libnats-dev
    libtomlplusplus-dev libcli11-dev prometheus-cpp-dev libsystemd-dev nodejs:node npm:npm"
test="catch2 redis-server:redis-server nats-server:nats-server openssl:openssl libmsgpack-cxx-dev python3:python3 chromium:chromium nodejs:node npm:npm"
bench="libbenchmark-dev python3:python3"
fuzz="clang:clang++ libclang-rt-dev"
tidy="clang:clang++ clang-tidy:clang-tidy"
format="clang-format:clang-format git:git"
rivals="redis-server:redis-server nats-server:nats-server mosquitto:mosquitto nodejs:node npm:npm"
package="dpkg-dev:dpkg-shlibdeps file:file"

groups=("$@")
[[ ${#groups[@]} -gt 0 ]] || groups=(build test)
if [[ ${PULSE_SETUP:-yes} == no ]]; then exit 0; fi

packages=()
for group in "${groups[@]}"; do
    case $group in
        build | test | bench | fuzz | tidy | format | rivals | package) ;;
        *)
            echo "setup: there is no group '$group'" >&2
            exit 2
            ;;
    esac
    for wish in ${!group}; do
        if [[ $wish == *:/* ]]; then
            [[ -e ${wish#*:} ]] && continue
        elif [[ $wish == *:* ]]; then
            command -v "${wish#*:}" >/dev/null && continue
        fi
        packages+=("${wish%%:*}")
    done
done
[[ ${#packages[@]} -gt 0 ]] || exit 0

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    # Not ours to guess another system's names: CMake says precisely what it does not find.
    echo "setup: not a Debian system, nothing installed. Needed, as Debian calls it: ${packages[*]}" >&2
    exit 0
fi

installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true)
missing=()
for package in "${packages[@]}"; do
    grep -qxF "$package installed" <<<"$installed" || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: missing, and neither root nor sudo here. As root:" >&2
        echo "    apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
    [[ -t 0 ]] || as_root+=(-n)  # nobody there to type a password
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3
    -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)

echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "${apt[@]}" update >"$log" 2>&1 </dev/null; then
    # One repository out of order is no reason to stop: the packages may be known already.
    echo "setup: apt-get update had trouble, going on:" >&2
    tail -n 5 "$log" >&2
fi
if ! "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 </dev/null; then
    echo "setup: apt-get install failed:" >&2
    tail -n 40 "$log" >&2
    exit 1
fi
