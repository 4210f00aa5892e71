// SPDX-License-Identifier: MIT OR Apache-2.0
import { useState } from 'preact/hooks';

import { api } from '../api/client';
import { Dialog, DialogForm, useRequest } from '../components/dialog';
import { Field } from '../components/field';
import { refreshUniverses } from '../live';
import { tell } from '../toasts';

export function AddUniverse({ onClose }: { onClose: () => void }) {
  const [id, setId] = useState('');
  const [key, setKey] = useState('');
  const [name, setName] = useState('');
  const [wrong, setWrong] = useState<{ id?: string; key?: string }>({});
  const { isBusy, error, run } = useRequest();

  const submit = () => {
    const universeId = id.trim();
    const openCloudApiKey = key.trim();
    const found: typeof wrong = {};
    if (!/^[1-9][0-9]{0,18}$/.test(universeId)) found.id = 'A universe id is a number, such as 2745313133';
    if (openCloudApiKey === '') found.key = 'Without a key nothing can be published';
    setWrong(found);
    if (found.id !== undefined || found.key !== undefined) return;
    void run(async () => {
      await api.addUniverse({ universeId, openCloudApiKey, name: name.trim() });
      await refreshUniverses();
      tell('success', `Universe ${universeId} is added`);
      onClose();
    });
  };
  return (
    <Dialog title="Add a universe" onClose={onClose}>
      <DialogForm submit="Add universe" isBusy={isBusy} error={error} onSubmit={submit} onCancel={onClose}>
        <Field label="Universe id" error={wrong.id ?? null}
          hint="In the Creator Dashboard: the experience's menu, “Copy universe ID”. It is not the place id.">
          <input class="mono" inputMode="numeric" autocomplete="off" autofocus value={id}
            onInput={(event) => setId(event.currentTarget.value)} />
        </Field>
        <Field label="Open Cloud API key" error={wrong.key ?? null}
          hint="Needs the scope universe-messaging-service:publish for this universe. It is stored encrypted and never shown again.">
          <input type="password" autocomplete="off" value={key}
            onInput={(event) => setKey(event.currentTarget.value)} />
        </Field>
        <Field label="Name (optional)" hint="For this page only.">
          <input autocomplete="off" maxLength={64} value={name}
            onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <p class="hint">Roblox is asked whether the key is right. Nothing is sent to your game.</p>
      </DialogForm>
    </Dialog>
  );
}
