// SPDX-License-Identifier: MIT OR Apache-2.0
import { useState } from 'preact/hooks';

import { api } from '../api/client';
import type { Slot, Universe } from '../api/types';
import { Dialog, DialogForm, useRequest } from '../components/dialog';
import { Field } from '../components/field';
import { refreshStats, refreshUniverses } from '../live';
import { tell } from '../toasts';

export function PutKey({ universe, slot, onClose }: { universe: Universe; slot: Slot; onClose: () => void }) {
  const [key, setKey] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const { isBusy, error, run } = useRequest();
  const inSlot = universe.keys.find((held) => held.slot === slot);

  const submit = () => {
    const openCloudApiKey = key.trim();
    setWrong(openCloudApiKey === '' ? 'Paste the new key here' : null);
    if (openCloudApiKey === '') return;
    void run(async () => {
      await api.putKey(universe.id, openCloudApiKey, slot);
      await Promise.all([refreshUniverses(), refreshStats()]);
      tell('success', inSlot?.active ? `The key in slot ${slot + 1} is replaced` : `The new key is in slot ${slot + 1}. Check it, then activate it`);
      onClose();
    });
  };
  return (
    <Dialog title={`Put a key in slot ${slot + 1}`} onClose={onClose}>
      <DialogForm submit="Store key" isBusy={isBusy} error={error} onSubmit={submit} onCancel={onClose}>
        <Field label="New Open Cloud API key" error={wrong}
          hint="Stored encrypted and never shown again. You recognise it by its fingerprint.">
          <input type="password" autocomplete="off" autofocus value={key}
            onInput={(event) => setKey(event.currentTarget.value)} />
        </Field>
        <p class="hint">
          {inSlot === undefined
            ? 'The slot is empty. The active key stays in use until you activate this one.'
            : inSlot.active
              ? 'This slot is in use: the new key publishes from the next message on, unchecked. The other slot is the safer place.'
              : `The key ${inSlot.fingerprint} in this slot, which is not in use, is replaced.`}
        </p>
      </DialogForm>
    </Dialog>
  );
}
