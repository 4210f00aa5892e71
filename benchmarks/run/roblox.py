#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the Roblox bridge's programs without sockets, and says which bars are met.

roblox-quota: messages per publish and per minute through Roblox's documented limits, on a virtual
clock (another seed each time; nothing of the machine is in it). roblox-uplink: what game servers
send, per CPU second. roblox-memory: universes and web clients. What sockets add is measured by
bench.py --set roblox --servers benchmarks/run/servers-roblox.json.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import harness
import record
import summary

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
KINDS = ("chat", "kill", "position", "number")
ENCODINGS = ("v0", "bytes", "escaped", "zstd")
HARD_LIMIT = 1000


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=PROJECT / "build" / "bin", type=pathlib.Path,
                        help="directory of the roblox-* programs [build/bin]")
    parser.add_argument("--repetitions", "-n", type=int, default=3)
    parser.add_argument("--clients", type=int, default=100000, help="web clients to weigh [100,000]")
    parser.add_argument("--cpus", default="0", help="cores to run on [0]")
    parser.add_argument("--record", metavar="NAME", help="write results/NAME.md and .json")
    parser.add_argument("--results", default=HERE.parent / "results", type=pathlib.Path)
    parser.add_argument("--strict", action="store_true", help="exit 1 when a bar is missed")
    return parser.parse_args()


def run(arguments, program, *options):
    """{name: {figure: number}} of one run."""
    command = [arguments.bin / program, *map(str, options)]
    with harness.exclusive():
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              preexec_fn=harness.claim(harness.cpu_set(arguments.cpus)))
    if done.returncode != 0:
        sys.exit(f"{program} failed:\n{done.stderr}")
    return {entry.pop("name"): entry for entry in json.loads(done.stdout)["runs"]}


class Figures:
    """What several runs of one program gave."""

    def __init__(self, runs):
        self.runs = runs

    def values(self, name, figure):
        return [one[name][figure] for one in self.runs]

    def text(self, name, figure, digits=0):
        return summary.with_spread(self.values(name, figure), 1, digits)


def verdict(text, values, limit, better, digits=1):
    middle, low, high = summary.spread(values)
    met = middle <= limit if better == "lower" else middle >= limit
    sign = "<=" if better == "lower" else ">="
    figure = f"{summary.number(middle, digits)} ({summary.number(low, digits)}..{summary.number(high, digits)})"
    return f"- {text}: {figure}, must be {sign} {limit:,g}: {'met' if met else 'MISSED'}", met


def quota_part(figures):
    lines = ["## Messages per publish", "",
             "One virtual topic in the game, as many messages as fit; then twenty topics.", "",
             "| payload | " + " | ".join(ENCODINGS) + " | "
             + " | ".join(f"{e}, 20 topics" for e in ENCODINGS[1:]) + " |",
             "|" + " --- |" * (2 * len(ENCODINGS))]
    for kind in KINDS:
        cells = [figures.text(f"{kind}/{e}/one-topic", "messages_per_publish", 1) for e in ENCODINGS]
        cells += [figures.text(f"{kind}/{e}/topics-20", "messages_per_publish", 1)
                  for e in ENCODINGS[1:]]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    lines += ["", "## Messages per minute at the documented quota", "",
              "Ten game servers, twenty virtual topics; in brackets against one message per publish on one real "
              "topic, in the same run.", "",
              "| payload | v0 | " + " | ".join(ENCODINGS[1:]) + " |", "|" + " --- |" * 5]
    verdicts = []
    for kind in KINDS:
        base = figures.values(f"{kind}/v0/topics-20", "messages_per_minute")
        cells = [summary.number(summary.spread(base)[0], 0)]
        for encoding in ENCODINGS[1:]:
            rates = figures.values(f"{kind}/{encoding}/topics-20", "messages_per_minute")
            ratios = [rate / one for rate, one in zip(rates, base)]
            cells.append(f"{summary.number(summary.spread(rates)[0], 0)} "
                         f"({summary.with_spread(ratios, 1, 1)} x)")
            if encoding != "bytes":
                verdicts.append(verdict(f"{kind}, {encoding}: rate against one message per publish",
                                        ratios, 10, "higher"))
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    names = figures.runs[0]
    for figure, text, limit in (("largest_publish", "largest of all publishes", HARD_LIMIT),
                                ("too_long", "publishes above Roblox's limit", 0),
                                ("refused_for_quota", "publishes above a quota", 0)):
        worst = [max(one[name][figure] for name in names) for one in figures.runs]
        verdicts.append(verdict(text, worst, limit, "lower", 0))
    return lines, verdicts


def uplink_part(figures):
    lines = ["## From game servers", "",
             "Batches of 100 through the HTTP route's function: admitted, decoded, deduplicated, routed to a web "
             "client, answered; one thread, CPU time.", "",
             "| batch, message | messages per CPU second | ns per message |", "| --- | --- | --- |"]
    verdicts = []
    for name in figures.runs[0]:
        kind, size = name.split("/")
        lines.append(f"| {kind}, {size} B | {figures.text(name, 'messages_per_cpu_s')} "
                     f"| {figures.text(name, 'ns_per_message')} |")
        verdicts.append(verdict(f"{kind}, {size} B: messages per CPU second",
                                figures.values(name, "messages_per_cpu_s"), 100000, "higher", 0))
    return lines, verdicts


def memory_part(figures, clients):
    lines = ["## Memory, without sockets", "",
             f"1,000 universes and {clients:,} clients in one process; heap bytes each, malloc's own overhead "
             "included, connections (fakes) not.", "", "| what | bytes each |", "| --- | --- |"]
    for name, text in (("universe", "universe, registered, with a token"),
                       ("universe-used", "and after a message in each direction, more"),
                       ("web", "web client of the original's"),
                       ("web-topics", "web client after hello and two topics"),
                       ("native", "native client, one channel"),
                       ("left", "left of a web client that has gone")):
        lines.append(f"| {text} | {figures.text(name, 'bytes')} |")
    return lines, [verdict(f"{name}: bytes beyond the connection", figures.values(name, "bytes"), 1536,
                           "lower", 0) for name in ("web", "web-topics")]


def main():
    arguments = parse_arguments()
    about = record.environment(PROJECT, arguments.bin, ["benchmarks/run/roblox.py", *sys.argv[1:]])
    about |= {"repetitions": arguments.repetitions,
              "figures": "median (smallest..largest); ratios are paired within a repetition"}
    runs = {"quota": [], "uplink": [], "memory": []}
    for repetition in range(arguments.repetitions):
        runs["quota"].append(run(arguments, "roblox-quota", repetition + 1))
        runs["uplink"].append(run(arguments, "roblox-uplink"))
        runs["memory"].append(run(arguments, "roblox-memory", arguments.clients))
    parts = [quota_part(Figures(runs["quota"])), uplink_part(Figures(runs["uplink"])),
             memory_part(Figures(runs["memory"]), arguments.clients)]
    text = "\n".join("\n".join([*lines, "", *(line for line, _ in verdicts), ""])
                     for lines, verdicts in parts)
    print(text)
    if arguments.record:
        print(record.write(arguments.results, arguments.record, about, text, {"runs": runs}))
    all_met = all(met for _, verdicts in parts for _, met in verdicts)
    return 1 if arguments.strict and not all_met else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except harness.BenchError as problem:
        sys.exit(f"roblox.py: {problem}")
