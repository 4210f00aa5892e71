// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A model of the Pulse server as game servers see it: hello, batch, poll, blob, bye, send; a log of
// messages with cursors; frames by MessagingService with sequence numbers. Answers can be scripted.
import { crc32 as crcOf } from './crc32.mjs';

const heldLimit = 1024;

export class ServerModel {
  epoch = 'ring01';
  frameEpoch = 'srv001';
  hello = { heartbeat: 30, prefix: 'pulse', shards: 3, poll: { wait: 20, minInterval: 0.25 } };
  requests = [];
  /** What web clients got, in order. */
  received = [];
  /** Answers that are given instead: (request) => answer or undefined; each until it returns 'done'. */
  script = [];
  blobs = new Map();
  log = [];
  frames = new Map(); // real topic -> texts by seq
  #answers = new Map();
  #waiting = [];

  constructor(world) {
    this.world = world;
    world.server = (request, respond) => this.#serve(request, respond);
  }

  of(path) { return this.requests.filter((one) => one.path.endsWith(`/${path}`)); }

  #serve(request, respond) {
    this.requests.push(request);
    for (const [index, scripted] of this.script.entries()) {
      const answer = typeof scripted === 'function' ? scripted(request) : scripted;
      if (answer === undefined) continue;
      if (typeof scripted !== 'function') this.script.splice(index, 1);
      respond(answer);
      return;
    }
    const route = request.path.match(/^\/universe\/\d+\/(\w+)(?:\/(.+))?$/);
    const handle = route && this[`_${route[1]}`];
    if (!handle) respond({ status: 404, body: { error: 'Invalid path' } });
    else handle.call(this, request, respond, route[2]);
  }

  _hello(request, respond) {
    const heads = this.tellsHeads ? [...this.frames].map(([topic, texts]) => [topic, texts.length - 1]) : [];
    respond({ body: { serverId: request.body.server, epoch: this.frameEpoch, time: 1, heads, ...this.hello } });
  }
  _bye(request, respond) { respond({ body: { success: true } }); }
  _send(request, respond) {
    this.received.push(request.body);
    respond({ status: 202, body: { success: true, queued: true, id: '1' } });
  }
  _blob(request, respond, token) {
    const item = this.blobs.get(token);
    respond(item ? { body: item } : { status: 404, body: { error: 'Not found' } });
  }
  _batch(request, respond) {
    const { batch, ack, msgs, missing, server } = request.body;
    const stored = this.#answers.get(batch);
    if (stored) {
      respond({ body: { ...stored, dup: true } });
      return;
    }
    this.received.push(...msgs);
    const page = this.#read(ack, server);
    const answer = { success: true, accepted: msgs.length, down: page.messages, cursor: page.cursor };
    if (missing) Object.assign(answer, this.#repair(missing));
    this.#answers.set(batch, answer);
    respond({ body: answer });
  }
  _poll(request, respond) {
    const { cursor, wait, server } = request.query;
    const page = this.#read(cursor, server);
    if (page.messages.length > 0 || page.missed) {
      respond({ body: { cursor: page.cursor, msgs: page.messages, missed: page.missed } });
      return;
    }
    const waiting = { cursor: page.cursor, server, respond };
    this.#waiting.push(waiting);
    this.world.after(Number(wait), () => {
      if (!this.#waiting.includes(waiting)) return;
      this.#waiting = this.#waiting.filter((one) => one !== waiting);
      respond({ status: 204 });
    });
  }

  #read(cursor, server) {
    const end = `${this.epoch}:${this.log.length}`;
    const [epoch, seq] = (cursor ?? end).split(':');
    const isKnown = epoch === this.epoch;
    const from = isKnown ? Number(seq) : 0;
    const messages = this.log.slice(from, from + heldLimit).filter((one) => !one[3]?.s || one[3].s === server);
    return { messages, cursor: `${this.epoch}:${Math.min(this.log.length, from + heldLimit)}`, missed: !isKnown };
  }
  #repair(missing) {
    const frames = [];
    for (const [epoch, topic, ranges] of missing) {
      if (epoch !== this.frameEpoch) continue;
      for (const [first, last] of ranges) {
        for (let seq = first; seq <= last; ++seq) {
          const text = this.frames.get(topic)?.[seq];
          if (text) frames.push([topic, text]);
        }
      }
    }
    return this.repairsPlainly ? {} : { frames };
  }

  /** To game servers over HTTP. */
  push(topic, message, options) {
    const item = [this.log.length + 1, topic, message];
    if (options) item.push(options);
    this.log.push(item);
    for (const waiting of this.#waiting.splice(0)) {
      const page = this.#read(waiting.cursor, waiting.server);
      if (page.messages.length === 0) this.#waiting.push(waiting);
      else waiting.respond({ body: { cursor: page.cursor, msgs: page.messages, missed: page.missed }, delay: 0.1 });
    }
  }

  /** A frame to a real topic: kind, fields and body; the number is the next one. */
  frame(topic, kind, fields, body) {
    const texts = this.frames.get(topic) ?? [''];
    const text = `P1${kind} ${this.frameEpoch} ${texts.length}${fields ? ` ${fields}` : ''}\n${body}`;
    texts.push(text);
    this.frames.set(topic, texts);
    return text;
  }
  publish(topic, kind, fields, body) {
    this.world.publish(topic, this.frame(topic, kind, fields, body));
  }
  batch(topic, items) { this.publish(topic, 'B', '', JSON.stringify(items)); }
  wake() { this.publish('pulse.b0', 'W', `${this.epoch}:${this.log.length}`, ''); }
  /** The texts of the chunks of an item. */
  chunks(topic, id, item, size) {
    const text = JSON.stringify(item);
    const pieces = [];
    for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
    const crc = crcOf(Buffer.from(text)).toString(16).padStart(8, '0');
    return pieces.map((piece, index) => this.frame(topic, 'C', `${id} ${index + 1}/${pieces.length} ${crc}`, piece));
  }
}
