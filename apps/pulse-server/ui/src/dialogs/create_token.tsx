// SPDX-License-Identifier: MIT OR Apache-2.0
import { useState } from 'preact/hooks';

import { api } from '../api/client';
import type { Right, Universe } from '../api/types';
import { Button, Notice } from '../components/basics';
import { CopyField } from '../components/copy';
import { Dialog, DialogForm, useRequest } from '../components/dialog';
import { Choices, Field, type Choice } from '../components/field';

export const kRights: readonly Choice<Right>[] = [
  { value: 'game.send', label: 'game.send', hint: 'A game server may send messages to web clients' },
  { value: 'game.poll', label: 'game.poll', hint: 'A game server may fetch the messages that are for it' },
  { value: 'web.read', label: 'web.read', hint: 'A web client may receive what game servers send' },
  { value: 'web.send', label: 'web.send', hint: 'A web client may send to game servers, at the cost of the quota' },
  { value: 'admin', label: 'admin', hint: 'Everything on this page, for this universe' },
];

const kDay = 86_400;
const kLifetimes = [
  { seconds: 30 * kDay, label: '30 days' },
  { seconds: 90 * kDay, label: '90 days' },
  { seconds: 365 * kDay, label: '1 year' },
  { seconds: 7 * kDay, label: '7 days' },
  { seconds: kDay, label: '1 day' },
  { seconds: 0, label: 'does not expire' },
] as const;

/** Whatever is inside a game must be taken as public. */
function adviceOn(rights: readonly Right[]): string | null {
  const isForGame = rights.some((right) => right.startsWith('game.'));
  const isMore = rights.some((right) => !right.startsWith('game.'));
  if (isForGame && isMore) {
    return 'A token inside a game may leak. Make one with only the rights game.send and game.poll for it, and another for the rest.';
  }
  return rights.includes('admin') ? 'Who holds this token can change keys and tokens of this universe.' : null;
}

export function CreateToken({ universe, onClose, onCreated }:
    { universe: Universe; onClose: () => void; onCreated: () => void }) {
  const [label, setLabel] = useState('');
  const [rights, setRights] = useState<Right[]>(['game.send', 'game.poll']);
  const [lifetime, setLifetime] = useState<number>(kLifetimes[0].seconds);
  const [wrong, setWrong] = useState<{ label?: string; rights?: string }>({});
  const [secret, setSecret] = useState<string | null>(null);
  const { isBusy, error, run } = useRequest();

  const submit = () => {
    const found: typeof wrong = {};
    if (label.trim() === '') found.label = 'Say where it is used, so that you can revoke the right one';
    if (rights.length === 0) found.rights = 'Choose at least one right';
    setWrong(found);
    if (found.label !== undefined || found.rights !== undefined) return;
    void run(async () => {
      const { token } = await api.createToken(universe.id,
        { label: label.trim(), rights, expiresIn: lifetime === 0 ? null : lifetime });
      setSecret(token);
      onCreated();
    });
  };
  if (secret !== null) {
    return (
      <Dialog title="Copy the token now" onClose={onClose}>
        <div class="dialog-body">
          <p>This is the only time it is shown. The server keeps a hash of it.</p>
          <CopyField label="New token" text={secret} />
        </div>
        <footer class="dialog-foot"><Button kind="primary" onClick={onClose}>Done</Button></footer>
      </Dialog>
    );
  }
  const advice = adviceOn(rights);
  return (
    <Dialog title="Create a token" onClose={onClose}>
      <DialogForm submit="Create token" isBusy={isBusy} error={error} onSubmit={submit} onCancel={onClose}>
        <Field label="Label" error={wrong.label ?? null}>
          <input autocomplete="off" autofocus maxLength={64} placeholder="Game servers, production" value={label}
            onInput={(event) => setLabel(event.currentTarget.value)} />
        </Field>
        <Choices legend="Rights" name="rights" type="checkbox" choices={kRights} chosen={rights} error={wrong.rights ?? null}
          onChange={(right, isOn) => setRights(
            kRights.map(({ value }) => value).filter((value) => (value === right ? isOn : rights.includes(value))))} />
        {advice && <Notice tone="warn">{advice}</Notice>}
        <Field label="Lifetime">
          <select value={String(lifetime)} onChange={(event) => setLifetime(Number(event.currentTarget.value))}>
            {kLifetimes.map(({ seconds, label: text }) => <option key={seconds} value={String(seconds)}>{text}</option>)}
          </select>
        </Field>
      </DialogForm>
    </Dialog>
  );
}
