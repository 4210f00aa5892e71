// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two slots, so that a key can be replaced without a moment in which none works.
import { useState } from 'preact/hooks';

import { api, messageOf } from '../api/client';
import type { Slot, Universe, UniverseKey } from '../api/types';
import { Badge, Button, Card, Notice } from '../components/basics';
import { Confirm } from '../components/dialog';
import { Expiry, keyState, KeyBadge } from '../components/key_state';
import { PutKey } from '../dialogs/put_key';
import { ago, exact } from '../format';
import { refreshStats, refreshUniverses } from '../live';
import { tell } from '../toasts';

type Work = 'check' | 'activate';
const refresh = () => Promise.all([refreshStats(), refreshUniverses()]);

/** Where a rotation stands, as far as the slots tell. */
function step(universe: Universe): number {
  const standby = universe.keys.find((key) => !key.active);
  if (standby === undefined) return 1;
  // One that was in use is the old one.
  if (standby.usedAt !== null) return 4;
  return standby.state === 'unknown' ? 2 : standby.state === 'valid' ? 3 : 4;
}

const kSteps = [
  'Make a new key in the Creator Dashboard and put it in the free slot.',
  'Check it: Roblox is asked whether it is right. Nothing is sent to your game.',
  'Activate it. The old key stays in its slot, one click away.',
  'When all is well, remove the old key here, then delete it in the Creator Dashboard.',
];

function Rotation({ universe }: { universe: Universe }) {
  const current = step(universe);
  return (
    <Card title="To rotate the key">
      <ol class="steps">
        {kSteps.map((text, i) => (
          <li key={text} aria-current={i + 1 === current ? 'step' : undefined}>{text}</li>
        ))}
      </ol>
    </Card>
  );
}

function SlotCard({ slot, held, canRemove, busy, put, remove, work }: {
  slot: Slot; held: UniverseKey | undefined; canRemove: boolean; busy: Work | null;
  put: () => void; remove: () => void; work: (what: Work) => void;
}) {
  const title = `Slot ${slot + 1}`;
  if (held === undefined) {
    return (
      <Card title={title} actions={<Badge tone="neutral">Empty</Badge>}>
        <p class="muted slot-empty">Room for the next key.</p>
        <div class="card-actions"><Button icon="plus" onClick={put}>Put a key here</Button></div>
      </Card>
    );
  }
  return (
    <Card title={title} actions={held.active ? <Badge tone="info">In use</Badge> : <Badge tone="neutral">Standby</Badge>}>
      <dl class="facts">
        <div><dt>State</dt><dd><KeyBadge value={held} /> <span class="muted">{keyState(held.state).meaning}</span></dd></div>
        <div><dt>Fingerprint</dt><dd class="mono">{held.fingerprint}</dd></div>
        <div><dt>Expiry</dt><dd><Expiry value={held} />{held.expiresAt && <span class="muted"> · {exact(held.expiresAt)}</span>}</dd></div>
        <div><dt>Checked</dt><dd>{ago(held.checkedAt)}</dd></div>
        <div><dt>Last used</dt><dd>{ago(held.usedAt)}</dd></div>
      </dl>
      {held.warning && <Notice tone="warn">{held.warning}</Notice>}
      <div class="card-actions">
        <Button icon="refresh" isBusy={busy === 'check'} onClick={() => work('check')}>Check now</Button>
        {!held.active && <Button icon="check" kind="primary" isBusy={busy === 'activate'} onClick={() => work('activate')}>Activate</Button>}
        <Button icon="key" onClick={put}>Replace</Button>
        {canRemove && <Button icon="trash" kind="danger" onClick={remove}>Remove</Button>}
      </div>
    </Card>
  );
}

export function KeysSection({ universe }: { universe: Universe }) {
  const [putting, setPutting] = useState<Slot | null>(null);
  const [removing, setRemoving] = useState<UniverseKey | null>(null);
  const [busy, setBusy] = useState<{ slot: Slot; work: Work } | null>(null);

  const work = async (slot: Slot, what: Work) => {
    setBusy({ slot, work: what });
    try {
      if (what === 'activate') {
        await api.activateKey(universe.id, slot);
        tell('success', `Slot ${slot + 1} is in use`);
      } else {
        const answer = await api.probe(universe.id);
        const state = answer.keys.find((key) => key.slot === slot)?.state ?? 'unknown';
        tell(state === 'valid' ? 'success' : 'error', `Slot ${slot + 1}: ${keyState(state).meaning}`);
      }
      await refresh();
    } catch (error) {
      tell('error', messageOf(error));
    } finally {
      setBusy(null);
    }
  };
  return (
    <>
      <div class="pair">
        {([0, 1] as const).map((slot) => {
          const held = universe.keys.find((key) => key.slot === slot);
          return (
            <SlotCard key={slot} slot={slot} held={held} canRemove={universe.keys.length > 1 && held?.active === false}
              busy={busy?.slot === slot ? busy.work : null}
              put={() => setPutting(slot)} remove={() => setRemoving(held ?? null)} work={(what) => void work(slot, what)} />
          );
        })}
      </div>
      <Rotation universe={universe} />
      {putting !== null && <PutKey universe={universe} slot={putting} onClose={() => setPutting(null)} />}
      {removing && (
        <Confirm title={`Remove the key in slot ${removing.slot + 1}?`} submit="Remove key" onClose={() => setRemoving(null)}
          work={async () => {
            await api.removeKey(universe.id, removing.slot);
            tell('success', `Slot ${removing.slot + 1} is empty`);
            await refresh();
          }}>
          <p>
            The key <span class="mono">{removing.fingerprint}</span> is not in use and is deleted from this
            server. It stays valid at Roblox until you delete it there.
          </p>
        </Confirm>
      )}
    </>
  );
}
