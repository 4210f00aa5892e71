#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs pulse-load against several servers in turn and prints paired ratios.

Within each repetition every server is measured once, in random order, so that what drifts on the
machine hits all alike; a ratio compares two runs of the same repetition, and the median over the
repetitions is the figure. One run at a time: a lock file keeps other benchmarks out.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import sys

import harness
import record
import summary

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="quick", help="scenario set of scenarios.json [quick]")
    parser.add_argument("--scenarios", default=HERE / "scenarios.json", type=pathlib.Path)
    parser.add_argument("--servers", action="append", metavar="FILE",
                        help="servers file, may be given again [servers.json]")
    parser.add_argument("--server", action="append", metavar="NAME", help="only these servers")
    parser.add_argument("--only", metavar="REGEX", help="only scenarios whose name matches")
    parser.add_argument("--repetitions", "-n", type=int, help="instead of the set's own number")
    parser.add_argument("--against", metavar="ROLE", help="compare with this role or name everywhere")
    parser.add_argument("--bin", default=PROJECT / "build" / "bin", type=pathlib.Path,
                        help="directory of pulse-server and pulse-load [build/bin]")
    parser.add_argument("--load", type=pathlib.Path, help="pulse-load to use [BIN/pulse-load]")
    parser.add_argument("--server-cpus", default="0", help="cores of the server [0]")
    parser.add_argument("--load-cpus", default="1", help="cores of the generator [1]")
    parser.add_argument("--seed", type=int, help="of the server order, to repeat a run")
    parser.add_argument("--record", metavar="NAME", help="write results/NAME.md and .json")
    parser.add_argument("--results", default=HERE.parent / "results", type=pathlib.Path)
    parser.add_argument("--strict", action="store_true", help="exit 1 when a bar is missed")
    parser.add_argument("--list", action="store_true", help="list sets and scenarios and stop")
    return parser.parse_args()


def load_scenarios(file, name, only):
    sets = json.loads(file.read_text())
    if name not in sets:
        raise harness.BenchError(f"no set {name}; there are {', '.join(sorted(sets))}")
    chosen = sets[name]
    scenarios = [s for s in chosen["scenarios"] if not only or re.search(only, s["name"])]
    if not scenarios:
        raise harness.BenchError("no scenario matches")
    return chosen, scenarios


def list_sets(file):
    for name, chosen in json.loads(file.read_text()).items():
        print(f"{name}: {chosen['about']}")
        for scenario in chosen["scenarios"]:
            print(f"  {scenario['name']:32} {' '.join(scenario['args'])}")


def choose_servers(arguments):
    files = arguments.servers or [HERE / "servers.json"]
    servers = [server for file in files for server in harness.Server.load_file(file)]
    names = [server.name for server in servers]
    if len(set(names)) != len(names):
        raise harness.BenchError(f"a server name stands twice: {names}")
    if arguments.server:
        unknown = set(arguments.server) - set(names)
        if unknown:
            raise harness.BenchError(f"no such server: {sorted(unknown)}")
        servers = [server for server in servers if server.name in arguments.server]
    return servers


def progress(text):
    if sys.stderr.isatty():
        print(f"\r{text:78}\r", end="", file=sys.stderr, flush=True)


