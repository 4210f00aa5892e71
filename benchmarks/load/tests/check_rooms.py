#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs pulse-rooms-load against a room whose owner answers at once while the other node holds each message back.

usage: check_rooms.py PULSE_ROOMS_LOAD

Latency must be that of the members on the other node, and no more than the window may be in flight to them.
"""

import asyncio
import json
import os
import sys

HELD_BACK_S = 0.02
MEMBERS = 4
WINDOW = 4


def frame(text):
    return bytes((0x81, len(text))) + text.encode()


class Room:
    """Both nodes. A client is greeted with as many messages as a room's newcomer gets."""

    def __init__(self):
        self.carried = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def on_client(self, reader, writer, is_owner):
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            if not is_owner:
                self.carried.append(writer)
            while True:
                _, size = await reader.readexactly(2)
                text = (await reader.readexactly(4 + (size & 0x7F)))[4:].decode()
                if '"profile"' in text:
                    writer.write(frame("{}") * 3)
                if '"chat","data"' in text:
                    self.say(writer, text)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def say(self, talker, text):
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        talker.write(frame(text))
        asyncio.get_running_loop().call_later(HELD_BACK_S, self.deliver, text)

    def deliver(self, text):
        self.in_flight -= 1
        for member in self.carried:
            if not member.is_closing():
                member.write(frame(text))


async def check(binary):
    room = Room()
    owner, carrier = [await asyncio.start_server(lambda r, w, is_owner=is_owner: room.on_client(r, w, is_owner),
                                                 "127.0.0.1", 0) for is_owner in (True, False)]
    port_of = lambda server: str(server.sockets[0].getsockname()[1])
    pid = str(os.getpid())
    process = await asyncio.create_subprocess_exec(
        binary, "--rooms", "1", "--members", str(MEMBERS), "--bytes", "10", "--window", str(WINDOW), "--seconds", "0.6",
        "--warm-up", "0.1", "--port", port_of(carrier), "--talk-port", port_of(owner), "--pid", f"{pid},{pid}",
        stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    said = json.loads(out.splitlines()[-1])
    print(said, "most in flight:", room.most_in_flight)
    assert len(room.carried) == MEMBERS - 1
    assert room.most_in_flight == WINDOW
    assert said["p50_us"] >= said["first_p50_us"] >= HELD_BACK_S * 1e6 * 0.99  # the histogram's buckets
    assert said["said_from_start"] > said["said"] > 0
    assert said["deliveries"] > said["heard"] > 0
    assert len(said["cpu_us"]) == 2


if __name__ == "__main__":
    asyncio.run(check(sys.argv[1]))
