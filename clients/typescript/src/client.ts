// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The client of the native protocol.
import { Deferred, onAbort, within } from './async.js';
import { Channel, type ChannelRequest, type Wire } from './channel.js';
import { Emitter } from './emitter.js';
import {
  BackpressureError, ClosedError, DisconnectedError, ErrorCode, NotConnectedError, ProtocolError, type PulseError, serverError,
} from './errors.js';
import { type Frame, FrameDecoder, kProtocolVersion, UnknownFrameError, writeFrame } from './frames.js';
import { Heartbeat } from './heartbeat.js';
import { type CloseInfo, Link, type LinkState } from './link.js';
import { Writer } from './msgpack.js';
import { OfflineQueue, type Waiting } from './offline.js';
import type { ClientEvents, ClientOptions } from './options.js';
import { type Message, payloadBytes } from './publication.js';
import { type RequestOptions, Requests } from './requests.js';
import { Subscription, type SubscribeOptions } from './subscription.js';
import { webSocketConstructor } from './websocket.js';

export interface PublishOptions extends RequestOptions {
  /** A name for the kind of message, given to subscribers. */
  event?: string;
  /** Whether to wait until the server has it. Default true. */
  ack?: boolean;
}

/** Frames of one turn travel in one WebSocket message, up to about this size. */
const kBatchBytes = 65_536;
/** Closes after which connecting again unchanged would end the same way; docs/protocol/errors.md. */
const kFinalCloses: readonly number[] = [1000, 1002, 1003, 1007, 1009];
const kDrainPollMs = 10;

/**
 * One connection to a Pulse server, renewed whenever it breaks until `close()` is called.
 *
 *     const client = new PulseClient('wss://pulse.example/ws');
 *     client.subscribe('chat', (message) => console.log(message.text()));
 *     await client.connect();
 *     await client.publish('chat', 'hello');
 */
export class PulseClient extends Emitter<ClientEvents> {
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #link: Link;
  readonly #requests: Requests;
  readonly #offline: OfflineQueue;
  readonly #channels = new Map<string, Channel>();
  readonly #wire: Wire;
  readonly #outbox = new Writer(4096);
  #isFlushDue = false;
  #decoder: FrameDecoder | undefined;
  #connectionId: string | undefined;
  #hasOpened = false;
  #opening: Deferred<void> | undefined;
  #token: string | undefined;
  #tokenAbort = new AbortController();
  #refusal: Error | undefined;
  #refusals = 0;
  /** The last error that was tied to no request: why a close followed. */
  #lastError: { code: number; message: string } | undefined;
  #pings: Deferred<void>[] = [];
  readonly #heartbeat = new Heartbeat();

