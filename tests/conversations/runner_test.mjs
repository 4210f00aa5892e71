// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Each step with a server that does what the step expects, and with one that does not: a conversation has to
// fail then. The servers are scripts, run on each connection.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import http from 'node:http';
import { after, describe, it } from 'node:test';

import { check, run } from './support/conversation.mjs';
import { BadConversation, match, Mismatch } from './support/matcher.mjs';
import { RoomsAdapter } from './support/rooms.mjs';

const require = createRequire(`${process.env.PULSE_TEST_NODE_FOLDER}/package.json`);
const { WebSocketServer } = require('ws');

/** A server that runs `script(socket, request)` on each connection, and `answer(request, response)` for the rest. */
class ScriptedServer {
  restarts = 0;
  #http;
  #sockets;

  static async start({ script = () => {}, answer = (_, response) => response.end(), headers = [], refuse, subprotocol }) {
    const server = new ScriptedServer();
    server.#http = http.createServer(answer);
    server.#sockets = new WebSocketServer({ noServer: true, handleProtocols: () => subprotocol ?? false });
    server.#sockets.on('headers', (list) => list.push(...headers));
    server.#http.on('upgrade', (request, socket, head) => {
      if (refuse !== undefined) return socket.end(refuse);
      server.#sockets.handleUpgrade(request, socket, head, (client) => {
        client.on('error', () => {});
        script(client, request);
      });
    });
    server.#http.listen(0, '127.0.0.1');
    await once(server.#http, 'listening');
    server.url = `http://127.0.0.1:${server.#http.address().port}`;
    return server;
  }

  restart() { this.restarts += 1; }

  stop() {
    for (const client of this.#sockets.clients) client.terminate();
    this.#http.close();
    this.#http.closeAllConnections();
  }
}

const running = new Set();
after(() => { for (const server of running) server.stop(); });

async function hold(script, steps, { patience = 1, ...more } = {}) {
  const server = await ScriptedServer.start(typeof script === 'function' ? { script } : script);
  running.add(server);
  try {
    await run({ name: 'test', steps, ...more }, new RoomsAdapter(server, { isShared: more.server === undefined }),
      { patience });
  } finally {
    server.stop();
    running.delete(server);
  }
  return server;
}

/** The conversation passes with the first script and fails, for this reason, with the others. */
async function tells(steps, good, bad, more) {
  if (good !== undefined) await hold(good, steps, more);
  for (const [why, script] of bad) await assert.rejects(hold(script, steps, more), (error) => {
    assert.ok(error instanceof Mismatch, error.stack);
    assert.match(error.message, why);
    return true;
  });
}

const opened = (name = 'a') => ({ client: name, open: { room: 'r' } });
const says = (...frames) => (socket) => frames.forEach((frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)));
const later = (ms, action) => (socket) => setTimeout(action, ms, socket);
/** Answers each frame with `reply(parsed or Buffer)`. */
const replies = (reply) => (socket, request) => socket.on('message', (data, isBinary) =>
  socket.send(JSON.stringify(reply(isBinary ? data : data.toString(), isBinary, request))));

