// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sends one message, says before in words what will happen, and shows what the server answered.
import { useEffect, useRef, useState } from 'preact/hooks';

import { api } from '../api/client';
import type { GameServer, Outgoing, RawAnswer, Universe } from '../api/types';
import { Badge, Notice } from '../components/basics';
import { Dialog, DialogForm, useRequest } from '../components/dialog';
import { Choices, Field } from '../components/field';
import { count, milliseconds, plural } from '../format';
import { nameOf } from '../universe_name';

type Kind = 'text' | 'json' | 'none';
interface Draft { topic: string; kind: Kind; text: string; destination: Outgoing['destination']; serverId: string }

const kMaxTopicBytes = 128;

/** The message as it goes out, or why it cannot. */
function compose(draft: Draft): { message: Outgoing } | { topic: string } | { text: string } {
  const topicBytes = new TextEncoder().encode(draft.topic).length;
  if (topicBytes === 0) return { topic: 'A message needs a topic' };
  if (topicBytes > kMaxTopicBytes) return { topic: `A topic has at most ${kMaxTopicBytes} bytes; this has ${topicBytes}` };
  const message: Outgoing = { topic: draft.topic, destination: draft.destination };
  if (draft.destination === 'roblox' && draft.serverId.trim() !== '') message.serverId = draft.serverId.trim();
  if (draft.kind === 'text') message.message = draft.text;
  if (draft.kind === 'json') {
    try {
      message.message = JSON.parse(draft.text);
    } catch {
      return { text: 'This is not JSON' };
    }
  }
  return { message };
}

function Announcement({ draft, universe }: { draft: Draft; universe: Universe }) {
  const topic = draft.topic === '' ? 'the topic' : <>topic <q class="mono">{draft.topic}</q></>;
  const size = draft.kind === 'none' ? 'no content'
    : `${plural(new TextEncoder().encode(draft.text).length, 'byte')} of ${draft.kind === 'json' ? 'JSON' : 'text'}`;
  if (draft.destination === 'server') {
    return (
      <p>
        Passes {size} under {topic} to {plural(universe.webClients, 'connected web client')} of{' '}
        {nameOf(universe)}. Roblox is not asked and no quota is used.
      </p>
    );
  }
  const servers = draft.serverId.trim() === ''
    ? (universe.gameServers === 0 ? 'all live game servers (none is known at the moment)' : universe.gameServers === 1
      ? 'the one live game server' : `all ${count(universe.gameServers)} live game servers`)
    : 'one game server';
  return (
    <p>
      Publishes {size} under {topic} to {servers} of {nameOf(universe)}, where players may see its
      effect. Goes through Roblox Open Cloud and uses one publish of at most{' '}
      {count(universe.quota.limitPerMinute)} a minute, unless it travels with others.
    </p>
  );
}

function Answer({ answer }: { answer: RawAnswer }) {
  const isGood = answer.status >= 200 && answer.status < 300;
  const place = useRef<HTMLElement>(null);
  useEffect(() => place.current?.scrollIntoView({ block: 'nearest' }), [answer]);
  return (
    <section ref={place} class="answer" aria-label="Answer" role="status">
      <p class="answer-head">
        <Badge tone={isGood ? 'good' : 'bad'}>{answer.status}</Badge>
        <span>{isGood ? 'The server accepted it' : 'The server did not accept it'}</span>
        <span class="muted">{milliseconds(answer.ms)}</span>
      </p>
      <pre>{answer.body.slice(0, 4000) || '(no body)'}</pre>
    </section>
  );
}

export function TestSend({ universe, onClose }: { universe: Universe; onClose: () => void }) {
  const [draft, setDraft] = useState<Draft>(
    { topic: 'test', kind: 'text', text: 'Hello from the operator', destination: 'roblox', serverId: '' });
  const [wrong, setWrong] = useState<{ topic?: string; text?: string }>({});
  const [answer, setAnswer] = useState<RawAnswer | null>(null);
  const [servers, setServers] = useState<GameServer[]>([]);
  const { isBusy, error, run } = useRequest();
  const change = (part: Partial<Draft>) => setDraft({ ...draft, ...part });

  // Suggestions only: without them an id can still be typed.
  useEffect(() => {
    let isOpen = true;
    api.servers(universe.id).then((list) => { if (isOpen) setServers(list.servers); }, () => {});
    return () => { isOpen = false; };
  }, [universe.id]);

  const submit = () => {
    const composed = compose(draft);
    if (!('message' in composed)) return setWrong(composed);
    setWrong({});
    setAnswer(null);
    void run(async () => setAnswer(await api.send(universe.id, composed.message)));
  };
  return (
    <Dialog title="Send a test message" onClose={onClose}>
      <DialogForm submit="Send message" cancel="Close" isBusy={isBusy} error={error} onSubmit={submit} onCancel={onClose}>
        <Choices legend="To" name="destination" type="radio" chosen={[draft.destination]}
          choices={[{ value: 'roblox', label: 'Game servers' }, { value: 'server', label: 'Web clients' }]}
          onChange={(destination) => change({ destination })} />
        <div class="row">
          <Field label="Topic" error={wrong.topic ?? null}>
            <input class="mono" autocomplete="off" autofocus value={draft.topic}
              onInput={(event) => change({ topic: event.currentTarget.value })} />
          </Field>
          <Field label="Content">
            <select value={draft.kind} onChange={(event) => change({ kind: event.currentTarget.value as Kind })}>
              <option value="text">Text</option>
              <option value="json">JSON</option>
              <option value="none">None</option>
            </select>
          </Field>
        </div>
        {draft.kind !== 'none' && (
          <Field label="Message" error={wrong.text ?? null}>
            <textarea class="mono" rows={3} spellcheck={false} value={draft.text}
              onInput={(event) => change({ text: event.currentTarget.value })} />
          </Field>
        )}
        {draft.destination === 'roblox' && (
          <Field label="Only to this server (optional)" hint="A JobId. Empty: every game server of the universe.">
            <input class="mono" autocomplete="off" list="test-send-servers" value={draft.serverId}
              onInput={(event) => change({ serverId: event.currentTarget.value })} />
          </Field>
        )}
        <datalist id="test-send-servers">
          {servers.slice(0, 200).map(({ server, players }) => (
            <option key={server} value={server}>{plural(players, 'player')}</option>
          ))}
        </datalist>
        <div aria-live="polite">
          <Notice tone="info"><Announcement draft={draft} universe={universe} /></Notice>
        </div>
        {answer && <Answer answer={answer} />}
      </DialogForm>
    </Dialog>
  );
}
