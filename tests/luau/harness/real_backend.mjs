// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A game server's surroundings in real time: requests over the network, MessagingService through the
// control interface of the mock Open Cloud.
import { gzipSync } from 'node:zlib';

const kinds = { ECONNREFUSED: 'ConnectFail', ENOTFOUND: 'DnsResolve', ECONNRESET: 'NetFail' };

export class RealBackend {
  #vm;
  #control;
  #timer;
  #stop = new AbortController();
  #startedAt = performance.now();
  #epoch = Date.now() / 1000;
  #streams = new Map();

  constructor(vm, { mockUrl }) {
    this.#vm = vm;
    this.#control = mockUrl && `${mockUrl}/control/universes/${vm.universeId}/servers/${vm.jobId}`;
  }

  now() { return (performance.now() - this.#startedAt) / 1000; }
  epoch() { return this.#epoch; }

  async start() {
    if (!this.#control) return;
    await this.#ask('PUT', '', { players: this.#vm.options.players });
    this.#receive();
  }
  async stop() {
    clearTimeout(this.#timer);
    this.#stop.abort();
    if (this.#control) await fetch(this.#control, { method: 'DELETE' }).catch(() => {});
  }
  async changed(name, value) {
    if (name === 'players' && this.#control) await this.#ask('PUT', '', { players: value });
  }

  wakeAt(due) {
    clearTimeout(this.#timer);
    if (due < 0 || this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => this.#vm.step(), Math.max(0, (due - this.now()) * 1000));
  }
  async until(promise, seconds) {
    let timer;
    const late = new Promise((resolve) => { timer = setTimeout(resolve, seconds * 1000); });
    await Promise.race([promise, late]);
    clearTimeout(timer);
  }

  async http(id, { url, method, headers, body, gzip, timeout }) {
    const sent = { ...headers, 'user-agent': 'RobloxGameCloud/1.0 (+http://www.roblox.com)', 'cache-control': 'no-cache' };
    sent['roblox-id'] = String(this.#vm.options.placeId);
    if (gzip) sent['content-encoding'] = 'gzip';
    try {
      const signal = AbortSignal.any
        ? AbortSignal.any([this.#stop.signal, AbortSignal.timeout(timeout * 1000)])
        : AbortSignal.timeout(timeout * 1000);
      const answer = await fetch(url, { method, headers: sent, body: gzip ? gzipSync(body) : body, signal });
      const text = await answer.text();
      await this.#vm.complete(id, answer.status, JSON.stringify(Object.fromEntries(answer.headers)), text);
    } catch (error) {
      const kind = error.name === 'TimeoutError' ? 'Timedout' : kinds[error.cause?.code] ?? 'NetFail';
      await this.#vm.complete(id, 0, '{}', kind);
    }
  }

  async publish(id, topic, message) {
    await this.#vm.complete(id, await this.#problemOf('POST', '/publish', { topic, message }));
  }
  async subscribe(id, topic) {
    await this.#vm.complete(id, await this.#problemOf('PUT', `/topics/${encodeURIComponent(topic)}`));
  }
  async unsubscribe(topic) {
    await this.#problemOf('DELETE', `/topics/${encodeURIComponent(topic)}`);
  }
  async #problemOf(method, path, body) {
    if (!this.#control) return 'MessagingService is not available';
    try {
      await this.#ask(method, path, body);
      return '';
    } catch (error) {
      return error.message;
    }
  }
  async #ask(method, path, body) {
    const answer = await fetch(this.#control + path, {
      method, signal: this.#stop.signal, body: body && JSON.stringify(body),
      headers: body ? { 'content-type': 'application/json' } : {},
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`MessagingService: ${answer.status} ${text.slice(0, 200)}`);
    return text === '' ? undefined : JSON.parse(text);
  }
  async #receive() {
    let after = 0;
    while (!this.#stop.signal.aborted) {
      try {
        const page = await this.#ask('GET', `/messages?after=${after}&wait=10000`);
        for (const { topic, data, sent } of page?.messages ?? []) await this.#vm.deliver(topic, data, sent);
        after = page?.after ?? after;
      } catch {
        if (this.#stop.signal.aborted) return;
        await new Promise((resolve) => { setTimeout(resolve, 200); });
      }
    }
  }

  async streamOpen(id, { url, headers }) {
    const stream = new AbortController();
    this.#streams.set(id, stream);
    this.#stop.signal.addEventListener('abort', () => stream.abort());
    try {
      const answer = await fetch(url, { headers: { ...headers, accept: 'text/event-stream' }, signal: stream.signal });
      if (!answer.ok) {
        await this.#vm.streamEvent(id, 'Error', answer.status, await answer.text());
        return;
      }
      await this.#vm.streamEvent(id, 'Opened', answer.status, '');
      let text = '';
      const decoder = new TextDecoder();
      for await (const bytes of answer.body) {
        text += decoder.decode(bytes, { stream: true }).replaceAll('\r\n', '\n');
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          await this.#vm.streamEvent(id, 'MessageReceived', text.slice(0, end));
          text = text.slice(end + 2);
        }
      }
      await this.#vm.streamEvent(id, 'Closed');
    } catch (error) {
      if (!stream.signal.aborted) await this.#vm.streamEvent(id, 'Error', 0, String(error.message));
    }
  }
  streamClose(id) { this.#streams.get(id)?.abort(); }
}
