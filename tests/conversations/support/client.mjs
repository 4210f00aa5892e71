// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One WebSocket of a conversation: what came and is not yet read, and how it ended.
import { createRequire } from 'node:module';

import { BadConversation, Mismatch } from './matcher.mjs';

const require = createRequire(`${process.env.PULSE_TEST_NODE_FOLDER}/package.json`);
const { WebSocket } = require('ws');

const kHandshakeMs = 10_000;
const kMaxBodyBytes = 1 << 20;

/** Lower-case names; several values of one name are joined by a newline. */
export function headersOf({ rawHeaders }) {
  const headers = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}\n${rawHeaders[i + 1]}` : rawHeaders[i + 1];
  }
  return headers;
}

export async function bodyOf(response) {
  const parts = [];
  let bytes = 0;
  for await (const part of response) {
    parts.push(part);
    bytes += part.length;
    if (bytes > kMaxBodyBytes) throw new Mismatch('', `the body has more than ${kMaxBodyBytes} bytes`);
  }
  return Buffer.concat(parts).toString('utf8');
}

export class Client {
  #socket;
  #askedAt = performance.now();
  #openedAt;
  #unread = [];
  #closed;  // { code, reason }
  #isDropped = false;
  #waiting = new Set();
  #isToBeKept;
  #pongs = 0;

  /**
   * Resolves to { status, headers, body? } once the handshake is over, in whichever way. `isToBeKept(frame)`
   * says whether a parsed frame is for the conversation.
   */
  static async open({ url, headers, protocols, deflate = false }, isToBeKept) {
    const client = new Client();
    client.#isToBeKept = isToBeKept;
    const socket = new WebSocket(url, protocols ?? [], {
      headers, perMessageDeflate: deflate, handshakeTimeout: kHandshakeMs, maxPayload: 64 << 20,
    });
    client.#socket = socket;
    let answer;
    const answered = new Promise((resolve, reject) => {
      socket.on('upgrade', (response) => { answer = { status: 101, headers: headersOf(response) }; });
      socket.on('unexpected-response', (request, response) => {
        bodyOf(response)
          .then((body) => resolve({ status: response.statusCode, headers: headersOf(response), body }), reject)
          .finally(() => request.destroy());
      });
      socket.on('open', () => resolve(answer));
      // After a 101 it is this side that does not like the answer: without a subprotocol that it asked for, say.
      socket.on('error', (error) => (answer ? resolve({ ...answer, refusal: error.message }) : reject(error)));
    });
    socket.on('message', (data, isBinary) => client.#receive(data, isBinary));
    socket.on('pong', () => { client.#pongs++; client.#wake(); });
    socket.on('close', (code, reason) => {
      client.#closed = { code, reason: reason.toString('utf8') };
      client.#wake();
    });
    let result;
    try {
      result = await answered;
    } catch (error) {
      throw new Mismatch('', `no connection: ${error.message || error.code}`);
    }
    client.#openedAt ??= performance.now();
    return { client, ...result };
  }

  #receive(data, isBinary) {
    // Frames may come with the answer, before anybody was told that it is open.
    this.#openedAt ??= performance.now();
    const now = performance.now();
    // The server's times begin in between: this process may hear late of either.
    const frame = { atMs: now - this.#openedAt, sinceAskedMs: now - this.#askedAt, text: data.toString('utf8') };
    if (isBinary) {
      frame.problem = `a binary frame of ${data.length} bytes`;
    } else {
      try {
        frame.value = JSON.parse(frame.text);
      } catch {
        frame.problem = `a frame that is not JSON: ${frame.text.slice(0, 200)}`;
      }
    }
    if (frame.problem === undefined && !this.#isToBeKept(frame.value)) return;
    this.#unread.push(frame);
    this.#wake();
  }

  #wake() {
    for (const check of [...this.#waiting]) check();
  }

  /** Resolves to whether `condition` came true in time. */
  #until(condition, ms) {
    return new Promise((resolve) => {
      const check = () => {
        const holds = condition();
        if (!holds && performance.now() < end) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(holds);
      };
      const end = performance.now() + ms;
      const timer = setTimeout(() => { this.#waiting.delete(check); resolve(condition()); }, ms);
      this.#waiting.add(check);
      check();
    });
  }

  get isOpen() { return this.#closed === undefined && this.#socket.readyState === WebSocket.OPEN; }

  send(data, { isBinary = false } = {}) {
    if (!this.isOpen) throw new Mismatch('', `it is closed (${this.#closed?.code}) and cannot send`);
    this.#socket.send(data, { binary: isBinary });
  }

  /** The next frame: { value, text, atMs, sinceAskedMs }. */
  async read(ms) {
    if (!(await this.#until(() => this.#unread.length > 0 || this.#closed !== undefined, ms))) {
      throw new Mismatch('', `nothing came within ${ms} ms`);
    }
    const frame = this.#unread.shift();
    if (frame === undefined) throw new Mismatch('', `closed (${this.#closed.code}) instead`);
    if (frame.problem !== undefined) throw new Mismatch('', frame.problem);
    return frame;
  }

  /** Nothing is unread, nothing comes and it stays open, for so long. */
  async beSilent(ms) {
    await this.#until(() => this.#unread.length > 0 || !this.isOpen, ms);
    const [frame] = this.#unread;
    if (frame !== undefined) throw new Mismatch('', `there is ${frame.problem ?? frame.text.slice(0, 300)}`);
    if (!this.isOpen) throw new Mismatch('', `closed (${this.#closed?.code ?? 'closing'})`);
  }

  /** What it was closed with, by either side; frames that were not read do not matter any more. */
  async closed(ms) {
    if (await this.#until(() => this.#closed !== undefined, ms)) return this.#closed;
    throw new Mismatch('', `not closed within ${ms} ms`);
  }

  /** The closing handshake, answered by the other side. */
  async close(code, reason, ms) {
    if (!this.isOpen) throw new Mismatch('', `it is closed already (${this.#closed?.code})`);
    if (code === 0) this.#socket.close();
    else this.#socket.close(code, reason);
    if ((await this.closed(ms)).code === 1006) throw new Mismatch('', 'the connection broke instead of being closed');
  }

  drop() {
    if (!this.isOpen) throw new Mismatch('', `it is closed already (${this.#closed?.code})`);
    this.#isDropped = true;
    this.#socket.terminate();
  }

  /**
   * Until the other side has read what was sent, if it answers pings: it reads in order. Those that do not
   * answer cost the time and nothing else.
   */
  async settle(ms) {
    if (!this.isOpen) return;
    const wanted = this.#pongs + 1;
    this.#socket.ping();
    await this.#until(() => this.#pongs >= wanted || !this.isOpen, ms);
  }

  /** Ends it, whatever state it is in. */
  end() {
    if (!this.#isDropped) this.#socket.terminate();
  }
}

/** A close code that a client may send. */
export function checkCloseCode(code) {
  if (code === 0 || (Number.isInteger(code) && code >= 1000 && code <= 4999)) return code;
  throw new BadConversation(`${code} is no close code`);
}
