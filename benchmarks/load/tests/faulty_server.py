# SPDX-License-Identifier: MIT OR Apache-2.0
"""A small native-dialect server that can misbehave on purpose.

It is what `pulse-load --verify` is checked against: a generator that has never seen a fault proves
nothing when it reports none. Standard library only; one event loop; not fast.
"""

import asyncio
import base64
import hashlib
import random
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONNECTED = b"\x84\xa4type\xa9connected\xadconnection_id\xa6conn_1\xa7version\x01\xa9heartbeat\xcdu0"


def pack(body):
    return struct.pack(">I", len(body)) + body


def frame(message, opcode=2, fin=True):
    first = bytes([(0x80 if fin else 0) | opcode])
    size = len(message)
    if size < 126:
        return first + bytes([size]) + message
    if size <= 0xFFFF:
        return first + b"\x7e" + struct.pack(">H", size) + message
    return first + b"\x7f" + struct.pack(">Q", size) + message


class Value:
    """Just enough MessagePack to read what pulse-load sends."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise ValueError("truncated")
        self.at += count
        return piece

    def read(self):
        head = self.take(1)[0]
        if head < 0x80:
            return head
        if head & 0xF0 == 0x80:
            return {self.read(): self.read() for _ in range(head & 15)}
        if head & 0xE0 == 0xA0:
            return self.take(head & 31).decode()
        widths = {0xD9: 1, 0xC4: 1, 0xC5: 2, 0xC6: 4}
        if head in widths:
            piece = self.take(int.from_bytes(self.take(widths[head]), "big"))
            return piece.decode() if head == 0xD9 else piece
        if 0xCC <= head <= 0xCF:
            return int.from_bytes(self.take(1 << (head - 0xCC)), "big")
        raise ValueError(f"type {head:#x}")


def delivery_body(channel, payload):
    name = channel.encode()
    size = len(payload)
    header = b"\xc4" + bytes([size]) if size <= 255 else b"\xc6" + struct.pack(">I", size)
    return (b"\x83\xa4type\xa7publish\xa7channel" + bytes([0xA0 | len(name)]) + name
            + b"\xa7payload" + header + payload)


class Client:
    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.delivered = 0
        self.held = None

    def write(self, data):
        self.writer.write(data)

    async def run(self):
        head = await self.reader.readuntil(b"\r\n\r\n")
        key = next(line.split(b":", 1)[1].strip() for line in head.split(b"\r\n")
                   if line.lower().startswith(b"sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        self.write(frame(pack(CONNECTED)))
        while True:
            opcode, message = await self.read_message()
            if opcode == 8:
                return
            if opcode != 2:
                continue
            self.server.handle(self, Value(message[4:]).read())
            await self.writer.drain()

    async def read_message(self):
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        mask = await self.reader.readexactly(4)
        if mask != b"\0\0\0\0":
            raise ValueError("only the zero masking key is expected here")
        return first & 0x0F, await self.reader.readexactly(size)


class Server:
    """`fault` happens to the first subscriber, at its delivery number `at` (probes included)."""

    def __init__(self, fault="none", at=200):
        self.fault, self.at = fault, at
        self.channels = {}
        self.random = random.Random(1)

    async def start(self):
        self.listener = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        return self.listener.sockets[0].getsockname()[1]

    async def accept(self, reader, writer):
        client = Client(self, reader, writer)
        try:
            await client.run()
        except (ValueError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            for members in self.channels.values():
                if client in members:
                    members.remove(client)
            writer.close()

    def handle(self, client, value):
        kind = value["type"]
        if kind == "subscribe":
            self.channels.setdefault(value["channel"], []).append(client)
            client.write(frame(pack(b"\x82\xa4type\xa3ack\xa2id" + bytes([value["id"]]))))
        elif kind == "ping":
            stamp = struct.pack(">Q", value["timestamp"])
            client.write(frame(pack(b"\x82\xa4type\xa4pong\xa9timestamp\xcf" + stamp)))
        elif kind == "publish":
            members = self.channels.get(value["channel"], [])
            for index, member in enumerate(members):
                member.delivered += 1
                body = delivery_body(value["channel"], value["payload"])
                if index == 0 and self.fault != "none":
                    self.deliver_faulty(member, value, body)
                else:
                    member.write(frame(pack(body)))

    def deliver_faulty(self, member, value, body):
        now = member.delivered == self.at
        data = frame(pack(body))
        if member.held is not None:
            data, member.held = data + member.held, None
        elif self.fault == "split":
            # Legal, and hard on a parser: fragments, pings between them, TCP pieces of a few bytes.
            cut = self.random.randrange(1, len(body))
            whole = pack(body)
            data = frame(whole[:cut], 2, False) + frame(b"hello", 9) + frame(whole[cut:], 0, True)
            cut = self.random.randrange(1, len(data))
            member.write(data[:cut])
            data = data[cut:]
        elif now and self.fault == "reorder":
            member.held = data
            return
        elif now and self.fault == "drop":
            return
        elif now:
            data = self.damage(value, body, data)
        member.write(data)

    def damage(self, value, body, data):
        if self.fault == "duplicate":
            return data + data
        if self.fault == "corrupt-payload":
            return data[:-1] + bytes([data[-1] ^ 1])
        if self.fault == "corrupt-envelope":
            return data.replace(b"\xa7payload", b"\xa7pAyload")
        if self.fault == "misroute":
            return frame(pack(delivery_body(value["channel"][:-1] + "9", value["payload"])))
        if self.fault == "truncate":
            return frame(pack(body[:-1]))
        if self.fault == "two-frames":
            return frame(pack(body) + pack(body))
        if self.fault == "text":
            return frame(pack(body), 1)
        if self.fault == "error":
            return frame(pack(b"\x84\xa4type\xa5error\xa2id\x00\xa4code\xcd\x03\xee\xa7message\xa4slow"))
        if self.fault == "close":
            return frame(struct.pack(">H", 1013) + b"slow", 8)
        raise ValueError(self.fault)
