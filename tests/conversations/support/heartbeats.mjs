// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Mesa's heartbeats on a busy machine: whoever has to answer within an interval is held up there, so patience makes the
// intervals longer, and the moments that a conversation names with them.
const kMostSlower = 5;
const slowerBy = (patience) => Math.max(1, Math.min(kMostSlower, patience));

/** For a client of the original, which answers by itself. */
export const heartbeatsFor = (patience) => ({ enabled: true, interval: 100 * slowerBy(patience), maxAttempts: 5 });
/** A client that never answers one of these is sent one beat, one for each attempt, and is closed then. */
export const kBeatsOfASilentClient = 6;

export function countBeats(socket) {
  const beats = { count: 0 };
  socket.on('message', (data) => { if (JSON.parse(data).op === 1) beats.count += 1; });
  return beats;
}

/** The same conversation with longer intervals, where a client answers, or fails to answer, short ones. */
export function slowed(conversation, patience) {
  const by = slowerBy(patience);
  const isBeat = ({ expect }) => expect?.op === 1;
  const hasShort = ({ start }) => start?.heartbeat?.interval < 1000;
  if (!conversation.steps.some(isBeat) || !conversation.steps.some(hasShort)) return conversation;
  const steps = structuredClone(conversation.steps);
  for (const step of steps) {
    if (hasShort(step)) step.start.heartbeat.interval *= by;
    if (step.at_ms !== undefined) step.at_ms = step.at_ms.map((ms) => ms * by);
  }
  return { ...conversation, steps };
}
