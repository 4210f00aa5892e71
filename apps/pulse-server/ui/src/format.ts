// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Figures as an operator reads them: short, of steady width, never more exact than they are.

const kWhole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
const kCompact = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumFractionDigits: 1 });
const kDate = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit',
});

const kNone = '–';

export function count(n: number): string {
  if (!Number.isFinite(n)) return kNone;
  return Math.abs(n) < 1e6 ? kWhole.format(n) : kCompact.format(n);
}

export function rate(n: number): string {
  if (!Number.isFinite(n)) return kNone;
  if (n === 0) return '0';
  if (n < 0.05) return '<0.1';
  return n < 99.95 ? n.toFixed(1) : count(n);
}

export function bytes(n: number): string {
  if (!Number.isFinite(n)) return kNone;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}

export function milliseconds(ms: number): string {
  if (!Number.isFinite(ms)) return kNone;
  if (ms > 0 && ms < 0.05) return '<0.1 ms';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : duration(ms);
}

/** The two largest units: "3 d 4 h". */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return kNone;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return ms < 10_000 && ms % 1000 >= 50 ? `${(ms / 1000).toFixed(1)} s` : `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return pair(hours, 'h', minutes % 60, 'min');
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function pair(a: number, unit: string, b: number, smaller: string): string {
  return b === 0 || a >= 30 ? `${a} ${unit}` : `${a} ${unit} ${b} ${smaller}`;
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${Math.round(share * 100)} %` : kNone;
}

export function ago(iso: string | null, now = Date.now()): string {
  if (iso === null) return 'never';
  const ms = now - Date.parse(iso);
  if (!Number.isFinite(ms)) return kNone;
  return ms < 5000 ? 'just now' : `${coarse(ms)} ago`;
}

/** "in 12 days", "3 days ago". */
export function until(iso: string, now = Date.now()): string {
  const ms = Date.parse(iso) - now;
  if (!Number.isFinite(ms)) return kNone;
  return ms >= 0 ? `in ${coarse(ms)}` : `${coarse(-ms)} ago`;
}

function coarse(ms: number): string {
  const days = Math.floor(ms / 86_400_000);
  if (days >= 60) return `${Math.round(days / 30.4)} months`;
  if (days >= 1) return plural(days, 'day');
  const hours = Math.floor(ms / 3_600_000);
  if (hours >= 1) return plural(hours, 'hour');
  const minutes = Math.floor(ms / 60_000);
  return minutes >= 1 ? `${minutes} min` : `${Math.floor(ms / 1000)} s`;
}

export function exact(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? kNone : kDate.format(date);
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
