// SPDX-License-Identifier: MIT OR Apache-2.0
import { keepRoomInLinks, roomName } from './room.js';

const field = document.getElementById('room');
field.value = roomName;
keepRoomInLinks();
document.getElementById('choose').addEventListener('submit', (event) => {
  event.preventDefault();
  location.search = new URLSearchParams({ room: field.value });
});