class Session:
    """One invocation: which servers, which order, what came out."""

    def __init__(self, arguments, chosen, servers):
        self.arguments = arguments
        self.servers = servers
        self.repetitions = arguments.repetitions or chosen.get("repetitions", 5)
        self.seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 30)
        self.random = random.Random(self.seed)
        self.load = arguments.load or arguments.bin / "pulse-load"
        self.server_cpus = harness.cpu_set(chosen.get("server_cpus", arguments.server_cpus))
        self.load_cpus = harness.cpu_set(chosen.get("load_cpus", arguments.load_cpus))

    def wanted(self, scenario):
        roles = scenario.get("roles")
        return [s for s in self.servers if not roles or s.role in roles or s.judged]

    def against(self, scenario):
        """Name of the server that the others of this scenario are compared with."""
        role = self.arguments.against or scenario.get("against")
        return next((s.name for s in self.wanted(scenario) if role in (s.role, s.name)), None)

    def measure(self, scenario):
        servers = self.wanted(scenario)
        results = {server.name: [] for server in servers}
        for repetition in range(self.repetitions):
            for server in self.random.sample(servers, len(servers)):
                progress(f"{scenario['name']} {repetition + 1}/{self.repetitions} {server.name}")
                results[server.name].append(self.run_once(scenario, server))
        progress("")
        return results

    def run_once(self, scenario, server):
        try:
            return harness.load_once(self.load, server, scenario["args"], self.arguments.bin,
                                     self.server_cpus, self.load_cpus,
                                     scenario.get("timeout", 120))
        except harness.BenchError as error:
            return {"ok": False, "failures": [str(error)]}

    def evaluate(self, scenario, results):
        """Markdown of one scenario, whether judged servers were right, and which bars were met."""
        against = self.against(scenario)
        parts = [f"## {scenario['name']}", "", f"`pulse-load {' '.join(scenario['args'])}`", "",
                 summary.table(results, against), ""]
        met = []
        for server in self.wanted(scenario):
            for bar in scenario.get("bars", []) if server.judged else []:
                text, is_met = summary.judge(bar, results, server.name, against)
                parts.append(f"- {server.name}: {text}")
                met.append(is_met)
        parts += [f"- FAILED {line}" for line in summary.failures(results)]
        judged = [s.name for s in self.wanted(scenario) if s.judged] or list(results)
        right = all(run["ok"] for name in judged for run in results[name])
        return "\n".join(parts).rstrip() + "\n", right, met


def main():
    arguments = parse_arguments()
    if arguments.list:
        list_sets(arguments.scenarios)
        return 0
    chosen, scenarios = load_scenarios(arguments.scenarios, arguments.set, arguments.only)
    session = Session(arguments, chosen, choose_servers(arguments))
    if not os.access(session.load, os.X_OK):
        raise harness.BenchError(f"{session.load} is missing: build with -DPULSE_BUILD_BENCHMARKS=ON")
    if session.server_cpus == session.load_cpus and len(session.load_cpus) == 1:
        print("server and generator share one core: figures mean little", file=sys.stderr)
    about = record.environment(PROJECT, arguments.bin, ["bench.py", *sys.argv[1:]])
    about |= {"repetitions": session.repetitions, "seed": session.seed,
              "figures": "median (smallest..largest); ratios are paired within a repetition"}
    texts, data, all_right, all_met = [], {}, True, []
    limit = harness.descriptor_limit()
    with contextlib.suppress(KeyboardInterrupt):  # what was measured so far is still worth printing
        for scenario in scenarios:
            if scenario.get("descriptors", 0) > limit:
                text = (f"## {scenario['name']}\n\nSkipped: needs {scenario['descriptors']} descriptors"
                        f" in each process, this system allows {limit}.\n")
                print(text, flush=True)
                texts.append(text)
                data[scenario["name"]] = {"args": scenario["args"], "skipped": True}
                continue
            results = session.measure(scenario)
            text, right, met = session.evaluate(scenario, results)
            print(text, flush=True)
            texts.append(text)
            data[scenario["name"]] = {"args": scenario["args"], "runs": results}
            all_right = all_right and right
            all_met += met
    if arguments.record:
        print(record.write(arguments.results, arguments.record, about, "\n".join(texts),
                           {"scenarios": data}))
    if not all_right or len(data) < len(scenarios):
        return 1
    return 1 if arguments.strict and not all(all_met) else 0


if __name__ == "__main__":
    # End as by Ctrl-C: what was measured is printed, and servers are ended properly.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except harness.BenchError as problem:
        sys.exit(f"bench.py: {problem}")
