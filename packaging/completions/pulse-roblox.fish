# SPDX-License-Identifier: MIT OR Apache-2.0
# fish completion for pulse-roblox(1)
set -l commands check rekey import-legacy new-master-key
complete -c pulse-roblox -f
complete -c pulse-roblox -s c -l config -r -F -d 'Configuration file (TOML) of the server'
complete -c pulse-roblox -s C -l directory -x -a '(__fish_complete_directories)' -d 'Working directory of the server'
complete -c pulse-roblox -s h -l help -d 'Print help and exit'
complete -c pulse-roblox -n "not __fish_seen_subcommand_from $commands" -l version -d 'Print the version and exit'
complete -c pulse-roblox -n "not __fish_seen_subcommand_from $commands" -a check -d 'Read everything, change nothing'
complete -c pulse-roblox -n "not __fish_seen_subcommand_from $commands" -a rekey -d 'Encrypt every key anew under the first master key'
complete -c pulse-roblox -n "not __fish_seen_subcommand_from $commands" -a import-legacy -d 'Add universes from the records of the original'
complete -c pulse-roblox -n "not __fish_seen_subcommand_from $commands" -a new-master-key -d 'Print a new master key'
complete -c pulse-roblox -n '__fish_seen_subcommand_from import-legacy' -F
complete -c pulse-roblox -n '__fish_seen_subcommand_from import-legacy' -l password-file -r -F -d 'File with ENCRYPTION_KEY of the original'
complete -c pulse-roblox -n '__fish_seen_subcommand_from new-master-key' -l name -x -d 'What to call it'
