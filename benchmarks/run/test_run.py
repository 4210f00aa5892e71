#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tests of the runner: python3 -m unittest test_run (from this directory)."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import types
import unittest

import cluster
import harness
import mesa
import record
import summary

HERE = pathlib.Path(__file__).resolve().parent


class Summary(unittest.TestCase):
    RESULTS = {
        "a": [{"cpu": 2.0, "ok": True}, {"cpu": 9.0, "ok": True}, {"cpu": 3.0, "ok": True}],
        "b": [{"cpu": 1.0, "ok": True}, {"cpu": 3.0, "ok": True}, {"ok": False, "failures": ["lost"]}],
    }

    def test_ratios_compare_runs_of_the_same_repetition(self):
        ratios = summary.paired_ratios(self.RESULTS["a"], self.RESULTS["b"], "cpu")
        self.assertEqual(ratios, [2.0, 3.0])

    def test_a_bar_is_judged_by_the_median(self):
        bar = {"metric": "cpu", "kind": "ratio", "better": "lower", "must": 2.5, "moonshot": 1.0}
        text, met = summary.judge(bar, self.RESULTS, "a", "b")
        self.assertTrue(met)
        self.assertIn("2.5 (2..3)", text)
        self.assertIn("not reached", text)
        _, met = summary.judge(dict(bar, must=2.4), self.RESULTS, "a", "b")
        self.assertFalse(met)
        _, met = summary.judge(dict(bar, better="higher", must=2.5), self.RESULTS, "a", "b")
        self.assertTrue(met)

    def test_without_figures_nothing_is_judged(self):
        bar = {"metric": "cpu", "kind": "ratio", "better": "lower", "must": 1}
        self.assertIsNone(summary.judge(bar, self.RESULTS, "a", "absent")[1])
        self.assertIsNone(summary.judge(dict(bar, metric="other"), self.RESULTS, "a", "b")[1])

    def test_a_bar_may_be_a_difference(self):
        bar = {"metric": "cpu", "kind": "difference", "better": "lower", "must": 3}
        text, met = summary.judge(bar, self.RESULTS, "a", "b")
        self.assertFalse(met)
        self.assertIn("difference to b: 3.5 (1..6)", text)

    def test_failures_are_counted_by_server(self):
        self.assertEqual(summary.failures(self.RESULTS), ["b: lost (1 of 3 runs)"])

    def test_a_table_has_a_row_for_each_server(self):
        results = {"a": [{"deliveries_per_s": 2000.0}], "b": [{"deliveries_per_s": 1000.0}], "c": [{}]}
        lines = summary.table(results, "b").splitlines()
        self.assertEqual(len(lines), 5)
        self.assertEqual(lines[2], "| a | 2.00 | 2.0 |")
        self.assertEqual(lines[4], "| c | - | - |")


class Files(unittest.TestCase):
    def test_scenarios_are_well_formed(self):
        for chosen in json.loads((HERE / "scenarios.json").read_text()).values():
            names = [scenario["name"] for scenario in chosen["scenarios"]]
            self.assertEqual(len(names), len(set(names)))
            for scenario in chosen["scenarios"]:
                known = {"name", "args", "against", "roles", "bars", "timeout", "descriptors"}
                self.assertLessEqual(set(scenario), known)
                for bar in scenario.get("bars", []):
                    self.assertIn(bar["kind"], ("ratio", "difference", "value"))
                    self.assertIn(bar["better"], ("lower", "higher"))

    def test_server_files_load(self):
        for file in (HERE / "servers.json", HERE / "servers-loops.json", HERE / "servers-roblox.json",
                     HERE.parent / "rivals" / "servers.json"):
            for server in harness.Server.load_file(file):
                self.assertTrue(server.command)
                if server.config:
                    self.assertTrue((server.root / server.config).exists())

    def test_a_servers_file_with_a_typing_error_is_refused(self):
        with tempfile.TemporaryDirectory() as scratch:
            file = pathlib.Path(scratch) / "servers.json"
            file.write_text('[{"name": "x", "protocol": "bench", "comand": []}]')
            with self.assertRaisesRegex(harness.BenchError, "comand"):
                harness.Server.load_file(file)


def is_running(pid):
    try:
        return "State:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


class Processes(unittest.TestCase):
    def test_a_server_that_ends_at_once_is_reported_with_its_last_words(self):
        server = harness.Server.from_entry(
            {"name": "x", "protocol": "bench", "command": ["sh", "-c", "echo no such luck >&2; exit 7"]}, HERE)
        with self.assertRaisesRegex(harness.BenchError, "code 7: no such luck"):
            with harness.running(server, HERE, set()):
                self.fail("it never listened")

    def test_a_server_is_set_up_before_it_is_loaded(self):
        answering = """
import http.server, json, sys, urllib.request
answers = [503, 200]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = urllib.request.urlopen(sys.argv[2] + "/api-keys/v1/introspect", b"{}").read()
        right = body == {"a": 1} and self.headers["x"] == "y" and json.loads(key)["enabled"]
        self.send_response(answers.pop(0) if right else 400)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
        entry = {"name": "x", "protocol": "bench", "open_cloud": True,
                 "command": [sys.executable, "-c", answering.replace("{", "{{").replace("}", "}}"),
                             "{port}", "{cloud}"],
                 "setup": [{"path": "/p", "headers": {"x": "y"}, "body": {"a": 1}}]}
        with harness.running(harness.Server.from_entry(entry, HERE), HERE, set()) as (process, _):
            self.assertIsNone(process.poll())
        entry["setup"][0]["body"] = {"a": 2}
        with self.assertRaisesRegex(harness.BenchError, "/p: 400"):
            with harness.running(harness.Server.from_entry(entry, HERE), HERE, set()):
                self.fail("it was not set up")

    def test_no_server_outlives_a_killed_runner(self):
        listener = "import socket,sys,time; s=socket.create_server(('127.0.0.1',int(sys.argv[1]))); time.sleep(60)"
        runner = f"""
