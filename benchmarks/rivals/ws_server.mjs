// SPDX-License-Identifier: MIT OR Apache-2.0
// Node's `ws` speaking the bench protocol (see ../README.md).
//
// usage: ws_server.mjs PORT plain|prepared
//   plain     socket.send() for every subscriber, the way its documentation broadcasts
//   prepared  the frame is built once per publication and written to each TCP socket: the fastest
//             that can be had from `ws` without changing it
import { WebSocketServer, Sender } from 'ws';

const [port, mode] = process.argv.slice(2);
if (!/^\d+$/.test(port ?? '') || !['plain', 'prepared'].includes(mode)) {
  console.error('usage: ws_server.mjs PORT plain|prepared');
  process.exit(2);
}

const SUBSCRIBE = 0x53;
const PUBLISH = 0x50;
const ECHO = 0x45;
const COMMAND_BYTES = 5;

/** Channel number -> Set of sockets. */
const channels = new Map();

function subscribe(socket, message) {
  const channel = message.readUInt32BE(1);
  let members = channels.get(channel);
  if (!members) channels.set(channel, (members = new Set()));
  members.add(socket);
  socket.channels.add(channel);
  socket.send(message);
}

function leave(socket) {
  for (const channel of socket.channels) {
    const members = channels.get(channel);
    members.delete(socket);
    if (members.size === 0) channels.delete(channel);
  }
}

function publishPlain(members, payload) {
  for (const socket of members) {
    if (socket.readyState === socket.OPEN) socket.send(payload, { binary: true });
  }
}

function publishPrepared(members, payload) {
  const parts = Sender.frame(payload, { fin: true, rsv1: false, opcode: 2, mask: false, readOnly: true });
  const frame = Buffer.concat(parts);
  for (const socket of members) {
    if (socket.readyState === socket.OPEN) socket._socket.write(frame);
  }
}

const publish = mode === 'plain' ? publishPlain : publishPrepared;

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(port),
  backlog: 4096,
  perMessageDeflate: false,
  maxPayload: 16 * 1024 * 1024,
});

server.on('connection', (socket) => {
  socket.channels = new Set();
  socket.on('error', () => socket.terminate());
  socket.on('close', () => leave(socket));
  socket.on('message', (message) => {
    if (message.length === 0) return;
    if (message[0] === ECHO) {
      socket.send(message.subarray(1), { binary: true });
    } else if (message.length < COMMAND_BYTES) {
      socket.close(1002);
    } else if (message[0] === SUBSCRIBE) {
      subscribe(socket, message);
    } else if (message[0] === PUBLISH) {
      const members = channels.get(message.readUInt32BE(1));
      if (members) publish(members, message.subarray(COMMAND_BYTES));
    }
  });
});

process.on('SIGTERM', () => process.exit(0));
