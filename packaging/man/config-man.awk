# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   awk -f config-man.awk pulse.toml > pulse.toml.5
#
# The manual page of the configuration, from the comments of the sample file, which are the
# reference. Run by the build.

function roff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.\x27]/) text = "\\&" text
    return text
}

# What was said before a section or key.
function flush_text(    i) {
    for (i = 1; i <= lines; i++) {
        # The last line of a key: its type, its environment variables, when it takes effect.
        if (line[i] ~ /(applied on reload|needs a restart)\.$/) print ".br\n.I " roff(line[i])
        else if (line[i] ~ /^Default: /) print ".br\n" roff(line[i])
        else print line[i] == "" ? ".PP" : roff(line[i])
    }
    lines = 0
}

BEGIN {
    print ".\\\" SPDX-License-Identifier: MIT OR Apache-2.0"
    print ".\\\" Made by config-man.awk from pulse.toml."
    print ".TH PULSE.TOML 5 \"\" \"Pulse\" \"File formats\""
    print ".SH NAME\npulse.toml \\- configuration of pulse\\-server"
    print ".SH SYNOPSIS\n.I ./pulse.toml\n.br\n.I /etc/pulse/pulse.toml\n.br\n.I ~/.config/pulse/pulse.toml"
    print ".SH DESCRIPTION"
}

/^# SPDX/ || (NR == 2 && $0 == "#") { next }

/^#?\[/ {
    if (!are_keys) print ".SH KEYS"
    are_keys = 1
    sub(/^#/, "")
    print ".SS \"" roff($0) "\""
    flush_text()
    next
}

/^#[a-z_0-9]+ = / {
    sub(/^#/, "")
    comment = ""
    if (match($0, /  # /)) {
        comment = " (" substr($0, RSTART + 4) ")"
        $0 = substr($0, 1, RSTART - 1)
    }
    print ".TP\n\\fB" roff(substr($0, 1, index($0, " ") - 1)) "\\fR " roff(substr($0, index($0, "="))) roff(comment)
    flush_text()
    next
}

/^#( |$)/ {
    sub(/^# ?/, "")
    line[++lines] = $0
    next
}

# An empty line ends the account of the file itself; the others stand between keys.
/^$/ && !are_keys { flush_text() }

END { print ".SH SEE ALSO\n.BR pulse\\-server (1)" }
