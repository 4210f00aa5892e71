// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is known about an Open Cloud key, in words.
import type { KeyState, Universe, UniverseKey } from '../api/types';
import { ago, exact, until } from '../format';
import { Badge } from './basics';

export const kKeyStates: Record<KeyState, { label: string; tone: 'good' | 'bad' | 'neutral'; meaning: string }> = {
  valid: { label: 'Valid', tone: 'good', meaning: 'Roblox accepts this key for this universe' },
  unknown: { label: 'Not checked', tone: 'neutral', meaning: 'Roblox has not been asked about this key yet' },
  missing_scope: {
    label: 'Missing scope', tone: 'bad',
    meaning: 'The key lacks the scope universe-messaging-service:publish',
  },
  wrong_universe: { label: 'Wrong universe', tone: 'bad', meaning: 'The key is for other universes than this one' },
  expired: { label: 'Expired', tone: 'bad', meaning: 'The key has expired; Roblox refuses it' },
  rejected: { label: 'Rejected', tone: 'bad', meaning: 'Roblox refuses this key: it is wrong, deleted or switched off' },
  unreadable: { label: 'Unreadable', tone: 'bad', meaning: 'No master key of this server opens the stored key' },
};

const kSoonMs = 14 * 86_400_000;

export function activeKey(universe: Universe): UniverseKey | undefined {
  return universe.keys.find((key) => key.active);
}

export function expiresSoon(key: UniverseKey): boolean {
  return key.expiresAt !== null && Date.parse(key.expiresAt) - Date.now() < kSoonMs;
}

/** Servers newer than this page may know states of their own. */
export function keyState(state: KeyState) {
  return kKeyStates[state] ?? { label: String(state), tone: 'neutral' as const, meaning: '' };
}

export function KeyBadge({ value }: { value: UniverseKey }) {
  const { label, tone, meaning } = keyState(value.state);
  return <Badge tone={tone} title={value.checkedAt ? `${meaning}; checked ${ago(value.checkedAt)}` : meaning}>{label}</Badge>;
}

export function Expiry({ value }: { value: UniverseKey }) {
  if (value.expiresAt === null) return <span class="muted">no expiry</span>;
  const isPast = Date.parse(value.expiresAt) < Date.now();
  const tone = isPast ? 'text-bad' : expiresSoon(value) ? 'text-warn' : 'muted';
  return (
    <span class={tone} title={exact(value.expiresAt)}>
      {isPast ? 'expired' : 'expires'} {until(value.expiresAt)}
    </span>
  );
}

export interface Concern { universe: Universe; tone: 'warn' | 'bad'; text: string }

/** What an operator should look at, worst first. */
export function concernsOf(universe: Universe): Concern[] {
  const list: Concern[] = [];
  const add = (tone: Concern['tone'], text: string) => list.push({ universe, tone, text });
  const key = activeKey(universe);
  if (universe.damaged) add('bad', 'What is stored of this universe cannot be read. Putting its key in anew makes it whole');
  if (key === undefined) add('bad', 'No key is active');
  else {
    const { tone, meaning } = keyState(key.state);
    if (tone === 'bad') add('bad', universe.circuitOpen ? `${meaning}. Publishing has stopped until that changes` : meaning);
    else if (universe.circuitOpen) add('bad', 'Publishing has stopped until Roblox accepts the key again');
    // The server warns of an end that is near, too.
    if (tone !== 'bad' && expiresSoon(key) && key.expiresAt) add('warn', `The active key expires ${until(key.expiresAt)}`);
    if (key.warning && !(expiresSoon(key) && key.warning.startsWith('Expire'))) add('warn', key.warning);
  }
  if (universe.quota.factor < 1) {
    add('warn', `Slowed down to ${Math.round(universe.quota.factor * 100)} % after Roblox asked for less`);
  } else if (universe.quota.used >= 0.9) {
    add('warn', `Uses ${Math.round(universe.quota.used * 100)} % of its publish quota`);
  }
  return list.sort((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'));
}
