#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   check_server_tree.sh CMAKE BUILD OUTPUT
#
# Installs the server's part as a package would, and looks whether it is whole.
set -euo pipefail
cmake=$1 build=$2 root=$3
rm -rf "$root"
install_server() { DESTDIR=$root "$cmake" --install "$build" --component server --prefix /usr >/dev/null; }
install_server

fail() { echo "check_server_tree: $*" >&2 && exit 1; }

for file in usr/bin/pulse-server etc/pulse/pulse.toml usr/lib/systemd/system/pulse-server.service \
    usr/share/man/man1/pulse-server.1 usr/share/man/man5/pulse.toml.5 \
    usr/share/bash-completion/completions/pulse-server \
    usr/share/fish/vendor_completions.d/pulse-server.fish; do
    [[ -s $root/$file ]] || fail "$file is not installed"
done
compgen -G "$root/usr/share/zsh/*/_pulse-server" >/dev/null || fail "no zsh completion"

"$root/usr/bin/pulse-server" --check-config --config "$root/etc/pulse/pulse.toml" >/dev/null

# Each flag of --help is completed and described.
flags=$("$root/usr/bin/pulse-server" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u)
for flag in $flags; do
    for file in "$root/usr/share/bash-completion/completions/pulse-server" \
        "$root"/usr/share/zsh/*/_pulse-server; do
        grep -qF -- "$flag" "$file" || fail "$flag is not in ${file#"$root"/}"
    done
    grep -qF -- " -l ${flag#--}" "$root/usr/share/fish/vendor_completions.d/pulse-server.fish" ||
        fail "$flag is not in the fish completion"
    grep -qF -- "${flag//-/\\-}" "$root/usr/share/man/man1/pulse-server.1" ||
        fail "$flag is not in pulse-server(1)"
done

# Each key of the configuration has its entry in the manual page.
section=
while read -r line; do
    case $line in
        '['*) section=${line//[\[\]#]/} ;;
        '#'[a-z]*' = '*)
            key=${line%% = *}
            grep -qF -- "${key#\#}" "$root/usr/share/man/man5/pulse.toml.5" ||
                fail "$section.${key#\#} is not in pulse.toml(5)" ;;
    esac
done <"$root/etc/pulse/pulse.toml"

# What an administrator changed stays.
echo '# mine' >>"$root/etc/pulse/pulse.toml"
install_server
tail -n 1 "$root/etc/pulse/pulse.toml" | grep -qxF '# mine' || fail "pulse.toml was overwritten"

# Another prefix keeps to itself.
"$cmake" --install "$build" --component server --prefix "$root/elsewhere" >/dev/null
[[ -s $root/elsewhere/etc/pulse/pulse.toml ]] || fail "a prefix of one's own got no pulse.toml"
