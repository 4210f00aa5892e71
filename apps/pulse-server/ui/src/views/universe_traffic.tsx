// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What passes through: rates over five minutes, by topic, and how Roblox answered.
import type { Stats, Topic } from '../api/types';
import { Card, Empty } from '../components/basics';
import { Chart, type Line } from '../components/chart';
import { Table, type Column } from '../components/table';
import { count, rate } from '../format';
import { live } from '../live';
import { useStore } from '../store';

const kLines: readonly Line[] = [
  { label: 'From games/s', color: 'series-a', format: rate },
  { label: 'To games/s', color: 'series-b', format: rate },
];

const kTopicColumns: readonly Column<Topic>[] = [
  { name: 'Topic', isHead: true, by: (t) => t.topic, cell: (t) => <span class="mono topic">{t.topic === '' ? '(empty)' : t.topic}</span> },
  { name: 'In/s', isNumber: true, by: (t) => t.in, cell: (t) => rate(t.in) },
  { name: 'Out/s', isNumber: true, by: (t) => t.out, cell: (t) => rate(t.out) },
  { name: 'Messages', isNumber: true, by: (t) => t.messages, cell: (t) => count(t.messages) },
];

const kStatusMeanings: Record<string, string> = {
  200: 'accepted', 400: 'malformed', 401: 'key refused', 403: 'not allowed', 429: 'too many', 500: 'Roblox failed',
  502: 'Roblox failed', 503: 'Roblox unavailable', 504: 'timed out', 0: 'no answer',
};

function Counts({ entries, empty }: { entries: [name: string, meaning: string, value: string][]; empty: string }) {
  if (entries.length === 0) return <p class="muted pad">{empty}</p>;
  return (
    <dl class="counts">
      {entries.map(([name, meaning, value]) => (
        <div key={name}>
          <dt><span class="mono">{name}</span> {meaning && <span class="muted">{meaning}</span>}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function TrafficSection({ stats }: { stats: Stats }) {
  const history = useStore(live, (value) => value.statsHistory);
  const statuses = Object.entries(stats.statuses).filter(([, n]) => n > 0);
  const drops = Object.entries(stats.drops).filter(([, n]) => n > 0);
  return (
    <>
      <Card title="Throughput">
        <Chart title="Messages per second" lines={kLines} columns={history} />
      </Card>
      <div class="wide-and-narrow">
        <Card title="Topics" flush>
          {stats.topics.length === 0
            ? <Empty title="No messages in the last minute">Topics appear here as soon as something is sent.</Empty>
            : <Table label="Topics" columns={kTopicColumns} rows={stats.topics} keyOf={(t) => t.topic}
                sortedBy={{ name: 'In/s', isDown: true }} />}
        </Card>
        <div class="stack">
          <Card title="Frames to Roblox">
            <Counts empty="" entries={[
              ['Frames', 'per minute', rate(stats.framesPerMinute)],
              ['Messages', 'per frame', rate(stats.messagesPerFrame)],
              ['Coalesced', 'before sending', count(stats.coalesced)],
              ['Retries', '', count(stats.retries)],
            ]} />
          </Card>
          <Card title="Answers of Roblox">
            <Counts empty="Nothing was published yet."
              entries={statuses.map(([status, n]) => [status, kStatusMeanings[status] ?? '', count(n)])} />
          </Card>
          <Card title="Drops">
            <Counts empty="Nothing was dropped." entries={drops.map(([reason, n]) => [reason.replaceAll('_', ' '), '', count(n)])} />
          </Card>
        </div>
      </div>
    </>
  );
}