  constructor(url: string | URL, options: ClientOptions = {}) {
    super();
    this.#url = String(url);
    this.#options = options;
    this.#requests = new Requests(options.maxPendingRequests ?? 4096, this.#ackTimeoutMs);
    this.#offline = new OfflineQueue(options.offlineQueue ?? 0, options.offlineQueueBytes ?? 1 << 20);
    this.#link = new Link({
      target: () => this.#target(),
      opened: () => this.#opened(),
      received: (data) => this.#received(data),
      judge: (close) => this.#judge(close),
      lost: (error, close, waitMs) => this.#lost(error, close, waitMs),
      stateChanged: (state) => this.emit('state', state),
    }, {
      WebSocket: webSocketConstructor(options.WebSocket),
      reconnect: options.reconnect ?? {},
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    });
    this.#wire = this.#makeWire();
  }

  get #ackTimeoutMs(): number {
    return this.#options.ackTimeoutMs ?? 10_000;
  }

  get state(): LinkState {
    return this.#link.state;
  }

  /** What the server calls this connection; a new one has a new name. */
  get connectionId(): string | undefined {
    return this.state === 'open' ? this.#connectionId : undefined;
  }

  /** Bytes that are not yet the operating system's. */
  get bufferedAmount(): number {
    return (this.#link.socket?.bufferedAmount ?? 0) + this.#outbox.size;
  }

  /**
   * Connects, and resolves once the server has welcomed this client. Until then it tries again and
   * again; it rejects when that makes no sense (a refused token), when `reconnect` allows no more
   * attempts, or when the signal aborts, which closes the client.
   */
  connect({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.state === 'open') return Promise.resolve();
    const opening = (this.#opening ??= new Deferred<void>());
    const off = onAbort(signal, (reason) => {
      opening.reject(reason);
      this.close();
    });
    if (!signal?.aborted) this.#link.open();
    const end = (): void => off();
    opening.promise.then(end, end);
    return opening.promise;
  }

  /** Ends the connection, all subscriptions, and all that waits. `connect()` begins anew. */
  close(code = 1000, reason = ''): void {
    if (this.state === 'open') this.#flush();
    this.#opening?.reject(new ClosedError());
    this.#opening = undefined;
    this.#link.close(new ClosedError(), code, reason);
    this.#endAll(undefined, new ClosedError());
  }

  /** Does not wait for the next attempt to connect: the network is back, say. */
  hurry(): void {
    this.#link.hurry();
  }

  /**
   * Messages of `channel`, for `listener` or for `for await`. Takes effect at once when connected,
   * else as soon as that is so, and holds over reconnections.
   */
  subscribe(channel: string, listener?: ((message: Message) => void) | SubscribeOptions, options: SubscribeOptions = {}): Subscription {
    const isListener = typeof listener === 'function';
    const settings = isListener ? options : (listener ?? options);
    let entry = this.#channels.get(channel);
    if (!entry) this.#channels.set(channel, (entry = new Channel(channel, this.#wire)));
    const subscription = new Subscription(entry, isListener ? listener : undefined, settings);
    entry.add(subscription);
    const off = onAbort(settings.signal, () => void subscription.unsubscribe().catch(() => {}));
    subscription.once('end', off);
    return subscription;
  }

  /**
   * Publishes bytes as they are, a string as UTF-8, any other value as JSON. Resolves once the
   * server has it; with `ack: false`, once it is on its way. Rejected, and not sent: without a
   * connection (unless `offlineQueue` has room), and with a BackpressureError while too much waits.
   */
  async publish(channel: string, payload: unknown, options: PublishOptions = {}): Promise<void> {
    const { event, ack = true, timeoutMs, signal } = options;
    signal?.throwIfAborted();
    const item: Waiting = { channel, event, payload: payloadBytes(payload), ack, timeoutMs, signal };
    if (this.state === 'open' && this.#offline.size === 0) return this.#send(item);
    if (this.state === 'closed' || this.#offline.limit === 0) throw new NotConnectedError();
    return this.#offline.add(item);
  }

  /** Resolves once at most half of what may wait does. */
  async drained({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const limits = [this.#maxBufferedBytes / 2, (this.#options.maxPendingRequests ?? 4096) / 2] as const;
    while (this.bufferedAmount > limits[0] || this.#requests.size > limits[1]) {
      signal?.throwIfAborted();
      if (this.state !== 'open') throw new NotConnectedError();
      await new Promise((resolve) => setTimeout(resolve, kDrainPollMs));
    }
  }

  /** Milliseconds to the server and back. */
  async ping({ signal, timeoutMs = this.#ackTimeoutMs }: RequestOptions = {}): Promise<number> {
    if (this.state !== 'open') throw new NotConnectedError();
    const start = performance.now();
    await within(this.#ping(), 'A ping', timeoutMs, signal);
    return performance.now() - start;
  }

  // What it says -------------------------------------------------------------------------------

  get #maxBufferedBytes(): number {
    return this.#options.maxBufferedBytes ?? 4 << 20;
  }

  #makeWire(): Wire {
    const client = this;
    return {
      get isOpen() { return client.state === 'open'; },
      get connectionId() { return client.connectionId; },
      get ackTimeoutMs() { return client.#ackTimeoutMs; },
      request: (frame, options, accepted) => client.#request(frame, options, accepted),
      complain: (error) => client.emit('error', error),
      missed: (gap) => client.emit('gap', gap),
      giveUp: (error) => client.#link.drop(error),
      forget: (channel) => {
        if (client.#channels.get(channel.name) === channel) client.#channels.delete(channel.name);
      },
    };
  }

  async #request(frame: ChannelRequest, options: RequestOptions = {}, accepted?: () => void): Promise<unknown> {
    if (this.state !== 'open') throw new NotConnectedError();
    this.#requests.assertRoom();
    const wantsList = frame.type === 'presence' && (frame.action === 0 || frame.action === 3);
    const { id, answer } = this.#requests.begin(`${frame.type} of ${frame.channel}`, frame.channel, options, wantsList, accepted);
    try {
      this.#write({ id, ...frame } as Frame);
    } catch (error) {
      this.#requests.cancel(id);
      throw error;
    }
    return answer;
  }

  /** Throws when it cannot be sent. */
  #send({ channel, event, payload, ack, timeoutMs, signal }: Waiting): Promise<void> {
    if (this.bufferedAmount + payload.length > this.#maxBufferedBytes) {
      throw new BackpressureError(`${this.bufferedAmount} bytes wait to be sent`);
    }
    const frame: Frame = { type: 'publish', channel, payload, ...(event === undefined ? {} : { event }) };
    if (!ack) {
      this.#write(frame);
      return Promise.resolve();
    }
    this.#requests.assertRoom();
    const { id, answer } = this.#requests.begin(`Publishing to ${channel}`, channel,
      { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(signal ? { signal } : {}) });
    try {
      this.#write({ ...frame, id });
    } catch (error) {
      this.#requests.cancel(id);
      throw error;
    }
    return answer as Promise<void>;
  }

  #write(frame: Frame): void {
    writeFrame(this.#outbox, frame);
    if (this.hears('frame')) this.emit('frame', { direction: 'out', frame });
    if (this.#outbox.size >= kBatchBytes) return this.#flush();
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushDue = false;
    if (this.#outbox.size === 0) return;
    const bytes = this.#outbox.take();
    this.#outbox.clear();
    // A socket that closes meanwhile drops it, and says so by closing.
    if (this.#link.socket?.readyState === 1) this.#link.socket.send(bytes);
  }

  #ping(): Promise<void> {
    const pong = new Deferred<void>();
    this.#pings.push(pong);
    this.#write({ type: 'ping', timestamp: Date.now() });
    return pong.promise;
  }

  // Coming and going ---------------------------------------------------------------------------

  async #target(): Promise<{ url: string }> {
    const { token } = this.#options;
    this.#tokenAbort = new AbortController();
    this.#token = typeof token === 'function'
      ? await token({ refused: this.#refusal, signal: this.#tokenAbort.signal })
      : token;
    return { url: this.#url };
  }

  #opened(): void {
    this.#lastError = undefined;
    this.#decoder = new FrameDecoder(
      (frame) => this.#handle(frame),
      (error) => {
        // Later versions may send what is not known here.
        if (!(error instanceof UnknownFrameError)) this.emit('error', error);
      });
  }

  async #welcomed(frame: Extract<Frame, { type: 'connected' }>): Promise<void> {
    if (frame.version !== kProtocolVersion) {
      return this.#fail(new ProtocolError(`The server speaks version ${frame.version}`));
    }
    this.#connectionId = frame.connection_id;
    if (this.#token !== undefined) {
      this.#write({ type: 'connect', version: kProtocolVersion, token: this.#token });
      // An accepted token is not answered, but what comes behind it is.
      try {
        await this.#ping();
      } catch {
        return;
      }
    }
    const reconnected = this.#hasOpened;
    this.#hasOpened = true;
    this.#refusals = 0;
    this.#refusal = undefined;
    this.#heartbeat.start(this.#options.heartbeatMs ?? frame.heartbeat, this.#options.pongTimeoutMs ?? 10_000,
      () => this.#ping(), (error) => this.#link.drop(error));
    this.#link.ready();
    for (const channel of [...this.#channels.values()]) channel.reconcile();
    this.#offline.flush((item) => this.#send(item));
    this.#opening?.resolve();
    this.#opening = undefined;
    this.emit('open', { connectionId: frame.connection_id, reconnected });
  }

  /** Trying again would end the same way. */
  #fail(error: PulseError): void {
    this.#link.close(error);
  }

  #judge({ code, reason, detail }: CloseInfo): { error: Error; fatal: boolean } {
    const said = this.#lastError;
    const why = said && serverError(said.code, said.message);
    const error = why ?? new DisconnectedError(`The connection was closed (${code}${reason || detail ? `: ${reason || detail}` : ''})`);
    if (said && (said.code === ErrorCode.Unauthorized || said.code === ErrorCode.Forbidden)) {
      this.#refusal = error;
      return { error, fatal: typeof this.#options.token !== 'function' || ++this.#refusals >= 2 };
    }
    return { error, fatal: kFinalCloses.includes(code) };
  }

  #lost(error: Error, { code, reason }: CloseInfo, waitMs: number | undefined): void {
    this.#heartbeat.stop();
    this.#decoder = undefined;
    this.#outbox.clear();
    this.#tokenAbort.abort(error);
    const pings = this.#pings;
    this.#pings = [];
    for (const ping of pings) ping.reject(error);
    this.#requests.failAll(error instanceof ClosedError ? error : new DisconnectedError(undefined, { cause: error }));
    for (const channel of [...this.#channels.values()]) channel.lost();
    if (waitMs === undefined && !(error instanceof ClosedError)) this.#endAll(error, error);
    this.emit('close', { code, reason, error, retryInMs: waitMs });
  }

  #endAll(error: Error | undefined, reason: Error): void {
    this.#hasOpened = false;
    this.#offline.fail(reason);
    for (const channel of [...this.#channels.values()]) channel.end(error, reason);
    this.#opening?.reject(reason);
    this.#opening = undefined;
  }

  // What it hears ------------------------------------------------------------------------------

  #received(data: Uint8Array | string): void {
    this.#heartbeat.heard();
    if (typeof data === 'string') {
      return this.#fail(new ProtocolError('The server speaks JSON here: leave format=json out of the address'));
    }
    if (!this.#decoder!.push(data)) this.#link.drop(new ProtocolError('A frame longer than the protocol allows'));
  }

  #handle(frame: Frame): void {
    if (this.hears('frame')) this.emit('frame', { direction: 'in', frame });
    switch (frame.type) {
      case 'publish': return this.#channels.get(frame.channel)?.publication(frame);
      case 'ack': return this.#requests.ack(Number(frame.id));
      case 'error': return this.#refused(Number(frame.id), frame.code, frame.message);
      case 'presence': {
        // The members first: an event that comes right behind a list changes it.
        this.#channels.get(frame.channel)?.presenceEvent(frame);
        if (frame.id !== 0) this.#requests.list(Number(frame.id), frame.data);
        return;
      }
      case 'connected':
        if (this.state === 'connecting') void this.#welcomed(frame);
        return;
      case 'pong': return this.#pings.shift()?.resolve();
      case 'ping': return this.#write({ type: 'pong', ...(frame.timestamp === undefined ? {} : { timestamp: frame.timestamp }) });
      default:
    }
  }

  #refused(id: number, code: number, message: string): void {
    if (id !== 0 && this.#requests.refuse(id, (channel) => serverError(code, message, channel))) return;
    if (id === 0) this.#lastError = { code, message };
    if (code !== ErrorCode.ConnectionClosed) this.emit('error', serverError(code, message));
  }
}
