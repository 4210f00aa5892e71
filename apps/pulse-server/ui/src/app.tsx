// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The frame around the views: who is logged in, where one is, whether what is seen is live.
import { useEffect, useRef } from 'preact/hooks';

import { messageOf } from './api/client';
import { Card, Empty, Failure } from './components/basics';
import { Icon, Mark } from './components/icons';
import { Toaster } from './components/toaster';
import { live, type Connection } from './live';
import { href, place, type Place } from './router';
import { ask, logOut, session } from './session';
import { useStore } from './store';
import { tell } from './toasts';
import { Login } from './views/login';
import { OverviewView } from './views/overview';
import { UniversesView } from './views/universes';
import { UniverseView } from './views/universe';

const kConnections: Record<Connection, string> = {
  connecting: 'Connecting…', live: 'Live', reconnecting: 'Reconnecting…',
};

function LiveState() {
  const connection = useStore(live, (value) => value.connection);
  return (
    <span class={`live ${connection}`} role="status" title={connection === 'live'
      ? 'The figures on this page are a second old at most' : 'The figures on this page stand still'}>
      <span class="live-dot" aria-hidden="true" />{kConnections[connection]}
    </span>
  );
}

function TopBar({ at }: { at: Place }) {
  const isIn = (views: Place['view'][]) => (views.includes(at.view) ? 'page' : undefined);
  const leave = () => logOut().catch((error: unknown) => tell('error', messageOf(error)));
  return (
    <header class="top-bar">
      <a class="brand" href={href.overview} aria-label="Pulse, overview"><Mark /><span>Pulse</span></a>
      <nav class="views" aria-label="Views">
        <a href={href.overview} aria-current={isIn(['overview'])}>Overview</a>
        <a href={href.universes} aria-current={isIn(['universes', 'universe'])}>Universes</a>
      </nav>
      <LiveState />
      <button type="button" class="button quiet log-out" onClick={() => void leave()}>
        <Icon name="logout" /><span>Log out</span>
      </button>
    </header>
  );
}

function View({ at }: { at: Place }) {
  switch (at.view) {
    case 'overview': return <OverviewView />;
    case 'universes': return <UniversesView />;
    case 'universe': return <UniverseView id={at.id} section={at.section} />;
    case 'unknown': return (
      <>
        <header class="page-head"><h1 tabIndex={-1}>Not found</h1></header>
        <Card title="This address leads nowhere">
          <Empty title="There is no such view" action={<a class="button plain" href={href.overview}>To the overview</a>} />
        </Card>
      </>
    );
  }
}

/** What is read aloud and kept in the browser's history. */
function titleOf(at: Place): string {
  switch (at.view) {
    case 'overview': return 'Overview';
    case 'universes': return 'Universes';
    case 'universe': return `Universe ${at.id}, ${at.section}`;
    case 'unknown': return 'Not found';
  }
}

function Inside() {
  const at = useStore(place, (value) => value.place);
  const isFirst = useRef(true);
  const subject = at.view === 'universe' ? `universe/${at.id}` : at.view;
  useEffect(() => { document.title = `${titleOf(at)} · Pulse`; }, [at]);
  // Another view is another page to those who hear it: the focus goes to its heading. Not so when
  // only the section of a universe changes, where it stays on the link.
  useEffect(() => {
    if (!isFirst.current) {
      window.scrollTo(0, 0);
      document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [subject]);
  return (
    <>
      <TopBar at={at} />
      <main id="main" class="page" tabIndex={-1}><View at={at} /></main>
    </>
  );
}

function Content() {
  const { state, notice } = useStore(session, (value) => value);
  switch (state) {
    case 'asking': return <main id="main" class="login" tabIndex={-1}><span class="spinner large" role="status" aria-label="Loading" /></main>;
    case 'unreachable': return (
      <main id="main" class="login" tabIndex={-1}>
        <Failure message={notice ?? ''} onRetry={() => void ask()} />
      </main>
    );
    case 'out': return <Login notice={notice} />;
    case 'in': return <Inside />;
  }
}

export function App() {
  useEffect(() => {
    if (session.value.state === 'out') document.title = 'Log in · Pulse';
    return session.subscribe(() => {
      if (session.value.state === 'out') document.title = 'Log in · Pulse';
    });
  }, []);
  return (
    <>
      {/* Not a link to #main, which would be an address of the router's. */}
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <Content />
      <Toaster />
    </>
  );
}