describe('expect', () => {
  it('takes the next frame and no other', () => tells(
    [opened(), { client: 'a', expect: { n: 1 } }, { client: 'a', expect: { n: 2 } }],
    says({ n: 1 }, { n: 2 }),
    [
      [/at n: 1 is expected, not 2/, says({ n: 2 }, { n: 1 })],
      [/at n: 2 is expected, not 1/, says({ n: 1 }, { n: 1 }, { n: 2 })],
      [/step 3,.*nothing came within/s, says({ n: 1 })],
      [/nothing came within/, () => {}],
      [/closed \(4000\) instead/, (socket) => socket.close(4000)],
      [/not JSON/, says('n')],
      [/a binary frame/, (socket) => socket.send(Buffer.from('{"n":1}'))],
    ]));

  it('waits as long as it says, and no longer', () => tells(
    [opened(), { client: 'a', expect: {}, within_ms: 150 }],
    later(30, says({})), [[/nothing came within 150 ms/, later(400, says({}))]]));

  it('looks at when it came', () => tells(
    [opened(), { client: 'a', expect: {}, at_ms: [150, 900] }],
    later(300, says({})), [[/came \d+ ms after the open, not 150 to 900/, says({})]]));

  it('gives what came late the patience it has, and what came early none', () => tells(
    [opened(), { client: 'a', expect: {}, at_ms: [150, 250] }],
    later(300, says({})), [[/came \d+ ms after the open, not 150 to 3150/, says({})]], { patience: 30 }));

  it('compares the text, where the order of keys matters', () => tells(
    [opened(), { client: 'a', expect_text: '{"type":"x","data":"<any>"}' }],
    says('{"type":"x","data":"<any>"}'),
    [[/is expected/, says('{"data":"<any>","type":"x"}')], [/is expected/, says('{"type":"x", "data":"<any>"}')]]));

  it('remembers for later steps', () => tells(
    [opened(), { client: 'a', expect: { id: '<int>@id' } }, { client: 'a', send: { back: '$id' } }, { client: 'a', expect: { got: '{"back":${id}}' } }],
    (socket) => { says({ id: 5 })(socket); replies((got) => ({ got }))(socket); },
    [[/expected/, (socket) => { says({ id: 5 })(socket); replies(() => ({ got: '{"back":6}' }))(socket); }]]));
});

describe('expect_set', () => {
  it('takes that many frames in any order', () => tells(
    [opened(), { client: 'a', expect_set: [{ n: 1 }, { n: 2 }] }, { client: 'a', expect_none: 50 }],
    says({ n: 2 }, { n: 1 }),
    [
      [/not the expected ones/, says({ n: 1 }, { n: 1 })],
      [/not the expected ones/, says({ n: 1 }, { n: 3 })],
      [/nothing came/, says({ n: 1 })],
      [/there is \{"n":3\}/, says({ n: 1 }, { n: 2 }, { n: 3 })],
    ]));
});

describe('expect_none', () => {
  const steps = [opened(), { client: 'a', expect_none: 150 }];
  it('fails on whatever comes, early or late, also an end', () => tells(steps, () => {}, [
    [/there is \{\}/, says({})],
    [/there is \{\}/, later(80, says({}))],
    [/there is a frame that is not JSON/, says('x')],
    [/there is a binary frame/, (socket) => socket.send(Buffer.alloc(3))],
    [/closed/, (socket) => socket.close()],
    [/closed \(1006\)/, later(80, (socket) => socket.terminate())],
  ]));
  it('fails on what an earlier step left unread', () => tells(
    [opened(), { wait_ms: 80 }, { client: 'a', expect_none: 1 }], undefined, [[/there is/, says({})]]));
  it('waits until the server has read what it is silent to', () => tells(
    [opened(), { client: 'a', send: {} }, { client: 'a', expect_none: 1 }], undefined,
    [[/there is/, (socket) => socket.on('message', () => socket.send('{}'))]]));
});

describe('expect_close', () => {
  const expects = (codes) => [opened(), { client: 'a', expect_close: codes, within_ms: 200 }];
  const closes = (...how) => (socket) => socket.close(...how);
  it('compares the code', () => tells(expects(4001), closes(4001), [
    [/4001 is expected, not 1000/, closes(1000)], [/not 1005/, closes()],
    [/not 1006/, (socket) => socket.terminate()], [/not closed within 200 ms/, () => {}],
  ]));
  it('takes one of several', () => tells(expects([1000, 1005]), closes(), [[/with 1001, not with 1000 or 1005/, closes(1001)]]));
  it('takes any', () => tells(expects('<any>'), (socket) => socket.terminate(), [[/not closed/, says({})]]));
});

