// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The rooms protocol, for conversation.mjs: addresses with room names of its own for each conversation, keys
// for `authenticate`, and pings that are passed over.
import { createHash } from 'node:crypto';

import { BadConversation, typeOf } from './matcher.mjs';

export const kSigningKey = 'CHANGEME';

let conversations = 0;

export class RoomsAdapter {
  steps;
  #server;
  #prefix;
  #signingKey;
  #lastMs = 0;

  /** `server`: { url, restart() }. Without `isShared` rooms have the names that the conversation says. */
  constructor(server, { signingKey = kSigningKey, isShared = true } = {}) {
    this.#server = server;
    this.#signingKey = signingKey;
    this.#prefix = isShared ? `${(++conversations).toString(36)}-${process.pid.toString(36)}/` : '';
    this.steps = {
      restart: {
        with: ['server'],
        run: ({ restart }) => {
          if (restart !== true || isShared) throw new BadConversation('this server is not to be restarted');
          return server.restart();
        },
      },
    };
  }

  /** The default room, which has no name, is of those who have the server for themselves. */
  room(name) {
    if (name !== undefined && name !== '') return this.#prefix + name;
    return name;
  }

  #query({ room, session, query }) {
    const fields = [];
    const add = (name, value) => { if (value !== undefined) fields.push(`${name}=${encodeURIComponent(value)}`); };
    add('room', this.room(room));
    add('session', session);
    if (typeof query === 'string') fields.push(query.replaceAll('@room@', encodeURIComponent(this.#prefix)));
    else for (const [name, value] of Object.entries(query ?? {})) add(name, value);
    return fields.length === 0 ? '' : `?${fields.join('&')}`;
  }

  #known(spec, names) {
    const strange = Object.keys(spec).filter((key) => !names.includes(key));
    if (strange.length > 0) throw new BadConversation(`what is ${strange.join(', ')}?`);
  }

  target({ open }) {
    this.#known(open, ['room', 'session', 'query', 'cookie', 'headers', 'path', 'protocols', 'deflate']);
    const { path = '/websocket', cookie, protocols, deflate } = open;
    return {
      url: `${this.#server.url.replace(/^http/, 'ws')}${path}${this.#query(open)}`,
      headers: { ...open.headers, ...(cookie === undefined ? {} : { cookie }) }, protocols, deflate,
    };
  }

  request({ http }) {
    this.#known(http, ['room', 'path', 'method', 'query', 'headers']);
    const { path, method = 'GET', headers = {} } = http;
    return { url: `${this.#server.url}${path}${this.#query(http)}`, method, headers };
  }

  /** With each {"$auth": …} replaced by the time and the key that make an administrator. */
  outgoing(value) {
    if (Array.isArray(value)) return value.map((one) => this.outgoing(one));
    if (typeOf(value) !== 'object') return value;
    if (Object.hasOwn(value, '$auth')) return this.#credentials(value.$auth);
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.outgoing(one)]));
  }

  #credentials({ room, ts, offset_ms: offset = 0, key: signingKey = this.#signingKey, as_string: isText, upper, ...strange }) {
    this.#known(strange, []);
    // No two of a millisecond: a server may take a key for used.
    this.#lastMs = Math.max(Date.now(), this.#lastMs + 1);
    const time = ts ?? this.#lastMs + offset;
    const sent = isText ? String(time) : time;
    const key = createHash('sha256').update(`${this.room(room) || 'default'}${sent}${signingKey}`).digest('hex');
    return { ts: sent, key: upper ? key.toUpperCase() : key };
  }

  isKept(frame, { pings = false }) {
    return pings || typeOf(frame) !== 'object' || frame.type !== 'ping';
  }
}
