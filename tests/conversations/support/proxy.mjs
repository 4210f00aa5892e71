// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A way to a TCP port that can be cut, or swallow what goes in.
import { once } from 'node:events';
import net from 'node:net';

export class Proxy {
  #server;
  #pairs = new Set();
  #isSwallowing = false;
  connections = 0;

  static async to(port) {
    const proxy = new Proxy();
    proxy.#server = net.createServer((near) => proxy.#join(near, net.connect(port, '127.0.0.1'))).listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.port = proxy.#server.address().port;
    return proxy;
  }

  get url() { return `redis://127.0.0.1:${this.port}`; }

  #join(near, far) {
    const pair = [near, far];
    this.#pairs.add(pair);
    this.connections++;
    const end = () => {
      for (const socket of pair) socket.destroy();
      this.#pairs.delete(pair);
    };
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('data', (data) => { if (!this.#isSwallowing) to.write(data); }).on('error', end).on('close', end);
    }
  }

  /** What is sent from now on arrives nowhere, in connections that are there; cut() ends that. */
  swallow() { this.#isSwallowing = true; }

  /** Ends every connection; new ones work. */
  cut() {
    this.#isSwallowing = false;
    for (const pair of [...this.#pairs]) for (const socket of pair) socket.destroy();
  }

  async end() {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
