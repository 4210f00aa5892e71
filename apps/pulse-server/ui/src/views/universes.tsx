// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The registry: one row per universe, live.
import { useState } from 'preact/hooks';

import type { Universe } from '../api/types';
import { Button, Card, Empty, Failure, IconButton, Loading, Notice, Quota } from '../components/basics';
import { activeKey, concernsOf, Expiry, KeyBadge } from '../components/key_state';
import { Icon } from '../components/icons';
import { Table, type Column } from '../components/table';
import { AddUniverse } from '../dialogs/add_universe';
import { RemoveUniverse } from '../dialogs/remove_universe';
import { TestSend } from '../dialogs/test_send';
import { bytes, count, duration, plural, rate } from '../format';
import { live, refreshUniverses } from '../live';
import { go, href } from '../router';
import { useStore } from '../store';
import { nameOf } from '../universe_name';

type Open = { dialog: 'add' } | { dialog: 'send' | 'remove'; universe: Universe };

/** From so many on it is quicker to type than to look. */
const kFilterFrom = 6;

const kColumns: readonly Column<Universe>[] = [
  {
    name: 'Universe', isHead: true, by: nameOf,
    cell: (u) => (
      <span class="two-lines">
        <a href={href.universe(u.id)}>{nameOf(u)}</a>
        <span class="mono muted">{u.id}</span>
      </span>
    ),
  },
  {
    name: 'Key', isWide: true, by: (u) => concernsOf(u).length,
    cell: (u) => {
      const key = activeKey(u);
      return key === undefined ? <span class="text-bad">none active</span> : (
        <span class="two-lines">
          <span class="key-line"><KeyBadge value={key} /><span class="mono muted" title="Fingerprint">{key.fingerprint}</span></span>
          <Expiry value={key} />
        </span>
      );
    },
  },
  { name: 'Web clients', isNumber: true, by: (u) => u.webClients, cell: (u) => count(u.webClients) },
  {
    name: 'Game servers', isNumber: true, by: (u) => u.gameServers,
    cell: (u) => (
      <span class="two-lines"><span>{count(u.gameServers)}</span><span class="muted">{plural(u.players, 'player')}</span></span>
    ),
  },
  { name: 'In/s', isNumber: true, by: (u) => u.in['10s'], cell: (u) => rate(u.in['10s']) },
  { name: 'Out/s', isNumber: true, by: (u) => u.out['10s'], cell: (u) => rate(u.out['10s']) },
  {
    name: 'Queue', isNumber: true, by: (u) => u.queue.messages,
    cell: (u) => (
      <span class="two-lines" title={bytes(u.queue.bytes)}>
        <span>{count(u.queue.messages)}</span>
        <span class="muted">{u.queue.messages === 0 ? 'empty' : `since ${duration(u.queue.oldestMs)}`}</span>
      </span>
    ),
  },
  {
    name: 'Quota', by: (u) => u.quota.used, isNumber: true,
    cell: (u) => <Quota used={u.quota.used} label={`Quota of ${nameOf(u)} in use`} />,
  },
  {
    name: '429s', isNumber: true, by: (u) => u.throttled,
    cell: (u) => <span class={u.throttled > 0 ? 'text-warn' : 'muted'}>{count(u.throttled)}</span>,
  },
  {
    name: 'Errors', isNumber: true, by: (u) => u.errors,
    cell: (u) => <span class={u.errors > 0 ? 'text-bad' : 'muted'}>{count(u.errors)}</span>,
  },
];

function actions(open: (what: Open) => void): Column<Universe> {
  return {
    name: 'Actions', isHidden: true,
    cell: (u) => (
      <span class="row-actions">
        <IconButton icon="send" label={`Send a test message to ${nameOf(u)}`} onClick={() => open({ dialog: 'send', universe: u })} />
        <IconButton icon="key" label={`Rotate the key of ${nameOf(u)}`} onClick={() => go(href.universe(u.id, 'keys'))} />
        <IconButton icon="trash" kind="danger" label={`Remove ${nameOf(u)}`} onClick={() => open({ dialog: 'remove', universe: u })} />
      </span>
    ),
  };
}

function Registry({ universes, open }: { universes: Universe[]; open: (what: Open) => void }) {
  const [wanted, setWanted] = useState('');
  const word = wanted.trim().toLowerCase();
  const rows = word === '' ? universes
    : universes.filter((u) => u.id.includes(word) || u.name.toLowerCase().includes(word));
  return (
    <>
      {universes.length >= kFilterFrom && (
        <label class="filter">
          <Icon name="search" />
          <input type="search" aria-label="Filter by name or id" placeholder="Filter by name or id" value={wanted}
            onInput={(event) => setWanted(event.currentTarget.value)} />
          <span class="muted" role="status">{word === '' ? '' : `${rows.length} of ${universes.length}`}</span>
        </label>
      )}
      {rows.length === 0
        ? <Empty title="No universe matches">Nothing has “{wanted.trim()}” in its name or id.</Empty>
        : <Table label="Universes" columns={[...kColumns, actions(open)]} rows={rows} keyOf={(u) => u.id}
            sortedBy={{ name: 'Universe', isDown: false }} />}
    </>
  );
}

export function UniversesView() {
  const universes = useStore(live, (value) => value.universes);
  const error = useStore(live, (value) => value.universesError);
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  const current = open !== null && 'universe' in open
    ? universes?.find(({ id }) => id === open.universe.id) ?? open.universe : null;
  return (
    <>
      <header class="page-head">
        <h1 tabIndex={-1}>Universes</h1>
        <Button icon="plus" kind="primary" onClick={() => setOpen({ dialog: 'add' })}>Add universe</Button>
      </header>
      {universes !== null && error !== null && <Notice tone="warn">{error} What you see is older.</Notice>}
      <Card title="Registry" flush>
        {universes === null
          ? (error === null ? <Loading lines={6} label="Loading the universes" />
            : <Failure message={error} onRetry={() => void refreshUniverses()} />)
          : universes.length === 0
            ? (
              <Empty title="No universe yet"
                action={<Button icon="plus" onClick={() => setOpen({ dialog: 'add' })}>Add the first one</Button>}>
                You need a universe id and an Open Cloud API key with the scope
                universe-messaging-service:publish.
              </Empty>
            )
            : <Registry universes={universes} open={setOpen} />}
      </Card>
      {open?.dialog === 'add' && <AddUniverse onClose={close} />}
      {open?.dialog === 'send' && current && <TestSend universe={current} onClose={close} />}
      {open?.dialog === 'remove' && current && <RemoveUniverse universe={current} onClose={close} />}
    </>
  );
}
