# SPDX-License-Identifier: MIT OR Apache-2.0
# fish completion for pulse-server(1)
complete -c pulse-server -f
complete -c pulse-server -s c -l config -r -F -d 'Configuration file (TOML)'
complete -c pulse-server -l host -x -a '127.0.0.1 0.0.0.0 ::1 ::' -d 'Address to listen on'
complete -c pulse-server -l port -x -d 'Port to listen on; 0 takes any free one'
complete -c pulse-server -l log-level -x -a 'trace debug info warn error off' -d 'Least severity that is written'
complete -c pulse-server -l check-config -d 'Check the configuration and exit'
complete -c pulse-server -l check -d 'Check the configuration and exit'
complete -c pulse-server -l print-config -d 'Print every value and where it came from, and exit'
complete -c pulse-server -l version -d 'Print version and build, and exit'
complete -c pulse-server -s h -l help -d 'Print help and exit'
