// SPDX-License-Identifier: MIT OR Apache-2.0
import { useState } from 'preact/hooks';

import { api } from '../api/client';
import type { Mode, Universe, UniverseSettings } from '../api/types';
import { Button, Card, Notice } from '../components/basics';
import { useRequest } from '../components/dialog';
import { Choices, Field, type Choice } from '../components/field';
import { exact } from '../format';
import { refreshStats, refreshUniverses } from '../live';
import { tell } from '../toasts';

const kModes: readonly Choice<Mode>[] = [
  { value: 'auto', label: 'Automatic', hint: 'Packed frames to servers that know them, plain ones to the others' },
  { value: 'v1', label: 'Packed frames', hint: 'Many messages in one publish; every game server needs the current module' },
  { value: 'v0', label: 'Plain envelopes', hint: 'One message in one publish, as the original bridge did' },
  { value: 'both', label: 'Both', hint: 'Each message in both forms, at twice the cost; for a change-over' },
];

const kSilent: readonly Choice<'silent'>[] = [{
  value: 'silent', label: 'Some have no HTTP',
  hint: 'They listen to MessagingService and cannot say that they are there: messages are published even when all known servers fetch theirs',
}];

interface Draft { name: string; mode: Mode; prefix: string; shards: string; silentServers: boolean; origins: string }

function draftOf(universe: Universe): Draft {
  return {
    name: universe.name, mode: universe.mode, prefix: universe.prefix, shards: String(universe.shards),
    silentServers: universe.silentServers,
    origins: (universe.origins ?? []).join('\n'),
  };
}

function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
}

function isOrigin(text: string): boolean {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) && url.origin === text;
  } catch {
    return false;
  }
}

function problemsOf(draft: Draft): Partial<Record<keyof Draft, string>> {
  const problems: Partial<Record<keyof Draft, string>> = {};
  const shards = Number(draft.shards);
  if (!Number.isInteger(shards) || shards < 1 || shards > 8) problems.shards = 'A number from 1 to 8';
  // As Roblox takes topic names, with room left for what is put behind it.
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(draft.prefix)) problems.prefix = 'Letters, digits, “_” and “-”, at most 32';
  const bad = linesOf(draft.origins).find((line) => !isOrigin(line));
  if (bad !== undefined) problems.origins = `“${bad}” is no origin; one looks like https://example.org`;
  return problems;
}

/** Only what was changed: somebody else may be changing the rest. */
function changes(draft: Draft, before: Draft): UniverseSettings {
  return {
    ...(draft.name !== before.name && { name: draft.name.trim() }),
    ...(draft.mode !== before.mode && { mode: draft.mode }),
    ...(draft.prefix !== before.prefix && { prefix: draft.prefix }),
    ...(draft.shards !== before.shards && { shards: Number(draft.shards) }),
    ...(draft.silentServers !== before.silentServers && { silentServers: draft.silentServers }),
    ...(draft.origins !== before.origins && { origins: linesOf(draft.origins) }),
  };
}

export function SettingsSection({ universe }: { universe: Universe }) {
  const [before, setBefore] = useState(() => draftOf(universe));
  const [draft, setDraft] = useState(before);
  const [problems, setProblems] = useState<ReturnType<typeof problemsOf>>({});
  const { isBusy, error, run } = useRequest();
  const change = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const changed = changes(draft, before);
  const isChanged = Object.keys(changed).length > 0;

  const save = () => {
    const found = problemsOf(draft);
    setProblems(found);
    if (Object.keys(found).length > 0 || !isChanged) return;
    void run(async () => {
      const saved = draftOf({ ...universe, ...changed, ...await api.changeSettings(universe.id, changed) });
      setBefore(saved);
      setDraft(saved);
      tell('success', 'The settings are saved');
      await Promise.all([refreshStats(), refreshUniverses()]);
    });
  };
  return (
    <Card title="Settings">
      <form class="settings" noValidate onSubmit={(event) => { event.preventDefault(); save(); }}>
        <Field label="Name" hint={`For this page only. Added ${exact(universe.createdAt)}.`}>
          <input maxLength={64} autocomplete="off" value={draft.name} onInput={(event) => change({ name: event.currentTarget.value })} />
        </Field>
        <Choices legend="Form of messages to game servers" name="mode" type="radio" choices={kModes} chosen={[draft.mode]}
          onChange={(mode) => change({ mode })} />
        <Field label="Topic prefix" error={problems.prefix ?? null}
          hint="Of the real MessagingService topics. Give each deployment its own where several share a game.">
          <input class="mono short" autocomplete="off" value={draft.prefix} onInput={(event) => change({ prefix: event.currentTarget.value })} />
        </Field>
        <Field label="Shards" error={problems.shards ?? null}
          hint="Real topics that broadcasts are spread over, 1 to 8. Three use the whole quota of a game.">
          <input class="short" type="number" min={1} max={8} value={draft.shards} onInput={(event) => change({ shards: event.currentTarget.value })} />
        </Field>
        <Choices legend="Game servers" name="silentServers" type="checkbox" choices={kSilent}
          chosen={draft.silentServers ? ['silent'] : []} onChange={(_, isOn) => change({ silentServers: isOn })} />
        <Field label="Allowed origins" error={problems.origins ?? null}
          hint={universe.origins === undefined
            ? 'One per line. The present list is not shown; what you enter here replaces it.'
            : 'Web pages that may use this universe from a browser, one per line. Empty: only pages of this server.'}>
          <textarea class="mono" rows={3} spellcheck={false} placeholder="https://example.org" value={draft.origins}
            onInput={(event) => change({ origins: event.currentTarget.value })} />
        </Field>
        {error && <Notice tone="bad">{error}</Notice>}
        <div class="card-actions">
          <Button type="submit" kind="primary" isBusy={isBusy} disabled={!isChanged}>Save settings</Button>
          <Button disabled={!isChanged || isBusy} onClick={() => { setDraft(before); setProblems({}); }}>Undo changes</Button>
        </div>
      </form>
    </Card>
  );
}
