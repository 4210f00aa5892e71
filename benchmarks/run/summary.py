# SPDX-License-Identifier: MIT OR Apache-2.0
"""From single reports to medians, paired ratios and verdicts."""

import statistics

# What a table shows, in this order, when the reports have it: (field, heading, factor, digits).
COLUMNS = [
    ("server_cpu_us_per_delivery", "CPU us/delivery", 1, 3),
    ("deliveries_per_s", "deliveries/s", 1e-3, 1),
    ("latency_us_p50", "p50 us", 1, 0),
    ("latency_us_p99", "p99 us", 1, 0),
    ("latency_us_p999", "p99.9 us", 1, 0),
    ("deliveries_per_read", "per read", 1, 1),
    ("wire_bytes_per_delivery", "wire B", 1, 0),
    ("connects_per_s", "connects/s", 1, 0),
    ("server_cpu_us_per_connection", "CPU us/conn", 1, 1),
    ("rss_per_connection_bytes", "B/conn", 1, 0),
    ("idle_cpu_share", "idle CPU", 1, 4),
    ("rss_growth_per_connection_bytes", "growth B/conn", 1, 1),
    ("rss_peak_bytes", "peak RSS MB", 1e-6, 1),
    ("slow_closed", "slow closed", 1, 0),
    ("missing", "missing", 1, 0),
    ("load_cpu_share", "load busy", 1, 2),
]
HEADINGS = {"deliveries/s": "k deliveries/s"}


def spread(values):
    """(median, smallest, largest)"""
    return statistics.median(values), min(values), max(values)


def number(value, digits):
    return f"{value:,.{digits}f}" if abs(value) < 1e15 else f"{value:g}"


def with_spread(values, factor, digits):
    middle, low, high = (value * factor for value in spread(values))
    if number(low, digits) == number(high, digits):
        return number(middle, digits)
    return f"{number(middle, digits)} ({number(low, digits)}..{number(high, digits)})"


def field_values(runs, field):
    return [run[field] for run in runs if isinstance(run.get(field), (int, float))]


def pairs(runs, other_runs, field):
    """(ours, theirs) per repetition, of the repetitions where both sides have a figure."""
    both = [(run.get(field), other.get(field)) for run, other in zip(runs, other_runs)]
    return [(mine, theirs) for mine, theirs in both
            if isinstance(mine, (int, float)) and isinstance(theirs, (int, float))]


def paired_ratios(runs, other_runs, field):
    return [mine / theirs for mine, theirs in pairs(runs, other_runs, field) if theirs > 0]


def paired_differences(runs, other_runs, field):
    return [mine - theirs for mine, theirs in pairs(runs, other_runs, field)]


def table(results, against):
    """Markdown: a row for each server, figures as median (smallest..largest), ratios to `against`."""
    all_runs = [run for runs in results.values() for run in runs]
    columns = [column for column in COLUMNS if field_values(all_runs, column[0])]
    ratio_fields = [(field, heading) for field, heading in
                    (("server_cpu_us_per_delivery", "CPU ratio"), ("deliveries_per_s", "rate ratio"),
                     ("server_cpu_us_per_connection", "CPU ratio"), ("rss_per_connection_bytes", "RSS ratio"))
                    if against in results and field_values(all_runs, field)]
    head = ["server"] + [heading for _, heading in ratio_fields]
    head += [HEADINGS.get(heading, heading) for _, heading, _, _ in columns]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for name, runs in results.items():
        cells = [name]
        for field, _ in ratio_fields:
            ratios = paired_ratios(runs, results[against], field)
            cells.append(with_spread(ratios, 1, 2) if ratios else "-")
        for field, _, factor, digits in columns:
            values = field_values(runs, field)
            cells.append(with_spread(values, factor, digits) if values else "-")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def failures(results):
    """One line for each distinct failure of each server."""
    lines = []
    for name, runs in results.items():
        seen = {}
        for run in runs:
            for failure in run.get("failures", []):
                seen[failure] = seen.get(failure, 0) + 1
        lines += [f"{name}: {failure} ({count} of {len(runs)} runs)" for failure, count in seen.items()]
    return lines


def judge(bar, results, server, against):
    """(text, met) for one bar; met is None when there is nothing to compare with."""
    field, kind, better = bar["metric"], bar["kind"], bar["better"]
    runs = results.get(server, [])
    if kind in ("ratio", "difference"):
        if against not in results:
            return f"{field}: no {against} to compare with", None
        pair = paired_ratios if kind == "ratio" else paired_differences
        values = pair(runs, results[against], field)
        label = f"{field}, {kind} to {against}"
    else:
        values, label = field_values(runs, field), field
    if not values:
        return f"{label}: no figure", None
    middle, low, high = spread(values)
    sign = "<=" if better == "lower" else ">="
    meets = (lambda limit: middle <= limit) if better == "lower" else (lambda limit: middle >= limit)
    verdict = "met" if meets(bar["must"]) else "MISSED"
    text = f"{label}: {middle:.4g} ({low:.4g}..{high:.4g}), must be {sign} {bar['must']:g}: {verdict}"
    if "moonshot" in bar:
        reached = "reached" if meets(bar["moonshot"]) else "not reached"
        text += f"; moonshot {sign} {bar['moonshot']:g}: {reached}"
    return text, meets(bar["must"])
