// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Compares what each client of Mesa got with what was sent.
//
// Each server sends numbered messages to everybody, before, while and after something is broken. What clients got is right when
//   - nothing came that was not sent, nothing twice, and of each server in the order in which it was sent;
//   - a client has all of its own server's, as long as that lives;
//   - a client has all of the others', unless its server or the other one said in the same phase that something may be missing:
//     a server that was killed says nothing. Where nobody broke anything nothing is missing, but on a machine that is too busy
//     for Redis to answer in time.

const kMaxProblems = 20;

/**
 * sent: { [server]: [phase, …] }, by number; a phase is 'before', 'while' or 'after'.
 * said: { [server]: { [phase]: error events } }. killed: [server, …].
 * clients: [{ name, server, since, isLeft, got: [{ from, n }, …] }]; `since` is the phase in which it came, it may have left.
 */
export function check({ sent, said, killed = [], clients }) {
  const problems = [];
  let deliveries = 0;
  let missing = 0;
  const phases = ['before', 'while', 'after'];
  for (const client of clients) {
    const report = (what) => { if (problems.length < kMaxProblems) problems.push(`${client.name}: ${what}`); };
    const numbers = new Map(Object.keys(sent).map((from) => [from, []]));
    for (const { from, n } of client.got) {
      deliveries++;
      const had = numbers.get(from);
      if (had === undefined || !(n >= 0 && n < sent[from].length)) {
        report(`${from}:${n} was never sent`);
      } else if (had.length > 0 && n <= had.at(-1)) {
        report(`${from}:${n} came behind ${from}:${had.at(-1)}`);
      } else {
        had.push(n);
      }
    }
    for (const [from, had] of numbers) {
      const got = new Set(had);
      const isOwn = from === client.server;
      sent[from].forEach((phase, n) => {
        if (got.has(n)) return;
        // What was sent around its coming and going is nobody's promise; in between there is no hole.
        if (phases.indexOf(phase) < phases.indexOf(client.since)) return;
        const isAtTheEdge = had.length === 0 || n < had[0] || n > had.at(-1);
        if (phase === client.since && client.since !== 'before' && n < (had[0] ?? Infinity)) return;
        if (client.isLeft && phase !== 'before' && isAtTheEdge) return;
        missing++;
        if (isOwn && !killed.includes(from)) return report(`has not got ${from}:${n} of its own server`);
        if (phase === 'while' && killed.includes(from)) {
          // Of what it was told to send last nobody knows how much it has done.
          if (!isAtTheEdge) report(`has not got ${from}:${n}, but later ones of the killed`);
          return undefined;
        }
        if (!(said[from]?.[phase] > 0) && !(said[client.server]?.[phase] > 0)) {
          report(`has not got ${from}:${n}, sent ${phase === 'while' ? 'during' : phase} the fault, and nobody said that anything is missing`);
        }
        return undefined;
      });
    }
  }
  return { problems, deliveries, missing };
}

/**
 * Messages 0 … count - 1 to be kept for one who was offline, `doubtful` those that somebody was told may be lost, and what
 * came in the end.
 */
export function checkKept({ count, doubtful, got }) {
  const problems = [];
  got.forEach((n, i) => {
    if (!(n >= 0 && n < count)) problems.push(`kept ${n} was never sent`);
    else if (i > 0 && n <= got[i - 1]) problems.push(`kept ${n} came behind ${got[i - 1]}`);
  });
  const had = new Set(got);
  const inDoubt = new Set(doubtful);
  for (let n = 0; n < count; n++) {
    if (!had.has(n) && !inDoubt.has(n)) problems.push(`kept ${n} is lost, and nobody said so`);
  }
  return problems.slice(0, kMaxProblems);
}
