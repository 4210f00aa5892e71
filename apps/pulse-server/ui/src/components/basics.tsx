// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The small parts that every view is made of.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { Icon, type IconName } from './icons';

type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'info';

export function Badge({ tone, children, title }:
    { tone: Tone; children: ComponentChildren; title?: string }) {
  return <span class={`badge ${tone}`} title={title}>{children}</span>;
}

export function Button({ icon, children, kind = 'plain', isBusy = false, disabled = false, ...rest }: {
  icon?: IconName;
  children: ComponentChildren;
  kind?: 'plain' | 'primary' | 'danger' | 'quiet';
  type?: 'button' | 'submit';
  isBusy?: boolean;
  disabled?: boolean;
  onClick?: (event: MouseEvent) => void;
  autofocus?: boolean;
}) {
  // Busy, it keeps the focus, which a disabled button would lose.
  const { onClick, ...attributes } = rest;
  return (
    <button type="button" {...attributes} class={`button ${kind}`} disabled={disabled}
      aria-disabled={isBusy || undefined} aria-busy={isBusy || undefined}
      onClick={(event) => (isBusy ? event.preventDefault() : onClick?.(event))}>
      {isBusy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

export function IconButton({ icon, label, onClick, kind = 'quiet' }:
    { icon: IconName; label: string; onClick: () => void; kind?: 'quiet' | 'danger' }) {
  return (
    <button type="button" class={`icon-button ${kind}`} aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

/** One figure of a strip. `sub` keeps its line when it has nothing to say: nothing may jump. */
export function Figure({ label, value, sub = '', tone }:
    { label: string; value: string; sub?: string; tone?: 'warn' | 'bad' | undefined }) {
  return (
    <div class={`figure ${tone ?? ''}`}>
      <dt>{label}</dt>
      <dd>
        <span class="value">{value}</span>
        <span class="sub">{sub || '\u00a0'}</span>
      </dd>
    </div>
  );
}

export function Figures({ label, children }: { label: string; children: ComponentChildren }) {
  return <dl class="figures" aria-label={label}>{children}</dl>;
}

export function Card({ title, actions, children, flush = false }: {
  title: string; actions?: ComponentChildren; children: ComponentChildren; flush?: boolean;
}) {
  return (
    <section class={flush ? 'card flush' : 'card'} aria-label={title}>
      <header class="card-head">
        <h2>{title}</h2>
        {actions}
      </header>
      {children}
    </section>
  );
}

export function Notice({ tone, children }: { tone: 'info' | 'warn' | 'bad'; children: ComponentChildren }) {
  return (
    <div class={`notice ${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
      {tone !== 'info' && <Icon name="warning" />}
      <div>{children}</div>
    </div>
  );
}

/** Where there is nothing to show yet. */
export function Empty({ title, children, action }:
    { title: string; children?: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

export function Failure({ message, onRetry }: { message: string; onRetry: () => void }) {
  return (
    <div class="empty" role="alert">
      <p class="empty-title">This cannot be shown</p>
      <p>{message}</p>
      <Button icon="refresh" onClick={onRetry}>Try again</Button>
    </div>
  );
}

/** Grey lines as high as what comes. Only told aloud when it takes long. */
export function Loading({ lines = 4, label = 'Loading' }: { lines?: number; label?: string }) {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 1000);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="loading" aria-busy="true">
      {Array.from({ length: lines }, (_, i) => <span key={i} class="bone" />)}
      <span class="visually-hidden" role="status">{isSlow ? `${label}…` : ''}</span>
    </div>
  );
}

/** A share of something limited. */
export function Quota({ used, label }: { used: number; label: string }) {
  const share = Math.min(1, Math.max(0, Number.isFinite(used) ? used : 0));
  const tone = share >= 0.9 ? 'bad' : share >= 0.7 ? 'warn' : 'good';
  return (
    <span class="quota">
      <span class={`quota-bar ${tone}`} role="meter" aria-label={label} aria-valuemin={0}
        aria-valuemax={100} aria-valuenow={Math.round(share * 100)}>
        <span style={{ width: `${share * 100}%` }} />
      </span>
      <span class="quota-number">{Math.round(share * 100)} %</span>
    </span>
  );
}
