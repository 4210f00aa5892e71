#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs mesa/run.sh --cluster: Mesa over a Redis beside one server alone, in turns.

    mesa.py BIN [-n 3] [--in-flight 1,16,64,256] [--record [mesa]] [options of mesa/cluster.mjs...]

BIN holds mesa-test-app; Node and redis-server come from the system. --record writes the figures to their section of
results/mesa.md, and every run to results/mesa.json. COLUMNS says what each figure is.
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
TITLE = "Over a Redis"
COLUMNS = """One server sends to everybody, all clients are at another one; beside one server alone that does both, in turns. Median
(least..most) of the repetitions.

- in flight: sent together; the next ones when all clients have them
- deliveries per CPU s, to one server: of the receiving server's CPU time alone (bar: >= 0.70)
- sender, Redis CPU us: for each message
- PUBLISH, commands: of Redis, for each message (bar: <= 1 PUBLISH)
- p50 us: from the sending until half of the clients have it, one message at a time whatever is in flight; added us: what that is above
  one server's (bar: <= 500 above the round trip to Redis, which is of the same minute, from Node)"""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--repetitions", "-n", type=int, default=3)
    parser.add_argument("--in-flight", default="1,16,64,256", metavar="N[,N]")
    parser.add_argument("--record", metavar="NAME", nargs="?", const="mesa")
    parser.add_argument("--results", default=HERE.parent / "results", type=pathlib.Path)
    return parser.parse_known_args()


def run(bin_dir, window, others):
    """One repetition: the two objects that cluster.mjs prints, of one server alone and of two."""
    command = [HERE.parent / "mesa" / "run.sh", "--cluster", (bin_dir / "mesa-test-app").resolve(), "--rounds", "1",
               "--in-flight", str(window), *others]
    with harness.exclusive():
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, preexec_fn=harness.claim(None))
    if done.returncode != 0:
        raise harness.BenchError("cluster.mjs failed")
    alone, joined, _ = (json.loads(line) for line in done.stdout.splitlines())
    return figures(window, alone, joined)


def figures(window, alone, joined):
    return {"window": window,
            "cpu_ratio": joined["deliveries_per_cpu_second"] / alone["deliveries_per_cpu_second"],
            "sender_us": joined["sender_cpu_us_per_message"], "redis_us": joined["redis_cpu_us_per_message"],
            "publishes": joined["publish_commands_per_message"], "commands": joined["commands_per_message"],
            "p50_us": joined["p50_ms"] * 1000, "added_us": (joined["p50_ms"] - alone["p50_ms"]) * 1000,
            "round_trip_us": joined["round_trip_ms"] * 1000}


FIELDS = [("cpu_ratio", "deliveries per CPU s, to one server", 2), ("sender_us", "sender CPU us/message", 1),
          ("redis_us", "Redis CPU us/message", 1), ("publishes", "PUBLISH/message", 3), ("commands", "commands/message", 3),
          ("p50_us", "p50 us", 0), ("added_us", "added us", 0), ("round_trip_us", "round trip us", 0)]


def table(results):
    lines = ["| in flight | " + " | ".join(heading for _, heading, _ in FIELDS) + " |", "|" + " --- |" * (len(FIELDS) + 1)]
    for window, runs in results.items():
        cells = [summary.with_spread(summary.field_values(runs, field), 1, digits) for field, _, digits in FIELDS]
        lines.append("| " + " | ".join([str(window), *cells]) + " |")
    return "\n".join(lines)


def main():
    arguments, others = parse_arguments()
    results = {int(window): [] for window in arguments.in_flight.split(",")}
    for _ in range(arguments.repetitions):
        for window, runs in results.items():
            runs.append(run(arguments.bin, window, others))
            print(json.dumps(runs[-1]), file=sys.stderr)
    text = f"{COLUMNS}\n\n{table(results)}"
    print(text)
    if arguments.record:
        about = record.environment(PROJECT, arguments.bin, ["benchmarks/run/mesa.py", *sys.argv[1:]])
        about["node"] = record.first_line(["node", "--version"])
        print(record.write_section(arguments.results, arguments.record, TITLE, about, text,
                                   {"runs": [one for runs in results.values() for one in runs]}))


if __name__ == "__main__":
    main()
