#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the micro-benchmarks several times over and prints each one's median and spread.

The repetitions of all benchmarks of a program alternate, so that what drifts on the machine hits all
alike.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

import record

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
UNITS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=PROJECT / "build" / "bin", type=pathlib.Path,
                        help="directory of the *_bench programs [build/bin]")
    parser.add_argument("--filter", default=".", metavar="REGEX", help="only these benchmarks")
    parser.add_argument("--repetitions", "-n", type=int, default=5)
    parser.add_argument("--min-time", type=float, default=0.05, help="seconds of each [0.05]")
    parser.add_argument("--record", metavar="NAME", help="write results/NAME.md and .json")
    parser.add_argument("--results", default=HERE.parent / "results", type=pathlib.Path)
    return parser.parse_args()


def run(program, arguments):
    command = [program, f"--benchmark_filter={arguments.filter}", "--benchmark_format=json",
               f"--benchmark_min_time={arguments.min_time}",
               f"--benchmark_repetitions={arguments.repetitions}",
               "--benchmark_enable_random_interleaving=true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{program.name} failed:\n{done.stderr}")
    # A program none of whose benchmarks matches prints nothing.
    return json.loads(done.stdout)["benchmarks"] if done.stdout.strip() else []


def figures(runs):
    """{name: [nanoseconds, ...]}; a counter per frame or delivery is a benchmark's true figure.

    What waits for other threads or for the disk is measured by the clock on the wall, for each of the
    items it has done.
    """
    times = {}
    for run_ in runs:
        if run_.get("run_type") == "aggregate":
            continue
        name = run_["run_name"]
        if name.endswith("/real_time") and run_.get("items_per_second"):
            times.setdefault(name.removesuffix("/real_time") + " per_item", []).append(
                1e9 / run_["items_per_second"])
            continue
        times.setdefault(name, []).append(run_["cpu_time"] * UNITS[run_["time_unit"]])
        for counter in ("ns_per_frame", "per_frame", "per_delivery"):
            if counter in run_:
                scale = 1 if counter.startswith("ns") else 1e9
                times.setdefault(f"{name} {counter.removeprefix('ns_')}", []).append(
                    run_[counter] * scale)
    return times


def table(program, times):
    lines = [f"## {program}", "", "| benchmark | median ns | spread |", "| --- | --- | --- |"]
    for name, values in times.items():
        lines.append(f"| {name} | {statistics.median(values):,.1f} "
                     f"| {min(values):,.1f}..{max(values):,.1f} |")
    return "\n".join(lines) + "\n"


def main():
    arguments = parse_arguments()
    programs = sorted(p for p in arguments.bin.glob("*_bench") if p.is_file())
    if not programs:
        sys.exit(f"no *_bench in {arguments.bin}")
    data = {}
    parts = []
    for program in programs:
        times = figures(run(program, arguments))
        if not times:
            continue
        data[program.name] = times
        parts.append(table(program.name, times))
        print(parts[-1], flush=True)
    if arguments.record:
        about = record.environment(PROJECT, arguments.bin, ["benchmarks/run/micro.py", *sys.argv[1:]])
        file = record.write(arguments.results, arguments.record, about, "\n".join(parts),
                            {"nanoseconds": data})
        print(f"wrote {file}")


if __name__ == "__main__":
    main()
