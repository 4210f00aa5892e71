// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A web server of one's own, as a game's web page has it: static files, the built package, the settings.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

const kTypes = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8' };
const kPage = new URL('./', import.meta.url);
const kFiles = /^\/(index\.html|page\.js|page\.css)$/;
const kModules = /^\/pulse\/((?:[a-z-]+\/)*[a-z-]+\.js)$/;

/** On a free loopback port. `packageFolder` is that of the built clients/typescript. */
export async function startPageHost(packageFolder) {
  let settings = {};
  const server = http.createServer(async (request, response) => {
    const path = new URL(request.url, 'http://page').pathname.replace(/^\/$/, '/index.html');
    if (path === '/settings.json') {
      return response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(settings));
    }
    const file = kFiles.exec(path)?.[1];
    const module = kModules.exec(path)?.[1];
    try {
      const url = file ? new URL(file, kPage) : new URL(`dist/esm/${module ?? '-'}`, packageFolder);
      const content = await readFile(fileURLToPath(url));
      return response.writeHead(200, { 'content-type': kTypes[path.split('.').at(-1)] }).end(content);
    } catch {
      return response.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    tell: (what) => { settings = what; },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
