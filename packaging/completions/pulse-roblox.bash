# SPDX-License-Identifier: MIT OR Apache-2.0
# bash completion for pulse-roblox(1)
_pulse_roblox() {
    local cur prev words cword
    _init_completion -n = || return

    case $prev in
        -c | --config)
            _filedir toml
            return
            ;;
        -C | --directory)
            _filedir -d
            return
            ;;
        --password-file)
            _filedir
            return
            ;;
        --name)
            return
            ;;
    esac
    local word command=
    for word in "${words[@]:1:cword-1}"; do
        case $word in
            check | rekey | import-legacy | new-master-key) command=$word ;;
        esac
    done
    local options='-c --config -C --directory -h --help'
    case $command in
        '') options+=' --version check rekey import-legacy new-master-key' ;;
        import-legacy)
            if [[ $cur != -* ]]; then
                _filedir
                return
            fi
            options+=' --password-file'
            ;;
        new-master-key) options+=' --name' ;;
    esac
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
} && complete -F _pulse_roblox pulse-roblox
