// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where the example page is opened from: its folder, or a web server that has nothing else.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

const kPage = new URL('../../../examples/browser-client/index.html', import.meta.url);
const kScript = new URL('pulse.js', kPage);

/** The page as a file, with the server's address filled in. */
export function pageFile(address) {
  return withAddress(kPage, address);
}

/** Serves the page on a free loopback port, under any host name that leads there. */
export class PageHost {
  #server;

  static async start() {
    const host = new PageHost();
    const files = {
      '/': ['text/html; charset=utf-8', await readFile(fileURLToPath(kPage))],
      '/pulse.js': ['text/javascript; charset=utf-8', await readFile(fileURLToPath(kScript))],
    };
    host.#server = http.createServer((request, response) => {
      const { pathname } = new URL(request.url, 'http://page');
      if (!Object.hasOwn(files, pathname)) return response.writeHead(404).end();
      const [type, content] = files[pathname];
      response.writeHead(200, { 'content-type': type }).end(content);
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
