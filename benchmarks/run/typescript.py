#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs typescript/receive.mjs: the TypeScript client beside a plain loop on the same packages.

Wants Node and the client's own packages: npm ci && npm run build in clients/typescript.
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


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=PROJECT / "build" / "bin", type=pathlib.Path,
                        help="directory of pulse-server [build/bin]")
    parser.add_argument("--package", default=PROJECT / "clients" / "typescript", type=pathlib.Path,
                        help="the client, built [clients/typescript]")
    parser.add_argument("--messages", type=int, default=200000)
    parser.add_argument("--repetitions", "-n", type=int, default=5)
    parser.add_argument("--record", metavar="NAME", help="write results/NAME.md and .json")
    parser.add_argument("--results", default=HERE.parent / "results", type=pathlib.Path)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    command = ["node", HERE.parent / "typescript" / "receive.mjs", arguments.package.resolve(),
               (arguments.bin / "pulse-server").resolve(), str(arguments.messages),
               str(arguments.repetitions), "json"]
    with harness.exclusive():
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        sys.exit(f"receive.mjs failed:\n{done.stderr}")
    results = json.loads(done.stdout)
    base = list(results.values())[-1]
    lines = [f"{arguments.messages:,} messages of 64 B received by one Node process, a frame each.", "",
             "| receiver | CPU ratio | rate ratio | CPU us/message | k messages/s |",
             "|" + " --- |" * 5]
    for name, runs in results.items():
        cells = [summary.with_spread(summary.paired_ratios(runs, base, field), 1, 2)
                 for field in ("cpu", "rate")]
        cells.append(summary.with_spread(summary.field_values(runs, "cpu"), 1, 2))
        cells.append(summary.with_spread(summary.field_values(runs, "rate"), 1e-3, 0))
        lines.append("| " + " | ".join([name, *cells]) + " |")
    text = "\n".join(lines)
    print(text)
    if arguments.record:
        about = record.environment(PROJECT, arguments.bin,
                                   ["benchmarks/run/typescript.py", *sys.argv[1:]])
        about |= {"node": record.first_line(["node", "--version"]),
                  "figures": "median (smallest..largest); ratios are paired within a repetition"}
        print(record.write(arguments.results, arguments.record, about, text, {"runs": results}))


if __name__ == "__main__":
    main()
