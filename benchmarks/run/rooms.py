#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Measures rooms on a server of its own, in a temporary directory, with fsync on.

    rooms.py BIN [--seconds 10] [--stored 100000] [--idle 10000]

BIN holds pulse-server and pulse-rooms-load. Prints, one line or two for each:
  chat      500 rooms of 10, 100 bytes: server CPU per delivery, the native dialect (JSON) and rooms in turns
  counter   64 connections, durable increments with group commit: rate and latency
  idle      memory of a room without connections
  stored    a start with that many rooms in the store, and the time the first answer of each of some of them takes
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

API_KEY = "benchmark"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(binary, folder):
    port = free_port()
    (folder / "pulse.toml").write_text(
        f'[server]\nport = {port}\nclose_spread_ms = 0\n[metrics]\nenabled = false\n[roblox]\nenabled = false\n'
        f'[rooms]\nenabled = true\napi_key = "{API_KEY}"\nidle_time_ms = 3600000\nmax_idle_rooms = 1000000\n')
    process = subprocess.Popen([binary], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_for(port):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise SystemExit("the server did not become ready")


def resident(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def load(binary, port, pid, seconds, *arguments):
    subprocess.run([binary, "--port", str(port), "--pid", str(pid), "--seconds", str(seconds), *arguments], check=True)


def ask(connection, method, path, body=None):
    connection.request(method, path, body, {"authorization": f"Bearer {API_KEY}"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path}: {answer.status} {text!r}")
    return text


def measure_idle(port, pid, count):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    ask(connection, "GET", "/details?room=warm")
    before = resident(pid)
    for i in range(count):
        ask(connection, "GET", f"/details?room=idle-{i:06}")
    print(f"idle: {(resident(pid) - before) / count:.0f} bytes for each of {count} rooms without connections")


def fill_store(binary, folder, count):
    with server(binary, folder) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for i in range(count):
            ask(connection, "PUT", f"/v1/rooms/stored-{i:06}/config", "{}")


def measure_stored(binary, folder, count):
    fill_store(binary, folder, count)
    begin = time.monotonic()
    with server(binary, folder) as (port, pid):
        ready = time.monotonic() - begin
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        times = []
        for i in range(0, count, max(1, count // 1000)):
            asked = time.monotonic()
            details = json.loads(ask(connection, "GET", f"/details?room=stored-{i:06}"))
            times.append(time.monotonic() - asked)
            if details["config"] != "{}":
                raise SystemExit("a stored room came back without its config")
        print(f"stored: {count} rooms, ready after {ready * 1000:.0f} ms with {resident(pid) / 2**20:.1f} MiB, "
              f"first answer of a room at most {max(times) * 1000:.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--stored", type=int, default=100_000)
    options = parser.parse_args()
    program = str(options.bin.resolve() / "pulse-server")
    client = str(options.bin.resolve() / "pulse-rooms-load")
    with tempfile.TemporaryDirectory() as name, server(program, pathlib.Path(name)) as (port, pid):
        for _ in range(options.rounds):
            for dialect in ("native", "rooms"):
                load(client, port, pid, options.seconds, "--scenario", "chat", "--dialect", dialect)
        for window in ("1", "16", "64"):
            load(client, port, pid, options.seconds, "--scenario", "counter", "--window", window)
        measure_idle(port, pid, options.idle)
    with tempfile.TemporaryDirectory() as name:
        measure_stored(program, pathlib.Path(name), options.stored)


if __name__ == "__main__":
    main()
