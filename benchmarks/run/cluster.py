#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Measures two nodes on one Redis against one node alone, in turns.

    cluster.py BIN [-n 3] [--seconds 3] [--subscribers 1000] [--record NAME]

BIN holds pulse-server and pulse-load; redis-server and redis-benchmark come from the system. A publisher is connected to the
first node, its subscribers are on the second. Prints for each window of publications in flight, with and without history:
  deliveries per CPU second of the node that delivers, to those of one node alone (must be >= 0.7)
  what the publishing node spends on a publication
  commands of Redis that carried publications, for each publication (must be <= 1)
  the median latency, what it is above that of one node alone, and a round trip to Redis in the same minute
And the same for one room, which the first node (the owner) has, where somebody talks, with the members on the second (the
carrier). COLUMNS says what each figure is.
"""
import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile

import harness
import record

WINDOWS = (1, 16, 64, 256)
ROOT = pathlib.Path(__file__).resolve().parents[2]
COLUMNS = """Beside one node alone that does all of it, in turns; median (least..most) of the repetitions.

- in flight: what is sent ahead of what all listeners on the second node have; filled up when half of it is delivered
- deliveries per CPU s, to one node: of the second node's CPU time alone (bar: >= 0.70). In a room that is the carrier, which has
  the members' connections; what who talks hears of itself on the first node does not count
- owner: the same: all that the room delivers for each second of CPU time of the node that has it and where somebody talks, though
  it delivers to that one client only
- publisher, owner CPU us: of the first node, for each publication or message
- commands: of Redis that carried publications, for each of them (bar: <= 1); in a room, what is told between its two nodes
- deliveries/s: to listeners on the second node; to one node: divided by what they get from one alone
- p50 us: from the sending on the first node until a listener on the second has it, over all of them; both ends are in one process
- added us: what that is above the same on one node; beside it a round trip to Redis in the same minute. With more than one in flight
  it says how long the queue is