import harness, os, pathlib, sys, time
server = harness.Server.from_entry(
    {{"name": "x", "protocol": "bench", "command": [sys.executable, "-c", {listener!r}, "{{port}}"]}},
    pathlib.Path("."))
with harness.running(server, pathlib.Path("."), set()) as (process, _):
    print(process.pid, flush=True)
    time.sleep(60)
"""
        with subprocess.Popen([sys.executable, "-B", "-c", runner], cwd=HERE, text=True,
                              stdout=subprocess.PIPE) as process:
            pid = int(process.stdout.readline())
            process.kill()
        deadline = time.monotonic() + 10
        while is_running(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertFalse(is_running(pid))

    def test_core_lists_are_read(self):
        allowed = harness.cpu_set("0-1023")
        self.assertEqual(harness.cpu_set("0,1,2-1023"), allowed)


class Cluster(unittest.TestCase):
    ALONE = {"said": 100, "said_from_start": 150, "heard": 1000, "deliveries": 1100, "seconds": 1.0, "p50_us": 400.0,
             "first_p50_us": 100.0, "cpu_us": [2200.0]}
    JOINED = {"said": 80, "said_from_start": 100, "heard": 800, "deliveries": 880, "seconds": 2.0, "p50_us": 700.0,
              "first_p50_us": 350.0, "cpu_us": [440.0, 2000.0]}
    SAYING = """#!/bin/sh
echo connected
echo "rooms chat: 1 deliveries/s"
echo '{"said": 1, "arguments": "'"$*"'"}'
echo "$problem" >&2
exit $code
"""

    def test_a_room_is_judged_by_each_of_its_nodes(self):
        figures = cluster.room_figures(16, self.ALONE, self.JOINED, 50, 90.0)
        self.assertEqual(figures, {
            "window": 16, "carrier_ratio": 0.8, "owner_ratio": 4.0, "owner_us": 5.5, "commands": 0.5, "rate_ratio": 0.4,
            "deliveries_per_s": 400.0, "p50_us": 700.0, "added_us": 300.0,
            "first_added_us": 250.0, "round_trip_us": 90.0})

    def test_tables_have_a_cell_under_each_heading(self):
        room = cluster.room_figures(16, self.ALONE, self.JOINED, 50, 90.0)
        channel = dict.fromkeys(("cpu_ratio", "commands", "publisher_us", "deliveries_per_s", "rate_ratio", "p50_us",
                                 "added_us", "round_trip_us"), 1.0)
        alone, joined = {"deliveries_per_cpu_second": 4, "p50_ms": 2}, {
            "deliveries_per_cpu_second": 3, "p50_ms": 2.5, "sender_cpu_us_per_message": 1, "redis_cpu_us_per_message": 1,
            "publish_commands_per_message": 1, "commands_per_message": 1, "round_trip_ms": 0.1}
        figures = mesa.figures(16, alone, joined)
        self.assertEqual((figures["cpu_ratio"], figures["added_us"], figures["round_trip_us"]), (0.75, 500, 100))
        for table in (cluster.room_table({16: [room]}), cluster.table({(16, False): [channel]}), mesa.table({16: [figures]})):
            lines = table.splitlines()
            self.assertEqual(len(lines), 3)
            self.assertEqual(len({line.count("|") for line in lines}), 1, table)

    def talk(self, code, problem=""):
        options = types.SimpleNamespace(subscribers=10, size=64, seconds=1)
        counts = iter((7, 12))
        with tempfile.TemporaryDirectory() as scratch:
            load = pathlib.Path(scratch) / "load"
            load.write_text(self.SAYING.replace("$code", str(code)).replace("$problem", problem))
            load.chmod(0o755)
            return cluster.talk(str(load), options, 4, [1, 2], [30, 40], lambda: next(counts))

    def test_both_nodes_of_a_room_are_watched(self):
        said, grown = self.talk(0)
        self.assertEqual(grown, 5)
        self.assertIn("--members 11", said["arguments"])
        self.assertIn("--port 2 --talk-port 1 --pid 30,40", said["arguments"])

    def test_a_load_that_fails_is_reported_with_its_words(self):
        with self.assertRaisesRegex(harness.BenchError, "no such room"):
            self.talk(1, "no such room")

    def test_a_recorded_section_leaves_the_others_alone(self):
        with tempfile.TemporaryDirectory() as scratch:
            file = pathlib.Path(scratch) / "x.md"
            file.write_text("# x\n\nby hand\n\n## Last\n\nkept\n")
            for figure in ("1", "2"):
                record.write_section(scratch, "x", "Mine", {"build_type": "Release"}, figure, {"runs": [figure]})
            self.assertEqual(file.read_text(),
                             "# x\n\nby hand\n\n## Last\n\nkept\n\n## Mine\n\n- build type: Release\n\n2\n")
            self.assertEqual(json.loads(file.with_suffix(".json").read_text())["runs"], ["2"])
            file.write_text("# x\n\n## Mine\n\nold\n\n## Last\n\nkept\n")
            record.write_section(scratch, "x", "Mine", {}, "3", {})
            self.assertTrue(file.read_text().endswith("3\n\n## Last\n\nkept\n"), file.read_text())


if __name__ == "__main__":
    unittest.main()
