// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everybody on the page votes for where they are; the votes of a poll are the pins of a map. Equirectangular: a
// degree is a unit, both ways.
import { fromQuery, Room } from './room.js';

const kSvg = 'http://www.w3.org/2000/svg';
const kMaxPins = 2000;
const kGridDegrees = 30;
const poll = fromQuery('poll') ?? 'liveMap';

const byId = (id) => document.getElementById(id);
const many = (count, one, more) => `${count} ${count === 1 ? one : more}`;

function drawGrid() {
  let path = '';
  for (let x = -180 + kGridDegrees; x < 180; x += kGridDegrees) path += `M${x}-90V90`;
  for (let y = -90 + kGridDegrees; y < 90; y += kGridDegrees) path += `M-180 ${y}H180`;
  byId('grid').setAttribute('d', path);
}

/** "48.1,11.6" as numbers, if it is a place on Earth. */
function placeOf(key) {
  const [, latitude, longitude] = /^\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*$/.exec(key) ?? [];
  const place = { latitude: Number(latitude), longitude: Number(longitude) };
  return Math.abs(place.latitude) <= 90 && Math.abs(place.longitude) <= 180 ? place : undefined;
}

function describe({ latitude, longitude }) {
  const side = (degrees, [positive, negative]) => `${Math.abs(degrees).toFixed(2)}° ${degrees < 0 ? negative : positive}`;
  return `${side(latitude, 'NS')}, ${side(longitude, 'EW')}`;
}

function pin({ latitude, longitude, users }) {
  const circle = document.createElementNS(kSvg, 'circle');
  circle.setAttribute('cx', longitude);
  circle.setAttribute('cy', -latitude);
  circle.setAttribute('r', Math.min(9, 2.4 + Math.sqrt(users)));
  const title = document.createElementNS(kSvg, 'title');
  title.textContent = `${describe({ latitude, longitude })}: ${many(users, 'user', 'users')}`;
  circle.append(title);
  return circle;
}

function line(place) {
  const item = document.createElement('li');
  const count = document.createElement('b');
  count.textContent = String(place.users);
  item.append(describe(place), count);
  return item;
}

function draw({ id, stats } = {}) {
  if (String(id) !== poll || stats === null || typeof stats !== 'object') return;
  const votes = Object.entries(stats).filter(([, users]) => Number.isFinite(users) && users > 0);
  const users = votes.reduce((sum, [, count]) => sum + count, 0);
  byId('counts').textContent = `${many(users, 'user', 'users')} in ${many(votes.length, 'place', 'places')}`;
  const places = votes.map(([key, count]) => ({ ...placeOf(key), users: count }))
    .filter(({ latitude }) => latitude !== undefined)
    .sort((a, b) => b.users - a.users)
    .slice(0, kMaxPins);
  byId('pins').replaceChildren(...places.map(pin));
  byId('places').replaceChildren(...places.map(line));
}

drawGrid();
const room = new Room({
  onOpen: () => room.send('subscribe', `ephemeralPoll:${poll}`),
  handlers: {
    ephemeralPoll: draw,
    profile: ({ connectionDetails: { latitude, longitude } = {} }) =>
      room.send('ephemeralPoll', { id: poll, answer: `${latitude},${longitude}` }),
  },
});
