// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One universe: its head, and the section that the address names.
import { useEffect, useState } from 'preact/hooks';

import type { Stats } from '../api/types';
import { Badge, Button, Card, Empty, Failure, Figure, Figures, Loading, Notice } from '../components/basics';
import { Icon } from '../components/icons';
import { activeKey, concernsOf, KeyBadge } from '../components/key_state';
import { RemoveUniverse } from '../dialogs/remove_universe';
import { TestSend } from '../dialogs/test_send';
import { bytes, count, duration, percent, rate } from '../format';
import { live, refreshStats, watch } from '../live';
import { go, href, kSections, type Section } from '../router';
import { useStore } from '../store';
import { nameOf } from '../universe_name';
import { KeysSection } from './universe_keys';
import { ServersSection } from './universe_servers';
import { SettingsSection } from './universe_settings';
import { TokensSection } from './universe_tokens';
import { TrafficSection } from './universe_traffic';

const kTitles: Record<Section, string> = {
  traffic: 'Traffic', servers: 'Servers', tokens: 'Tokens', keys: 'Keys', settings: 'Settings',
};

function Content({ section, stats }: { section: Section; stats: Stats }) {
  switch (section) {
    case 'traffic': return <TrafficSection stats={stats} />;
    case 'servers': return <ServersSection universe={stats} />;
    case 'tokens': return <TokensSection universe={stats} />;
    case 'keys': return <KeysSection universe={stats} />;
    case 'settings': return <SettingsSection universe={stats} />;
  }
}

function Now({ stats: s }: { stats: Stats }) {
  return (
    <Figures label="This universe now">
      <Figure label="From games" value={rate(s.in['10s'])} sub="messages/s" />
      <Figure label="To games" value={rate(s.out['10s'])} sub="messages/s" />
      <Figure label="Web clients" value={count(s.webClients)} />
      <Figure label="Game servers" value={count(s.gameServers)} sub={`${count(s.players)} players`} />
      <Figure label="Queue" value={count(s.queue.messages)}
        sub={s.queue.messages === 0 ? 'empty' : `${bytes(s.queue.bytes)}, ${duration(s.queue.oldestMs)} old`} />
      <Figure label="Quota" value={percent(s.quota.used)} sub={`of ${count(s.quota.limitPerMinute)}/min`}
        tone={s.quota.used >= 0.9 ? 'bad' : s.quota.used >= 0.7 ? 'warn' : undefined} />
      <Figure label="429s" value={count(s.throttled)} sub={s.quota.factor < 1 ? `slowed to ${percent(s.quota.factor)}` : 'full speed'}
        tone={s.throttled > 0 ? 'warn' : undefined} />
      <Figure label="Errors" value={count(s.errors)} sub={`${count(s.retries)} retries`} tone={s.errors > 0 ? 'bad' : undefined} />
    </Figures>
  );
}

function Body({ section, stats }: { section: Section; stats: Stats }) {
  const [dialog, setDialog] = useState<'send' | 'remove' | null>(null);
  const key = activeKey(stats);
  const close = () => setDialog(null);
  return (
    <>
      <header class="page-head">
        <div class="page-title">
          <h1 tabIndex={-1}>{nameOf(stats)}</h1>
          <span class="mono muted">{stats.id}</span>
          {key ? <KeyBadge value={key} /> : <Badge tone="bad">No active key</Badge>}
        </div>
        <div class="page-actions">
          <Button icon="send" onClick={() => setDialog('send')}>Send test message</Button>
          <Button icon="trash" kind="danger" onClick={() => setDialog('remove')}>Remove</Button>
        </div>
      </header>
      {concernsOf(stats).map(({ tone, text }) => <Notice key={text} tone={tone}>{text}</Notice>)}
      <Now stats={stats} />
      <nav class="sections" aria-label="Sections of this universe">
        {kSections.map((name) => (
          <a key={name} href={href.universe(stats.id, name)} aria-current={name === section ? 'page' : undefined}>
            {kTitles[name]}
          </a>
        ))}
      </nav>
      <Content section={section} stats={stats} />
      {dialog === 'send' && <TestSend universe={stats} onClose={close} />}
      {dialog === 'remove' && <RemoveUniverse universe={stats} onClose={close} onDone={() => go(href.universes)} />}
    </>
  );
}

export function UniverseView({ id, section }: { id: string; section: Section }) {
  const stats = useStore(live, (value) => (value.watched === id ? value.stats : null));
  const error = useStore(live, (value) => (value.watched === id ? value.statsError : null));
  useEffect(() => {
    watch(id);
    void refreshStats();
    return () => watch(null);
  }, [id]);
  return (
    <>
      <a class="back" href={href.universes}><Icon name="back" />Universes</a>
      {stats !== null && stats.id === id ? <Body key={id} section={section} stats={stats} /> : (
        <>
          <header class="page-head">
            <div class="page-title"><h1 tabIndex={-1}>Universe {id}</h1></div>
          </header>
          <Card title={kTitles[section]}>
            {error === null ? <Loading lines={8} label="Loading the universe" />
              : error.status === 404
                ? (
                  <Empty title="This universe is not registered" action={<a class="button plain" href={href.universes}>All universes</a>}>
                    It may have been removed, or the address is mistyped.
                  </Empty>
                )
                : <Failure message={error.message} onRetry={() => void refreshStats()} />}
          </Card>
        </>
      )}
    </>
  );
}
