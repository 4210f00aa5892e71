// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Virtual time for game servers: a clock that is moved by hand, MessagingService between them with its
// latency and its limits on what a game receives, and HTTP to a handler in this process.
import { GameServerVm } from './game_server_vm.mjs';

const latency = { http: 0.05, publish: 0.2, message: 1 };

export class World {
  now = 0;
  vms = [];
  violations = [];
  /** Every message that was published: {at, topic, data, from}. */
  published = [];
  /** (request, respond, world): request {vm, method, path, query, headers, body, gzip, at}. */
  server = (request, respond) => respond({ status: 404 });
  /** What becomes of a delivery: null loses it, a list of delays repeats it. */
  carry = () => [latency.message];

  #events = [];
  #order = 0;
  #deliveries = [];

  async addServer(options = {}) {
    const jobId = options.isStudio ? '' : options.jobId ?? `job-${this.vms.length + 1}`;
    const backend = new VirtualBackend(this);
    const vm = new GameServerVm({ serverUrl: 'https://pulse.example.com', ...options, jobId, backend });
    backend.vm = vm;
    this.vms.push(vm);
    return vm.start();
  }

  after(seconds, what) {
    this.#events.push({ at: this.now + seconds, order: ++this.#order, what });
  }

  /** Moves the clock, one event after the other. `until` ends it early. */
  async advance(seconds, until = () => false) {
    const end = this.now + seconds;
    while (!until()) {
      this.#events.sort((a, b) => a.at - b.at || a.order - b.order);
      const due = this.vms.filter((vm) => vm.isRunning && vm.nextDue >= 0).map((vm) => vm.nextDue);
      const at = Math.max(this.now, Math.min(this.#events[0]?.at ?? Infinity, ...due));
      if (at > end) {
        this.now = end;
        return;
      }
      this.now = at;
      while (this.#events.length > 0 && this.#events[0].at <= at) await this.#events.shift().what();
      for (const vm of this.vms) if (vm.isRunning && vm.nextDue >= 0 && vm.nextDue <= at) await vm.step();
    }
  }

  /** As Open Cloud or a game server publishes. */
  publish(topic, data, from = 'open cloud') {
    this.published.push({ at: this.now, topic, data, from });
    const live = this.vms.filter((vm) => vm.isRunning);
    const sent = Math.floor(this.now);
    for (const vm of live) {
      if (!vm.topics?.has(topic)) continue;
      this.#countDelivery(topic, live.length);
      for (const delay of this.carry({ vm, topic, data }) ?? []) {
        this.after(delay, () => vm.isRunning && vm.topics.has(topic) && vm.deliver(topic, data, sent));
      }
    }
  }

  #countDelivery(topic, servers) {
    this.#deliveries = this.#deliveries.filter((one) => one.at > this.now - 60);
    this.#deliveries.push({ at: this.now, topic });
    const ofTopic = this.#deliveries.filter((one) => one.topic === topic).length;
    if (ofTopic > 40 + 80 * servers) this.violations.push(`${topic} received ${ofTopic} messages in a minute`);
    if (this.#deliveries.length > 400 + 200 * servers) this.violations.push('the game received too many messages');
  }

  async destroy() {
    for (const vm of this.vms) await vm.destroy();
  }
}

class VirtualBackend {
  constructor(world) { this.world = world; }
  now() { return this.world.now; }
  epoch() { return 1_700_000_000; }

  start() { this.vm.topics = new Set(); }
  async until(promise, seconds) {
    let isDone = false;
    promise.then(() => { isDone = true; });
    await this.world.advance(seconds, () => isDone);
  }

  http(id, { url, method, headers, body, gzip, timeout }) {
    const { world, vm } = this;
    let isOver = false;
    const complete = (delay, ...values) => {
      world.after(delay, async () => {
        if (isOver) return;
        isOver = true;
        if (vm.isRunning) await vm.complete(id, ...values);
      });
    };
    const { pathname, searchParams, origin } = new URL(url);
    const request = {
      vm, method, origin, path: pathname, query: Object.fromEntries(searchParams), headers, gzip, timeout,
      text: body, body: body === undefined ? undefined : JSON.parse(body), at: world.now,
    };
    complete(timeout, 0, '{}', 'Timedout');
    const respond = ({ status = 200, headers: answer = {}, body: answerBody, delay = latency.http, error }) => {
      if (error) return complete(delay, 0, '{}', error);
      const text = answerBody === undefined ? '' : typeof answerBody === 'string' ? answerBody : JSON.stringify(answerBody);
      return complete(delay, status, JSON.stringify(answer), text);
    };
    world.after(latency.http, () => world.server(request, respond, world));
  }

  publish(id, topic, data) {
    this.world.after(latency.publish, async () => {
      this.world.publish(topic, data, this.vm.jobId);
      if (this.vm.isRunning) await this.vm.complete(id, '');
    });
  }
  subscribe(id, topic) {
    this.world.after(latency.publish, async () => {
      this.vm.topics.add(topic);
      if (this.vm.isRunning) await this.vm.complete(id, '');
    });
  }
  unsubscribe(topic) { this.vm.topics.delete(topic); }

  streamOpen(id, request) { this.world.stream?.(this.vm, id, request); }
  streamClose() {}
}
