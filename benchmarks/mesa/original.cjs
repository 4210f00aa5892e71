// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The original behind the same lines of JSON as mesa-test-app: {"send": {…}} on standard input.
const { createRequire } = require('node:module');
const readline = require('node:readline');

const { default: Mesa, Message } = createRequire(`${process.env.MESA_FOLDER}/package.json`)('@cryb/mesa');

const mesa = new Mesa(JSON.parse(process.argv[2]));
mesa.on('error', (error) => console.error(error));
mesa.on('connection', (client) => client.on('error', (error) => console.error(error)));
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { send, to } = JSON.parse(line);
  mesa.send(new Message(send.op, send.d, send.t), to);
});
console.log('{"ready":true}');
