// SPDX-License-Identifier: MIT OR Apache-2.0
import { api } from '../api/client';
import type { GameServer, Universe } from '../api/types';
import { Badge, Card, Empty, Failure, Loading } from '../components/basics';
import { Table, type Column } from '../components/table';
import { count, duration, plural } from '../format';
import { useResource } from '../resource';

const kEveryMs = 5_000;
/** Servers report every 30 s and are forgotten after 90 s. */
const kLateMs = 45_000;

const kTransports: Record<GameServer['transport'], string> = {
  messaging: 'MessagingService only',
  poll: 'HTTP long polling',
  hybrid: 'MessagingService, long polling while there is traffic',
  stream: 'Event stream (Studio)',
};

const kColumns: readonly Column<GameServer>[] = [
  { name: 'Server', isHead: true, by: (s) => s.server, cell: (s) => <span class="mono">{s.server}</span> },
  { name: 'Place', isNumber: true, by: (s) => Number(s.place), cell: (s) => <span class="mono">{s.place}</span> },
  { name: 'Version', isNumber: true, by: (s) => s.version, cell: (s) => String(s.version) },
  { name: 'Players', isNumber: true, by: (s) => s.players, cell: (s) => count(s.players) },
  {
    name: 'Receives by', by: (s) => s.transport,
    cell: (s) => <Badge tone="neutral" title={kTransports[s.transport] ?? ''}>{s.transport}</Badge>,
  },
  { name: 'Can', cell: (s) => <span class="mono muted">{s.caps.join(' ')}</span> },
  {
    name: 'Last seen', isNumber: true, by: (s) => s.lastSeenMs,
    cell: (s) => <span class={s.lastSeenMs > kLateMs ? 'text-warn' : ''}>{duration(s.lastSeenMs)} ago</span>,
  },
];

export function ServersSection({ universe }: { universe: Universe }) {
  const { value, error, reload } = useResource(() => api.servers(universe.id), [universe.id], kEveryMs);
  return (
    <Card title="Game servers" flush actions={<span class="muted">{value ? plural(value.servers.length, 'live server') : ''}</span>}>
      {value === null
        ? (error === null ? <Loading lines={5} label="Loading the servers" /> : <Failure message={error} onRetry={reload} />)
        : value.servers.length === 0
          ? (
            <Empty title="No live game server">
              A server appears when the Luau module in your game says hello, and goes 90 seconds after
              it was last heard of.
            </Empty>
          )
          : <Table label="Game servers" columns={kColumns} rows={value.servers} keyOf={(s) => s.server}
              sortedBy={{ name: 'Players', isDown: true }} />}
    </Card>
  );
}
