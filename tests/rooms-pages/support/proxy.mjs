// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A proxy that says where its clients are, as one in front of a server does. (Not every Chromium puts the headers of
// a test on WebSockets.)
import { once } from 'node:events';
import net from 'node:net';

/** In front of `url`; the headers stand on the first request of each connection, which a WebSocket's is. */
export async function startProxy(url, headers) {
  const { hostname, port } = new URL(url);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const sockets = new Set();
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(port), hostname);
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => { sockets.delete(one); other.destroy(); });
    }
    client.once('data', (head) => {
      const rest = head.indexOf('\n') + 1;
      upstream.write(Buffer.concat([head.subarray(0, rest), Buffer.from(lines), head.subarray(rest)]));
      client.pipe(upstream);
    });
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
