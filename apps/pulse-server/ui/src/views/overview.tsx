// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The engine at a glance, and whatever wants attention.
import { Badge, Card, Empty, Failure, Figure, Figures, Loading } from '../components/basics';
import { Chart, type Line } from '../components/chart';
import { concernsOf } from '../components/key_state';
import { bytes, count, duration, milliseconds, rate } from '../format';
import { live, refreshUniverses } from '../live';
import { href } from '../router';
import { useStore } from '../store';
import { nameOf } from '../universe_name';

const kDeliveries: readonly Line[] = [{ label: 'Deliveries/s', color: 'series-a', format: rate }];
const kConnections: readonly Line[] = [{ label: 'Connections', color: 'series-b', format: count }];
const kMaxConcerns = 8;

function EngineFigures() {
  const overview = useStore(live, (value) => value.overview);
  const o = overview;
  const or = (format: (n: number) => string, n: number | undefined) => (n === undefined ? '–' : format(n));
  return (
    <Figures label="The engine now">
      <Figure label="Connections" value={or(count, o?.connections)} sub={o ? `on ${o.loops} event loops` : ''} />
      <Figure label="Channels" value={or(count, o?.channels)} sub={o ? `${count(o.subscriptions)} subscriptions` : ''} />
      <Figure label="Deliveries/s" value={or(rate, o?.deliveriesPerSecond)} sub={o ? `from ${rate(o.publishesPerSecond)} publishes/s` : ''} />
      <Figure label="Channel latency p99" value={or(milliseconds, o?.p99Ms || undefined)} sub="publish to socket" />
      <Figure label="Drops" value={or(count, o?.drops)} sub="since the start" tone={o && o.drops > 0 ? 'warn' : undefined} />
      <Figure label="Memory" value={or(bytes, o?.memoryBytes)} sub={o ? `${bytes(o.queuedBytes)} queued` : ''} />
      <Figure label="Uptime" value={or(duration, o?.uptimeMs)} sub={o ? `version ${o.version}` : ''} />
    </Figures>
  );
}

function Concerns() {
  const universes = useStore(live, (value) => value.universes);
  const error = useStore(live, (value) => value.universesError);
  if (universes === null) {
    return error === null ? <Loading lines={2} label="Loading the universes" />
      : <Failure message={error} onRetry={() => void refreshUniverses()} />;
  }
  if (universes.length === 0) {
    return (
      <Empty title="No universe yet" action={<a class="button primary" href={href.universes}>Go to universes</a>}>
        Add a Roblox universe to bridge its game servers and your web clients.
      </Empty>
    );
  }
  const concerns = universes.flatMap(concernsOf)
    .sort((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'));
  if (concerns.length === 0) {
    return <p class="all-well"><Badge tone="good">All well</Badge> Every key is accepted and no universe is held back.</p>;
  }
  return (
    <ul class="concerns">
      {concerns.slice(0, kMaxConcerns).map(({ universe, tone, text }) => (
        <li key={universe.id + text}>
          <Badge tone={tone}>{tone === 'bad' ? 'Problem' : 'Warning'}</Badge>
          <a href={href.universe(universe.id)}>{nameOf(universe)}</a>
          <span>{text}</span>
        </li>
      ))}
      {concerns.length > kMaxConcerns && (
        <li class="muted">and {concerns.length - kMaxConcerns} more in <a href={href.universes}>the list</a></li>
      )}
    </ul>
  );
}

/** All universes together. */
function BridgeFigures() {
  const universes = useStore(live, (value) => value.universes) ?? [];
  const sum = (of: (universe: (typeof universes)[number]) => number) =>
    universes.reduce((total, universe) => total + of(universe), 0);
  if (universes.length === 0) return null;
  return (
    <Figures label="The Roblox bridge now">
      <Figure label="Universes" value={count(universes.length)} />
      <Figure label="Web clients" value={count(sum((u) => u.webClients))} />
      <Figure label="Game servers" value={count(sum((u) => u.gameServers))} sub={`${count(sum((u) => u.players))} players`} />
      <Figure label="From games" value={rate(sum((u) => u.in['10s']))} sub="messages/s" />
      <Figure label="To games" value={rate(sum((u) => u.out['10s']))} sub="messages/s" />
      <Figure label="Waiting" value={count(sum((u) => u.queue.messages))} sub={bytes(sum((u) => u.queue.bytes))} />
      <Figure label="429s" value={count(sum((u) => u.throttled))} sub={`${count(sum((u) => u.errors))} errors`} />
    </Figures>
  );
}

export function OverviewView() {
  const history = useStore(live, (value) => value.overviewHistory);
  const hasRooms = useStore(live, (value) => value.overview?.rooms === true);
  const [times, deliveries, connections] = history;
  return (
    <>
      <header class="page-head">
        <h1 tabIndex={-1}>Overview</h1>
        {hasRooms && <a class="quiet-link" href="rooms">Rooms</a>}
      </header>
      <EngineFigures />
      <div class="pair">
        <Card title="Deliveries">
          <Chart title="Deliveries per second" lines={kDeliveries} columns={[times, deliveries ?? []]} />
        </Card>
        <Card title="Connections">
          <Chart title="Connections" lines={kConnections} columns={[times, connections ?? []]} />
        </Card>
      </div>
      <Card title="Roblox bridge" actions={<a class="quiet-link" href={href.universes}>All universes</a>}>
        <BridgeFigures />
        <Concerns />
      </Card>
    </>
  );
}