describe('close and drop', () => {
  const steps = [opened('b'), opened(), { client: 'a', close: 4003, reason: 'bye' }, { client: 'b', expect: [4003, 'bye'] }];
  it('closes with this code and reason', () => {
    const others = [];
    return tells(steps, (socket) => {
      others.push(socket);
      socket.on('close', (code, reason) => others[0].send(JSON.stringify([code, String(reason)])));
    }, []);
  });
  it('wants the other side to answer', () => tells(
    [opened(), { client: 'a', close: 1000 }, { client: 'a', expect_close: 1000 }], () => {},
    [[/the connection broke/, (socket) => { socket.close = () => socket.terminate(); }]]));
  it('closes without a code', () => tells([opened(), { client: 'a', close: 0 }, { client: 'a', expect_close: 1005 }], () => {}, []));
  it('cuts the connection', () => {
    const others = [];
    return tells([opened('b'), opened(), { client: 'a', drop: true }, { client: 'b', expect: 1006 }], (socket) => {
      others.push(socket);
      socket.on('close', (code) => others[0].send(String(code)));
    }, []);
  });
  it('needs a connection that is open', () => tells(
    [opened(), { wait_ms: 80 }, { client: 'a', send: {} }, { client: 'a', expect_none: 1 }], undefined,
    [[/closed \(1000\) and cannot send/, (socket) => socket.close(1000)]]));
});

describe('send', () => {
  it('sends JSON, text, bytes and long texts', () => tells(
    [
      opened(),
      { client: 'a', send: { a: [1, 'é'] } }, { client: 'a', expect: ['text', '{"a":[1,"é"]}'] },
      { client: 'a', send_text: '{' }, { client: 'a', expect: ['text', '{'] },
      { client: 'a', send_text: '' }, { client: 'a', expect: ['text', ''] },
      { client: 'a', send_binary: 'é' }, { client: 'a', expect: ['binary', 'é'] },
      { client: 'a', send_repeat: { template: { d: '@@' }, char: 'y', count: 100_000 } },
      { client: 'a', expect: ['text', '<re \\{"d":"y{100000}"\\}>'] },
    ],
    replies((data, isBinary) => [isBinary ? 'binary' : 'text', String(data)]), []));

  it('replaces $auth by the time and a key for the room as it is called here', async () => {
    const credentials = (given) => new Promise((resolve, reject) => {
      hold((socket, request) => socket.on('message', (data) => {
        resolve({ ...JSON.parse(data).data, room: new URL(request.url, 'http://x').searchParams.get('room') });
        socket.send('1');
      }), [opened(), { client: 'a', send: { data: { $auth: { room: 'r', ...given } } } }, { client: 'a', expect: 1 }]).catch(reject);
    });
    const keyOf = ({ room, ts }, key = 'CHANGEME') => createHash('sha256').update(room + ts + key).digest('hex');
    const plain = await credentials({});
    assert.equal(plain.key, keyOf(plain));
    assert.ok(Number.isInteger(plain.ts) && Math.abs(plain.ts - Date.now()) < 5000);
    const late = await credentials({ offset_ms: -400_000, as_string: true, upper: true, key: 'other' });
    assert.equal(late.key, keyOf(late, 'other').toUpperCase());
    assert.ok(typeof late.ts === 'string' && Math.abs(Number(late.ts) + 400_000 - Date.now()) < 5000);
    const odd = await credentials({ ts: 'abc' });
    assert.deepEqual([odd.ts, odd.key], ['abc', keyOf(odd)]);
    // The published example.
    const server = new RoomsAdapter({ url: '' }, { isShared: false, signingKey: 'deadbeef' });
    assert.equal(server.outgoing({ $auth: { room: 'testRoom', ts: 1631756233699 } }).key,
      '89d88bb54565ea81c0d31c817eddba48c2fbbb0414fb4bb87c799bb2e824804a');
  });
});

