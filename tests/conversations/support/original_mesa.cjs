// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The standard test application (docs/protocol/mesa.md) around the original, npm's @cryb/mesa:
//
//   node original_mesa.cjs server|dispatcher|portal '<options>' '<app>'
//
// PULSE_TEST_NODE_FOLDER is where npm has installed it. What the original does not report by itself is not reported.
const { createRequire } = require('node:module');
const readline = require('node:readline');

const { default: Mesa, Message, Dispatcher, DispatchEvent, Portal } =
  createRequire(`${process.env.PULSE_TEST_NODE_FOLDER}/package.json`)('@cryb/mesa');

const [kind, options, app] = [process.argv[2], ...process.argv.slice(3).map((text) => JSON.parse(text))];
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const report = (event, fields) => print({ ev: { event, ...fields } });
const toMessage = ({ op, d, t, o }) => new Message(op, d, t, o);
const plain = ({ opcode, data, type }) => ({ op: opcode, d: data, t: type });

function onCommand(handle) {
  readline.createInterface({ input: process.stdin }).on('line', (line) => handle(JSON.parse(line))).on('close', () => process.exit(0));
}

function greet(client) {
  report('connection');
  if (app.auth !== false) {
    client.authenticate((d, done) => {
      const answer = (...result) => {
        try { done(...result); } catch { report('done_threw'); }
      };
      const decide = () => {
        if (d.hang) return;
        if (d.fail) answer(new Error('refused'));
        else if (d.nouser) answer(null, { id: d.id });
        else answer(null, { id: d.id, user: { id: d.id, name: `N${d.id}` } });
      };
      if (d.delay_ms === undefined) decide(); else setTimeout(decide, d.delay_ms);
    });
  }
  client.on('error', (error) => report('client_error', { message: error.message }));
  client.on('disconnect', (code, reason) => report('disconnect', { code, reason, client_id: client.id }));
  client.on('message', (message) => {
    report('message', { ...plain(message), client_id: client.id });
    const { data, type } = message;
    switch (type) {
      case 'ECHO': client.send(new Message(0, data, type)); break;
      case 'ECHO_DIRECT': client.send(new Message(0, data, type), true); break;
      case 'WHO': client.send(new Message(0, { id: client.id ?? null, authenticated: client.authenticated }, type), true); break;
      case 'KICK': client.disconnect(data.code); break;
      case 'UPDATE': client.updateUser({ id: data.id, user: {} }); break;
      default:
    }
  });
}

async function runServer() {
  const mesa = new Mesa(options);
  mesa.on('error', (error) => report('server_error', { message: error.message }));
  mesa.on('connection', greet);
  mesa.on('disconnection', (code, reason) => report('disconnection', { code, reason }));
  if (mesa.wss.address() === null) await new Promise((resolve) => { mesa.wss.once('listening', resolve); });
  if (mesa.redis) {
    // Answered behind what the server itself has asked for.
    await mesa.subscriber.subscribe(mesa.pubSubNamespace);
    await mesa.redis.ping();
  }
  onCommand((command) => {
    if (command.send) mesa.send(toMessage(command.send), command.to, command.excluding);
    if (command.close) mesa.close();
  });
  print({ ready: true });
}

async function runDispatcher() {
  const dispatcher = new Dispatcher(app.redis, options);
  await Promise.all([dispatcher.redis.ping(), dispatcher.publisher.ping()]);
  onCommand(({ dispatch, dispatch_many: many, event, to, excluding }) => {
    for (const message of many ?? (dispatch ? [dispatch] : [])) dispatcher.dispatch(toMessage(message), to, excluding);
    if (event) dispatcher.dispatch(new DispatchEvent(event), to, excluding);
  });
  print({ ready: true });
}

async function runPortal() {
  const portal = new Portal(app.redis, options);
  portal.on('connection', () => report('connection'));
  portal.on('authentication', (clientId) => report('authentication', { clientId }));
  portal.on('message', (message, clientId) => report('message', { message: plain(message), clientId }));
  portal.on('disconnection', (clientId) => report('disconnection', { clientId }));
  const channel = options.namespace ? `portal_${options.namespace}` : 'portal';
  await Promise.all([portal.subscriber.subscribe(channel), portal.publisher.ping(), portal.redis.ping()]);
  onCommand(() => {});
  print({ ready: portal.id });
}

({ server: runServer, dispatcher: runDispatcher, portal: runPortal })[kind]();
