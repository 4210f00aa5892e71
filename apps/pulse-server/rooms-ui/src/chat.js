// SPDX-License-Identifier: MIT OR Apache-2.0
import { fromQuery, memory, Room, roomName } from './room.js';

const kSessionKey = `${roomName}_session`;
/** What was said earlier leaves the page. */
const kMaxMessages = 500;

const byId = (id) => document.getElementById(id);
const [login, chat, log, compose, field] = ['login', 'chat', 'log', 'compose', 'message'].map(byId);
let session = fromQuery('session') ?? memory.get(kSessionKey);
let name;

const isNamed = (user) => typeof user?.properties?.name === 'string' && user.properties.name !== '';

/** name#suffix, or anonymous. */
function who(user) {
  const element = document.createElement('span');
  element.className = 'who';
  if (!isNamed(user)) {
    element.textContent = 'anonymous';
    return element;
  }
  const number = document.createElement('span');
  number.className = 'number';
  number.textContent = `#${user.suffix}`;
  element.append(user.properties.name, number);
  return element;
}

function show({ message, user } = {}) {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const line = document.createElement('li');
  line.append(who(user), `: ${typeof message === 'string' ? message : JSON.stringify(message) ?? ''}`);
  log.append(line);
  if (log.childElementCount > kMaxMessages) log.firstElementChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

const room = new Room({
  session: () => session,
  handlers: {
    chat: show,
    profile(profile) {
      session = profile.id;
      if (!isNamed(profile)) {
        // The server has forgotten who was here: tell it again.
        if (name !== undefined) room.send('login', { name });
        return;
      }
      memory.set(kSessionKey, profile.id);
      name = profile.properties.name;
      byId('self').replaceChildren(who(profile));
      const isFirst = chat.hidden;
      login.hidden = true;
      chat.hidden = false;
      if (isFirst) field.focus();
      room.send('subscribe', 'chat');
    },
  },
});

login.addEventListener('submit', (event) => {
  event.preventDefault();
  room.send('login', { name: byId('name').value });
});
compose.addEventListener('submit', (event) => {
  event.preventDefault();
  if (room.send('chat', field.value)) field.value = '';
});