- first added us: the same of the first listener that has each message, where nothing is measured but the way to the second node"""


class Redis:
    """A redis-server of its own, and what it says about itself."""

    def __init__(self, port):
        self.port = port

    def ask(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"*%d\r\n" % len(words) + b"".join(
                b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words))
            with connection.makefile("rb") as answers:
                head = answers.readline()
                return answers.read(int(head[1:])).decode() if head.startswith(b"$") else head.decode()

    def carried(self, keep):
        """Commands so far that carried publications: scripts where history is kept (they publish, too)."""
        for line in self.ask("INFO", "commandstats").splitlines():
            name, _, figures = line.partition(":")
            if name == ("cmdstat_evalsha" if keep else "cmdstat_publish"):
                return int(figures.partition("calls=")[2].partition(",")[0])
        return 0

    def round_trip_us(self):
        out = subprocess.run(["redis-benchmark", "-p", str(self.port), "-c", "1", "-n", "20000", "-t", "ping_mbulk",
                              "--csv", "--precision", "3"], capture_output=True, text=True, check=True).stdout
        names, *rows = [[field.strip('"') for field in line.split(",")] for line in out.splitlines() if "," in line]
        return float(rows[-1][names.index("p50_latency_ms")]) * 1000


@contextlib.contextmanager
def process(command, port, environment=None):
    with tempfile.TemporaryDirectory(prefix="pulse-bench-") as scratch:
        log = pathlib.Path(scratch) / "log"
        with open(log, "wb") as out:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=scratch,
                                     env=dict(os.environ, **(environment or {})), preexec_fn=harness.claim(None))
        try:
            harness.wait_until_listening(child, port, log)
            yield child
        finally:
            harness.stop(child)


@contextlib.contextmanager
def redis():
    port = harness.free_port()
    with process(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], port):
        yield Redis(port)


@contextlib.contextmanager
def node(binary, keep, url=None, rooms_store=None):
    port = harness.free_port()
    text = (f'[server]\nport = {port}\nthreads = 1\nclose_spread_ms = 0\n[metrics]\nenabled = false\n'
            f'[roblox]\nenabled = false\n[rooms]\nenabled = {"true" if rooms_store else "false"}\n'
            f'[logging]\nlevel = "error"\n')
    if rooms_store:
        text += f'[store]\nengine = "redis"\nurl = "{rooms_store}"\n'
    if url:
        text += f'[cluster]\nengine = "redis"\nurl = "{url}"\n'
    if keep:
        text += '[history]\nkeep = ["load:* 1000 10m"]\n'
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        with process([binary, "-c", file.name], port) as child:
            harness.wait_until_ready(port)
            yield child, port


def load(binary, options, window, ports, pids):
    command = [binary, "fanout", "--subscribers", str(options.subscribers), "--size", str(options.size),
               "--window", str(window), "--duration", str(options.seconds), "--channel-prefix", "load:",
               "--port", str(ports[-1]), "--publish-port", str(ports[0]), "--pid", ",".join(map(str, pids))]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=harness.claim(None), check=False)
    if done.returncode != 0:
        raise harness.BenchError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout)


def measure(options, window, keep):
    server, generator = (str(options.bin.resolve() / name) for name in ("pulse-server", "pulse-load"))
    with harness.exclusive(), redis() as broker:
        with node(server, keep) as (child, port):
            alone = load(generator, options, window, [port], [child.pid])
        url = f"redis://127.0.0.1:{broker.port}"
        with node(server, keep, url) as (first, first_port), node(server, keep, url) as (second, second_port):
            carried = broker.carried(keep)
            joined = load(generator, options, window, [first_port, second_port], [first.pid, second.pid])
            carried = broker.carried(keep) - carried
        return {
            "window": window, "history": keep,
            "cpu_ratio": alone["server_cpu_us_per_delivery"] / joined["server_2_cpu_us_per_delivery"],
            "publisher_us": joined["server_1_cpu_us_per_publication"],
            "commands": carried / joined["published"],
            "rate_ratio": joined["deliveries_per_s"] / alone["deliveries_per_s"],
            "deliveries_per_s": joined["deliveries_per_s"],
            "p50_us": joined["latency_us_p50"], "added_us": joined["latency_us_p50"] - alone["latency_us_p50"],
            "round_trip_us": broker.round_trip_us(),
        }


def talk(binary, options, window, ports, pids, count=lambda: 0):
    """What pulse-rooms-load says at the end, and what `count` grew by from the first message on."""
    command = [binary, "--rooms", "1", "--members", str(options.subscribers + 1), "--bytes", str(options.size),
               "--window", str(window), "--seconds", str(options.seconds), "--warm-up", "1",
               "--port", str(ports[-1]), "--talk-port", str(ports[0]), "--pid", ",".join(map(str, pids))]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=harness.claim(None))
    child.stdout.readline()
    before = count()
    said = next((line for line in child.stdout if line.startswith("{")), None)
    grown = count() - before  # at once: that members leave is told between nodes, too
    _, problem = child.communicate()
    if child.returncode != 0 or not said:
        raise harness.BenchError(problem.strip() or "pulse-rooms-load said nothing")
    return json.loads(said), grown


def room_figures(window, alone, joined, carried, round_trip_us):
    """From what talk() says of one node, and of the owner and the carrier. The carrier is judged by what it delivers, which
    is not what who talks hears of itself; the owner by what the room gets for its work."""
    owner_us, carrier_us = joined["cpu_us"]
    each_alone_us = alone["cpu_us"][0] / alone["deliveries"]
    rate, alone_rate = (run["heard"] / run["seconds"] for run in (joined, alone))
    return {"window": window, "carrier_ratio": each_alone_us * joined["heard"] / carrier_us,
            "owner_ratio": each_alone_us * joined["deliveries"] / owner_us, "owner_us": owner_us / joined["said"],
            "commands": carried / joined["said_from_start"], "rate_ratio": rate / alone_rate, "deliveries_per_s": rate,
            "p50_us": joined["p50_us"], "added_us": joined["p50_us"] - alone["p50_us"],
            "first_added_us": joined["first_p50_us"] - alone["first_p50_us"], "round_trip_us": round_trip_us}


def measure_room(options, window):
    server, generator = (str(options.bin.resolve() / name) for name in ("pulse-server", "pulse-rooms-load"))
    with harness.exclusive(), redis() as broker:
        url = f"redis://127.0.0.1:{broker.port}"
        with node(server, False, None, url) as (child, port):
            alone, _ = talk(generator, options, window, [port, port], [child.pid])
        with node(server, False, url, url) as (first, first_port), node(server, False, url, url) as (second, second_port):
            joined, carried = talk(generator, options, window, [first_port, second_port], [first.pid, second.pid],
                                   lambda: broker.carried(False))
        return room_figures(window, alone, joined, carried, broker.round_trip_us())


def spread(rows, key, digits):
    values = [row[key] for row in rows]
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}..{max(values):,.{digits}f})"


def table(results):
    lines = ["| in flight | history | deliveries per CPU s, to one node | commands/publication | publisher CPU us/publication "
             "| deliveries/s | to one node | p50 us | added us | round trip us |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for (window, keep), rows in results.items():
        lines.append(f"| {window} | {'kept' if keep else 'none'} | {spread(rows, 'cpu_ratio', 2)} | {spread(rows, 'commands', 3)} "
                     f"| {spread(rows, 'publisher_us', 1)} | {spread(rows, 'deliveries_per_s', 0)} | {spread(rows, 'rate_ratio', 2)} "
                     f"| {spread(rows, 'p50_us', 0)} | {spread(rows, 'added_us', 0)} | {spread(rows, 'round_trip_us', 0)} |")
    return "\n".join(lines)


def room_table(results):
    lines = ["| in flight | carrier: deliveries per CPU s, to one node | owner: the same | owner CPU us/message | commands/message "
             "| deliveries/s | to one node | p50 us | added us | first added us | round trip us |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for window, rows in results.items():
        lines.append(f"| {window} | {spread(rows, 'carrier_ratio', 2)} | {spread(rows, 'owner_ratio', 2)} "
                     f"| {spread(rows, 'owner_us', 1)} | {spread(rows, 'commands', 3)} | {spread(rows, 'deliveries_per_s', 0)} "
                     f"| {spread(rows, 'rate_ratio', 2)} | {spread(rows, 'p50_us', 0)} | {spread(rows, 'added_us', 0)} "
                     f"| {spread(rows, 'first_added_us', 0)} | {spread(rows, 'round_trip_us', 0)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("-n", type=int, default=3, help="repetitions, in turns")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--record", metavar="NAME")
    options = parser.parse_args()
    results = {(window, keep): [] for window in WINDOWS for keep in (False, True)}
    rooms = {window: [] for window in WINDOWS}
    for _ in range(options.n):
        for (window, keep), rows in results.items():
            rows.append(measure(options, window, keep))
            print(json.dumps(rows[-1]), file=sys.stderr)
        for window, rows in rooms.items():
            rows.append(measure_room(options, window))
            print(json.dumps(rows[-1]), file=sys.stderr)
    text = f"{COLUMNS}\n\nOne channel:\n\n{table(results)}\n\nOne room:\n\n{room_table(rooms)}"
    print(text)
    if options.record:
        record.write(ROOT / "benchmarks/results", options.record,
                     record.environment(ROOT, options.bin, sys.argv), text,
                     {"runs": [row for rows in results.values() for row in rows],
                      "rooms": [row for rows in rooms.values() for row in rows]})


if __name__ == "__main__":
    main()
