// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A poll with four choices and their bars, of either kind.
import { Room } from './room.js';

const kId = 'fav_color';
const kChoices = ['Green', 'Red', 'Purple', 'Orange'];

function makeChoice(answer, onVote) {
  const item = document.createElement('li');
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'button';
  button.textContent = answer;
  button.setAttribute('aria-pressed', 'false');
  button.addEventListener('click', onVote);
  const track = document.createElement('div');
  track.className = 'track';
  const bar = document.createElement('div');
  bar.className = 'bar';
  track.append(bar);
  const count = document.createElement('span');
  count.className = 'count';
  count.textContent = '0';
  item.append(button, track, count);
  return { item, button, bar, count };
}

const isCount = (value) => Number.isFinite(value) && value > 0;

/** `type`: poll or ephemeralPoll. With `isVoteOfConnection` the vote is cast again on each new connection. */
export function showVotes(type, { isVoteOfConnection }) {
  let mine;
  const choices = new Map(kChoices.map((answer) => [answer, makeChoice(answer, () => vote(answer))]));
  document.getElementById('choices').append(...[...choices.values()].map(({ item }) => item));

  function vote(answer) {
    if (!room.send(type, { id: kId, answer })) return;
    mine = answer;
    for (const [name, { button }] of choices) button.setAttribute('aria-pressed', String(name === mine));
  }

  function draw({ id, stats } = {}) {
    if (id !== kId || stats === null || typeof stats !== 'object') return;
    const counts = kChoices.map((answer) => (Object.hasOwn(stats, answer) && isCount(stats[answer]) ? stats[answer] : 0));
    const most = Math.max(1, ...counts);
    kChoices.forEach((answer, i) => {
      const { bar, count } = choices.get(answer);
      bar.style.width = `${counts[i] / most * 100}%`;
      count.textContent = String(counts[i]);
    });
    const total = counts.reduce((sum, count) => sum + count, 0);
    document.getElementById('total').textContent = total === 0 ? 'No votes yet' : `${total} ${total === 1 ? 'vote' : 'votes'}`;
  }

  const room = new Room({
    onOpen() {
      room.send('subscribe', `${type}:${kId}`);
      if (isVoteOfConnection && mine !== undefined) room.send(type, { id: kId, answer: mine });
    },
    handlers: { [type]: draw },
  });
}
