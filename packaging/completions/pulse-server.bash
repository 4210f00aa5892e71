# SPDX-License-Identifier: MIT OR Apache-2.0
# bash completion for pulse-server(1)
_pulse_server() {
    local cur prev words cword
    _init_completion -n = || return

    case $prev in
        -c | --config)
            _filedir toml
            return
            ;;
        --host)
            COMPREPLY=($(compgen -W '127.0.0.1 0.0.0.0 ::1 ::' -- "$cur"))
            return
            ;;
        --port)
            return
            ;;
        --log-level)
            COMPREPLY=($(compgen -W 'trace debug info warn error off' -- "$cur"))
            return
            ;;
    esac
    COMPREPLY=($(compgen -W '-c --config --host --port --log-level --check-config --check
        --print-config --version -h --help' -- "$cur"))
} && complete -F _pulse_server pulse-server
