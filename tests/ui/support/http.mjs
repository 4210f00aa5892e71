// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests that fetch() cannot make, and logging in.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';

let addresses = 1;

/** Attempts to log in are counted by address; the loopback network has many. */
function nextAddress() {
  addresses = addresses % 250 + 1;
  return `127.0.0.${addresses}`;
}

async function exchange(url, options, body) {
  const request = http.request(url, options);
  request.end(body);
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
  return response;
}

/** The Set-Cookie header of a new session. */
export async function logIn({ baseUrl, adminKey }) {
  const response = await exchange(`${baseUrl}/ui/login`, {
    method: 'POST', localAddress: nextAddress(),
    headers: { 'content-type': 'application/json', origin: baseUrl },
  }, JSON.stringify({ apiKey: adminKey }));
  assert.equal(response.statusCode, 200);
  return response.headers['set-cookie'][0];
}