describe('open', () => {
  const answering = (more) => ({ headers: ['X-One: 1', 'X-Two: a', 'X-Two: b'], ...more });
  it('looks at the headers, with several values of one name on lines of their own', () => tells(
    [{ client: 'a', open: {}, expect_headers: { 'x-one': '1', 'x-two': 'a\nb', 'x-three': '<absent>', connection: '<re [Uu]pgrade>' } }],
    answering(), [
      [/x-one/, answering({ headers: ['X-One: 2', 'X-Two: a', 'X-Two: b'] })],
      [/x-two/, answering({ headers: ['X-One: 1', 'X-Two: a'] })],
      [/x-three/, answering({ headers: ['X-One: 1', 'X-Two: a', 'X-Two: b', 'X-Three: '] })],
    ]));

  it('wants a refused handshake where one is expected', () => {
    const refusal = (status, body) => ({ refuse: `HTTP/1.1 ${status} No\r\nX-Why: so\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}` });
    return tells([{ client: 'a', open: {}, expect_status: 404, expect_body: 'no', expect_headers: { 'x-why': 'so' } }], refusal(404, 'no'), [
      [/404 is expected, not 400/, refusal(400, 'no')],
      [/at body/, refusal(404, 'yes')],
      [/404 is expected, not 101/, () => {}],
      [/no connection/, { refuse: '' }],
    ]);
  });
  it('wants no refused handshake elsewhere', () => tells(
    [opened(), { client: 'a', expect_none: 1 }], undefined, [[/101 is expected, not 404/, { refuse: 'HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n' }]]));

  it('says who it is and where it wants to', () => tells(
    [
      { client: 'a', open: { room: 'ä/&', session: 'x y', query: 'z=%C3%A9', cookie: 'c=1', headers: { 'X-Me': '5' }, path: '/p' } },
      { client: 'a', expect: { path: '<re /p\\?room=[^/]*%2F%C3%A4%2F%26&session=x%20y&z=%C3%A9>', cookie: 'c=1', me: '5' } },
      { client: 'b', open: { query: { a: 'b&' } } }, { client: 'b', expect: { path: '/websocket?a=b%26' } },
      { client: 'c', open: { room: '' } }, { client: 'c', expect: { path: '/websocket?room=' } },
      { client: 'd', open: {} }, { client: 'd', expect: { path: '/websocket' } },
    ],
    (socket, { url, headers }) => socket.send(JSON.stringify({ path: url, cookie: headers.cookie, me: headers['x-me'] })), []));

  it('asks for subprotocols, and minds the answer', async () => {
    const steps = (header) => [{ client: 'a', open: { protocols: ['v1', 'v2'] }, expect_headers: { 'sec-websocket-protocol': header } }];
    await tells(steps('v1'), { subprotocol: 'v1' }, [[/protocol/, { subprotocol: 'v2' }], [/protocol/, {}]]);
    await tells(steps('<absent>'), {}, [[/protocol/, { subprotocol: 'v1' }]]);
  });
});

describe('http', () => {
  const answer = (status, body, headers = {}) => ({
    answer: ({ method, url }, response) => response.writeHead(status, { 'X-Asked': `${method} ${url.replace(/room=[^&]*%2F/, 'room=')}`, ...headers }).end(body),
  });
  const steps = [{ http: { path: '/x', room: 'r&', method: 'POST' }, expect_status: 200, expect_body: '{"a":1}', expect_json: { a: '<int>' }, expect_headers: { 'x-asked': 'POST /x?room=r%26' } }];
  it('looks at status, headers and body', () => tells(steps, answer(200, '{"a":1}'), [
    [/status/, answer(201, '{"a":1}')],
    [/at body: /, answer(200, '{"a":2}')],
    [/x-asked/, answer(200, '{"a":1}', { 'X-Asked': 'other' })],
  ]));
  it('reads JSON', () => tells([{ http: { path: '/' }, expect_json: { a: '<int>' } }], answer(200, ' {"a":1}\n'), [
    [/not JSON/, answer(200, 'a')], [/at body\.a/, answer(200, '{"a":"1"}')],
  ]));
  it('wants an answer at all', () => tells([{ http: { path: '/' }, expect_status: 200 }], undefined,
    [[/no answer/, { answer: (request) => request.socket.destroy() }]]));
});

