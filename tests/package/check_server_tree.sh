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

for file in usr/bin/pulse-server usr/bin/pulse-roblox etc/pulse/pulse.toml usr/lib/systemd/system/pulse-server{,@}.service \
    usr/share/doc/pulse-server/clustering.md usr/share/doc/pulse-server/examples/compose.yaml \
    usr/share/man/man1/pulse-server.1 usr/share/man/man1/pulse-roblox.1 usr/share/man/man5/pulse.toml.5 \
    usr/share/bash-completion/completions/pulse-{server,roblox} \
    usr/share/fish/vendor_completions.d/pulse-{server,roblox}.fish; do
    [[ -s $root/$file ]] || fail "$file is not installed"
done
for program in pulse-server pulse-roblox; do
    compgen -G "$root/usr/share/zsh/*/_$program" >/dev/null || fail "no zsh completion of $program"
done

"$root/usr/bin/pulse-server" --check-config --config "$root/etc/pulse/pulse.toml" >/dev/null

# Each flag of --help is completed and described.
check_flags() {
    local program=$1 flag file
    shift
    for flag in $("$root/usr/bin/$program" "$@" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
        for file in "$root/usr/share/bash-completion/completions/$program" \
            "$root"/usr/share/zsh/*/"_$program"; do
            grep -qF -- "$flag" "$file" || fail "$flag is not in ${file#"$root"/}"
        done
        grep -qF -- " -l ${flag#--}" "$root/usr/share/fish/vendor_completions.d/$program.fish" ||
            fail "$flag is not in the fish completion of $program"
        grep -qF -- "${flag//-/\\-}" "$root/usr/share/man/man1/$program.1" ||
            fail "$flag is not in $program(1)"
    done
}
check_flags pulse-server
check_flags pulse-roblox
for task in check rekey import-legacy new-master-key; do
    check_flags pulse-roblox "$task"
    for file in "$root/usr/share/bash-completion/completions/pulse-roblox" \
        "$root"/usr/share/zsh/*/_pulse-roblox \
        "$root/usr/share/fish/vendor_completions.d/pulse-roblox.fish"; do
        grep -qF -- "$task" "$file" || fail "$task is not in ${file#"$root"/}"
    done
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
