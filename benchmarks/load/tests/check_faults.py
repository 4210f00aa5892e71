#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs pulse-load against a server that loses, repeats, reorders and damages deliveries.

usage: check_faults.py PULSE_LOAD

Every fault must make `--verify` fail with the right finding, and a server without fault must pass,
also when its bytes come in the most awkward pieces that the protocol allows.
"""

import asyncio
import json
import sys

from faulty_server import Server

# fault -> expected exit code, report field that must not be zero (or text of the failure)
VERIFY = {
    "none": (0, None),
    "split": (0, None),
    "drop": (1, "verify_gaps"),
    "duplicate": (1, "verify_out_of_order"),
    "reorder": (1, "verify_out_of_order"),
    "corrupt-payload": (1, "verify_corrupt"),
    "misroute": (1, "verify_misrouted"),
    "corrupt-envelope": (1, "publish without its fields"),
    "truncate": (1, "no valid MessagePack"),
    "two-frames": (1, "not exactly one frame"),
    "text": (1, "text message"),
    "error": (1, "error 1006: slow"),
    "close": (1, "closed by the server: 1013 slow"),
}
# Without --verify only counting is left, and it must still see what changes the count. (Fragments
# it does not understand, by design: no server sends a broadcast in fragments.)
COUNTED = {"none": (0, None), "drop": (1, "missing"), "duplicate": (1, "missing")}
SHAPES = {
    "fan-out": ["fanout", "--subscribers", "3", "--window", "8", "--publishers", "2"],
    "open loop": ["fanout", "--subscribers", "3", "--rate", "2000"],
    "echo": ["echo", "--connections", "2"],
    "ping": ["echo", "--connections", "2", "--echo", "ping"],
}


async def run(binary, port, arguments):
    process = await asyncio.create_subprocess_exec(
        binary, *arguments, "--port", str(port), "--warmup", "0.1", "--duration", "0.4",
        "--drain", "0.5", "--setup", "10",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, json.loads(out) if out else {}, err.decode()


def judge(code, report, errors, expected_code, finding):
    if code != expected_code:
        return f"exit code {code} instead of {expected_code}: {report.get('failures')} {errors[-300:]}"
    if report.get("ok") != (expected_code == 0):
        return f"report says ok={report.get('ok')}"
    if finding is None:
        return None if report["deliveries"] > 0 else "nothing was delivered"
    if report.get(finding, 0) or any(finding in failure for failure in report["failures"]):
        return None
    return f"finding {finding} not in {report}"


async def check(binary, name, fault, arguments, expected):
    server = Server(fault)
    port = await server.start()
    problem = judge(*await run(binary, port, arguments), *expected)
    server.listener.close()
    print(f"{'ok  ' if problem is None else 'FAIL'} {name}" + (f": {problem}" if problem else ""),
          flush=True)
    return problem is None


async def main(binary):
    results = []
    plain = SHAPES["fan-out"]
    for fault, expected in VERIFY.items():
        results.append(await check(binary, f"--verify, {fault}", fault, plain + ["--verify"], expected))
    for fault, expected in COUNTED.items():
        results.append(await check(binary, f"counting, {fault}", fault, plain, expected))
    for shape, arguments in SHAPES.items():
        results.append(await check(binary, f"no fault, {shape}", "none", arguments + ["--verify"], (0, None)))
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1])))