describe('a conversation of rooms', () => {
  const pinging = says({ type: 'ping', data: 1 }, { type: 'x' }, { type: 'ping' });
  it('passes over pings', () => tells([opened(), { client: 'a', expect: { type: 'x' } }, { client: 'a', expect_none: 50 }], pinging, []));
  it('that is about pings sees them', () => tells(
    [opened(), { client: 'a', expect: { type: 'ping', data: 1 } }, { client: 'a', expect: { type: 'x' } }, { client: 'a', expect: { type: 'ping' } }],
    pinging, [[/nothing came/, says({ type: 'ping', data: 1 }, { type: 'x' })]], { pings: true }));
  it('has rooms of its own, unless it has the server for itself', async () => {
    const rooms = new Set();
    const steps = [opened(), opened('b'), { client: 'a', expect: 1 }, { client: 'b', expect: 1 }];
    const script = (socket, { url }) => { rooms.add(new URL(url, 'http://x').searchParams.get('room')); socket.send('1'); };
    await hold(script, steps);
    await hold(script, steps);
    assert.equal(rooms.size, 2);
    await hold(script, steps, { server: true });
    assert.equal([...rooms].at(-1), 'r');
  });
  it('restarts a server that it has for itself', async () => {
    const steps = [opened(), { server: 's1', restart: true }, { client: 'a', expect: 1 }];
    assert.equal((await hold(says(1), steps, { server: true })).restarts, 1);
    await assert.rejects(hold(says(1), steps), BadConversation);
  });
});

describe('an adapter', () => {
  // As one for several servers that are driven, and that report events, would be.
  async function drive(steps) {
    const events = [{ event: 'connection', id: 7 }, { event: 'message', from: 7 }];
    const calls = [];
    await run({ name: 'test', steps }, {
      memory: { redis: 'redis://r' },
      steps: {
        server: {
          with: ['start', 'expect_event', 'within_ms'],
          run(step, { memory, within, clients }) {
            if (step.start) calls.push([step.server, memory.fill(step.start), clients.size, within(step.within_ms)]);
            else match(step.expect_event, events.shift(), memory);
          },
        },
      },
      end: () => calls.push('end'),
    }, { patience: 2 }).finally(() => { drive.calls = calls; });
    return calls;
  }
  const start = { server: 's1', start: { redis: '$redis' } };

  it('brings steps of its own, and values that are known from the start', async () => {
    assert.deepEqual(await drive([start, { server: 's1', expect_event: { event: 'connection', id: '<int>@id' } }, { server: 's1', expect_event: { event: 'message', from: '$id' } }]),
      [['s1', { redis: 'redis://r' }, 0, 2000], 'end']);
  });
  it('is told of the end whatever happens, and its steps fail like others', async () => {
    await assert.rejects(drive([start, { server: 's1', expect_event: { event: 'other', id: 7 } }]), /step 2.*at event: "other" is expected/s);
    assert.equal(drive.calls.at(-1), 'end');
    await assert.rejects(drive([start, { server: 's1', expect_event: {}, strange: 1 }]), BadConversation);
  });
});

describe('a conversation that is written wrongly', () => {
  const isBad = (steps, more = {}) => assert.rejects(hold(says({}), steps, more), BadConversation, JSON.stringify(steps));
  it('is no conversation', () => {
    const expects = { client: 'a', expect: {} };
    assert.throws(() => check({ name: 'x', steps: [opened()] }), BadConversation);
    assert.throws(() => check({ steps: [expects] }), BadConversation);
    assert.throws(() => check({ name: 'x', steps: [expects], needz: [] }), BadConversation);
    check({ name: 'x', steps: [expects], slow: true });
  });
  it('has steps that would be passed over', async () => {
    const end = { client: 'a', expect: {} };
    await isBad([opened(), { client: 'a', expects: {} }, end]);
    await isBad([opened(), { client: 'a', expect: {}, within: 5 }]);
    await isBad([opened(), { client: 'a', send: {}, expect_none: 5 }, end]);
    await isBad([opened(), { client: 'a' }, end]);
    await isBad([opened(), { wait: 5 }, end]);
    await isBad([opened(), { client: 'b', expect: {} }]);
    await isBad([opened(), opened(), end]);
    await isBad([{ client: 'a', open: { rooom: 'r' } }, end]);
    await isBad([opened(), { client: 'a', send: { $auth: { rooms: 'r' } } }, end]);
    await isBad([opened(), { client: 'a', close: 999 }, end]);
    await isBad([opened(), { client: 'a', send_repeat: { template: {}, char: 'y', count: 1 } }, end]);
  });
});
