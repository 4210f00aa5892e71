// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where the example page is opened from: its file, or a web server that has nothing else.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

const kPage = new URL('../../../examples/browser-client/index.html', import.meta.url);

/** The page as a file, with the server's address filled in. */
export function pageFile(address) {
  return withAddress(kPage, address);
}

/** Serves the page on a free loopback port, under any host name that leads there. */
export class PageHost {
  #server;

  static async start() {
    const host = new PageHost();
    const page = await readFile(fileURLToPath(kPage));
    host.#server = http.createServer((request, response) => {
      const { pathname } = new URL(request.url, 'http://page');
      if (pathname !== '/') return response.writeHead(404).end();
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
    });
    host.#server.listen(0, '127.0.0.1');
    await once(host.#server, 'listening');
    return host;
  }

  url(address, name = '127.0.0.1') {
    return withAddress(`http://${name}:${this.#server.address().port}/`, address);
  }

  async stop() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

function withAddress(page, address) {
  const url = new URL(page);
  url.searchParams.set('url', address);
  return url.href;
}
