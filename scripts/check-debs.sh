#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   scripts/check-debs.sh BUILD_DIR
#
# Looks into the packages that `make package` made there.
set -euo pipefail
build=${1:?usage: check-debs.sh BUILD_DIR}
fail() { echo "check-debs: $*" >&2 && exit 1; }
field() { dpkg-deb -f "$1" "$2"; }

server=$(compgen -G "$build/pulse-server_*.deb") || fail "no package pulse-server"
dev=$(compgen -G "$build/libpulse-realtime-dev_*.deb") || fail "no package libpulse-realtime-dev"
compgen -G "$build/*unspecified*" "$build/*Unspecified*" >/dev/null && fail "an install() has no COMPONENT"

for library in libc6 libsystemd0 libsqlite3-0 adduser; do
    field "$server" Depends | grep -qw "$library" || fail "pulse-server does not depend on $library"
done
listing=$(dpkg-deb -c "$server" | awk '{ print $1, $2, $6 }')
for file in ./usr/bin/pulse-server ./etc/pulse/pulse.toml ./usr/share/doc/pulse-server/copyright \
    ./usr/lib/systemd/system/pulse-server.service ./usr/lib/systemd/system/pulse-server@.service \
    ./usr/share/doc/pulse-server/clustering.md ./usr/share/doc/pulse-server/examples/compose.yaml \
    ./usr/share/man/man5/pulse.toml.5; do
    grep -qF " root/root $file" <<<"$listing" || fail "pulse-server lacks $file, or it is not root's"
done
grep -vE ' \./(usr|etc/pulse|etc)?(/|$)' <<<"$listing" | grep -v ' \./$' && fail "files outside /usr and /etc/pulse"
control=$(mktemp -d)
trap 'rm -rf "$control"' EXIT
dpkg-deb -e "$server" "$control"
grep -qxF /etc/pulse/pulse.toml "$control/conffiles" || fail "pulse.toml is no conffile"
for script in postinst prerm postrm; do
    [[ -x $control/$script ]] || fail "$script is not executable"
    sh -n "$control/$script"
done

# Whole before it is searched: `grep -q` ends at the first match, which would fail the pipe.
listing=$(dpkg-deb -c "$dev")
grep -qE ' \./usr/include/pulse/core/hub\.hpp$' <<<"$listing" || fail "no headers"
grep -qE ' \./usr/(bin|etc)' <<<"$listing" && fail "the library package has programs"
echo "check-debs: $(basename "$server"), $(basename "$dev")"
