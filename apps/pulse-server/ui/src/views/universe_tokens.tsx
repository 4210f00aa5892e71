// SPDX-License-Identifier: MIT OR Apache-2.0
import { useState } from 'preact/hooks';

import { api } from '../api/client';
import type { Token, Universe } from '../api/types';
import { Badge, Button, Card, Empty, Failure, IconButton, Loading } from '../components/basics';
import { Confirm } from '../components/dialog';
import { Table, type Column } from '../components/table';
import { CreateToken } from '../dialogs/create_token';
import { ago, exact, until } from '../format';
import { useResource } from '../resource';
import { tell } from '../toasts';

function isExpired(token: Token): boolean {
  return token.state === 'expired' || (token.expiresAt !== null && Date.parse(token.expiresAt) < Date.now());
}

function columns(revoke: (token: Token) => void): readonly Column<Token>[] {
  return [
    {
      name: 'Label', isHead: true, by: (t) => t.label,
      cell: (t) => <span class="two-lines"><span>{t.label}</span><span class="mono muted">plt_{t.id}_…</span></span>,
    },
    {
      name: 'Rights', isWide: true,
      cell: (t) => (
        <span class="badges">
          {t.rights.map((right) => <Badge key={right} tone={right === 'admin' ? 'warn' : 'neutral'}>{right}</Badge>)}
        </span>
      ),
    },
    {
      name: 'Expires', by: (t) => t.expiresAt ?? '9',
      cell: (t) => t.expiresAt === null ? <span class="muted">never</span>
        : <span class={isExpired(t) ? 'text-bad' : ''} title={exact(t.expiresAt)}>{isExpired(t) ? 'expired ' : ''}{until(t.expiresAt)}</span>,
    },
    { name: 'Last used', by: (t) => t.lastUsedAt ?? '', cell: (t) => <span title={t.lastUsedAt ? exact(t.lastUsedAt) : ''}>{ago(t.lastUsedAt)}</span> },
    { name: 'Created', by: (t) => t.createdAt, cell: (t) => <span title={exact(t.createdAt)}>{ago(t.createdAt)}</span> },
    {
      name: 'Actions', isHidden: true,
      cell: (t) => <span class="row-actions"><IconButton icon="trash" kind="danger" label={`Revoke ${t.label}`} onClick={() => revoke(t)} /></span>,
    },
  ];
}

export function TokensSection({ universe }: { universe: Universe }) {
  const { value, error, reload } = useResource(() => api.tokens(universe.id), [universe.id]);
  const [isCreating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const create = <Button icon="plus" onClick={() => setCreating(true)}>Create token</Button>;
  return (
    <>
      <Card title="Tokens" flush actions={value?.tokens.length ? create : undefined}>
        {value === null
          ? (error === null ? <Loading lines={4} label="Loading the tokens" /> : <Failure message={error} onRetry={reload} />)
          : value.tokens.length === 0
            ? (
              <Empty title="No tokens yet" action={create}>
                A token lets a game server or a web client use this universe, and nothing else.
              </Empty>
            )
            : <Table label="Tokens" columns={columns(setRevoking)} rows={value.tokens} keyOf={(t) => t.id}
                sortedBy={{ name: 'Label', isDown: false }} />}
      </Card>
      {isCreating && <CreateToken universe={universe} onClose={() => setCreating(false)} onCreated={reload} />}
      {revoking && (
        <Confirm title={`Revoke “${revoking.label}”?`} submit="Revoke token" onClose={() => setRevoking(null)}
          work={async () => {
            await api.revokeToken(universe.id, revoking.id);
            tell('success', `“${revoking.label}” is revoked`);
            reload();
          }}>
          <p>
            Whatever uses it is refused from now on. It was last used {ago(revoking.lastUsedAt)}. This
            cannot be undone.
          </p>
        </Confirm>
      )}
    </>
  );
}
