// SPDX-License-Identifier: MIT OR Apache-2.0
import { api } from '../api/client';
import type { Universe } from '../api/types';
import { Confirm } from '../components/dialog';
import { plural } from '../format';
import { refreshUniverses } from '../live';
import { tell } from '../toasts';
import { nameOf } from '../universe_name';

export function RemoveUniverse({ universe, onClose, onDone }:
    { universe: Universe; onClose: () => void; onDone?: () => void }) {
  const remove = async () => {
    await api.removeUniverse(universe.id);
    await refreshUniverses();
    tell('success', `${nameOf(universe)} is removed`);
    onDone?.();
  };
  return (
    <Confirm title={`Remove ${nameOf(universe)}?`} submit="Remove universe" work={remove} onClose={onClose}>
      <p>
        Its Open Cloud keys are deleted and nothing is passed on to or from its game servers any more.
        Connected now: {plural(universe.webClients, 'web client')},{' '}
        {plural(universe.gameServers, 'game server')}.
      </p>
      {universe.queue.messages > 0 && (
        <p><b>{plural(universe.queue.messages, 'waiting message')}</b> will be lost.</p>
      )}
      <p>To have it back you need an API key from the Creator Dashboard.</p>
    </Confirm>
  );
}
