#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   check_documents.sh PULSE_SERVER SOURCE
#
# Whoever copies a configuration from docs/operations/clustering.md, or starts the nodes of
# packaging/cluster, has one that the server takes without a word.
set -euo pipefail
server=$1 source=$2
page=$source/docs/operations/clustering.md
packaging=$source/packaging
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "check_documents: $*" >&2 && exit 1; }

# What this shell has for a server is not meant for these.
for name in $(compgen -e PULSE_) RUST_LOG; do unset "$name"; done

# A name in the environment that is no key is a warning only: nothing may be said.
check() {
    local what=$1 said
    shift
    said=$(env "$@" --check-config 2>&1 >/dev/null) || fail "$what: $said"
    [[ -z $said ]] || fail "$what: $said"
}

# Files that the page has whole, as "cat > NAME <<'EOF'": 1.toml, 2.toml, …
awk -v folder="$folder" '
    /^cat > .*\.toml <</ { is_in = 1; file = folder "/" ++n ".toml"; next }
    /^EOF$/ { is_in = 0 }
    is_in { print > file }' "$page"
[[ -s $folder/1.toml ]] || fail "no configuration in $page"
for file in "$folder"/?.toml; do
    check "$(basename "$file") of the page" "$server" --config "$file" --port 8081
done

# Sections that take the place of those in the first: blocks that begin with one.
awk -v folder="$folder" '
    /^```/ { is_block = !is_block; is_first = is_block; is_in = 0; next }
    is_first && /^\[[a-z]+\]$/ { is_in = 1; file = folder "/section" ++n }
    { is_first = 0 }
    is_in { print > file }' "$page"
[[ -s $folder/section1 ]] || fail "no section for NATS in $page"
for part in "$folder"/section?; do
    awk 'FNR == NR { if (/^\[/) replaced[$0] = 1; print; next }
        /^\[/ { is_out = $0 in replaced }
        !is_out' "$part" "$folder/1.toml" >"$part.toml"
    check "$(head -n 1 "$part") of $(basename "$part") of the page" "$server" --config "$part.toml"
done

# The unit of one node, with the file of all.
mapfile -t unit < <(sed -n 's/^Environment=//p' "$packaging/cluster/pulse-server@.service" |
    tr ' ' '\n' | sed 's/%i/8081/')
((${#unit[@]} > 0)) || fail "pulse-server@.service has no environment"
check pulse-server@.service "${unit[@]}" "$server" --config "$folder/1.toml"

# A container has what the image sets, what compose.yaml sets, and the packaged file.
mapfile -t container < <(
    sed -n 's/^ENV \(PULSE_\)/\1/p' "$packaging/Dockerfile"
    sed -nE 's/^ +(PULSE_[A-Z_]+): "?([^"]*)"?$/\1=\2/p' "$packaging/cluster/compose.yaml")
[[ ${container[*]} == *PULSE_CLUSTER_URL=* ]] || fail "compose.yaml has no PULSE_CLUSTER_URL"
check compose.yaml "${container[@]}" "$server" --config "$packaging/pulse.toml"

# Keys that the text names are there.
awk '/^\[/ { gsub(/[][]/, ""); section = $0 }
    /^#?[a-z0-9_]+ = / { sub(/^#/, ""); print section "." $1 }' "$packaging/pulse.toml" >"$folder/keys"
count=0
while IFS= read -r key; do
    [[ $key == *.toml ]] && continue
    grep -q "^${key%%.*}\." "$folder/keys" || continue  # of something else
    grep -qxF "$key" "$folder/keys" || fail "$page names $key, which is no key"
    count=$((count + 1))
done < <(grep -oE '`[a-z]+\.[a-z0-9_]+' "$page" | tr -d '`' | sort -u)
((count > 0)) || fail "$page names no keys"
