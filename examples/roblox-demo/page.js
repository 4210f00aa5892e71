// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sends what is typed to game servers, and shows which of them answered.
import { Pulse } from './pulse/roblox/index.js';

const byId = (id) => document.getElementById(id);
const { serverUrl, token, universe: universeId, servers } = await (await fetch('settings.json')).json();

for (const { name, jobId } of servers) {
  const head = document.createElement('th');
  head.scope = 'col';
  head.textContent = name;
  byId('heads').append(head);
  byId('target').append(new Option(`${name} only`, jobId));
}

const universe = new Pulse({ serverUrl, apiKey: token }).Universe(universeId);
const waiting = new Map();

/** A row for one message: what was said, and a place for each game server's answer. */
function addRow(text, target) {
  const row = byId('messages').insertRow(0);
  row.insertCell().textContent = text;
  for (const { jobId } of servers) row.insertCell().textContent = !target || target === jobId ? '…' : '–';
  while (byId('messages').rows.length > 50) byId('messages').deleteRow(-1);
  return row;
}

const connection = await universe.connect();
connection.on('state', (state) => { byId('state').textContent = state === 'open' ? 'Connected' : 'Connecting…'; });
byId('state').textContent = 'Connected';

connection.subscribe('heard', ({ id }, { serverId }) => {
  const sent = waiting.get(id);
  const column = servers.findIndex(({ jobId }) => jobId === serverId);
  if (!sent || column < 0) return;
  sent.row.cells[column + 1].textContent = `heard, and answered after ${Math.round(performance.now() - sent.at)} ms`;
});

byId('send').addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = byId('text').value;
  const target = byId('target').value;
  const id = crypto.randomUUID();
  const row = addRow(text, target);
  waiting.set(id, { row, at: performance.now() });
  if (waiting.size > 50) waiting.delete(waiting.keys().next().value);
  byId('send').reset();
  try {
    // Over HTTP; connection.publish() does the same over the WebSocket.
    await universe.send({ topic: 'chat', message: { id, text }, ...(target ? { serverId: target } : {}) });
  } catch (error) {
    row.cells[0].textContent = `${text} (${error.message})`;
  }
});
