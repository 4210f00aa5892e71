// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every request the page makes, in one place. Nothing here keeps state.
import type {
  GameServer, NewToken, Outgoing, Overview, RawAnswer, Slot, Stats, Token, Universe,
  UniverseSettings,
} from './types';

/** An answer that is not 2xx, or (status 0) none at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Seconds, from Retry-After. */
    readonly retryAfter: number | null = null,
    /** What is wrong with a refused Open Cloud key. */
    readonly keyState: string | null = null,
  ) {
    super(message);
  }
}

const kTimeoutMs = 15_000;
/** Of a message that goes to the screen. Servers, proxies among them, may say anything. */
const kMaxErrorCharacters = 300;

let onSessionEnd: () => void = () => {};

/** Called whenever an answer says that the session is over. */
export function setSessionEndHandler(handler: () => void): void {
  onSessionEnd = handler;
}

async function exchange(method: string, path: string, body?: unknown): Promise<Response> {
  const init: RequestInit = {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    redirect: 'error',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(kTimeoutMs),
  };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { accept: 'application/json', 'content-type': 'application/json' };
  }
  try {
    return await fetch(path, init);
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
    throw new ApiError(0, timedOut ? 'The server did not answer in time' : 'The server cannot be reached');
  }
}

function retryAfterOf(response: Response): number | null {
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}

function errorText(status: number, body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    if (typeof error === 'string' && error !== '') return error.slice(0, kMaxErrorCharacters);
  } catch {
    // Not ours: a proxy's page, or nothing.
  }
  return `The server answered ${status}`;
}

async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await exchange(method, path, body);
  let text: string;
  try {
    text = await response.text();
  } catch {
    throw new ApiError(0, 'The answer broke off');
  }
  if (!response.ok) {
    if (response.status === 401 && path !== '/ui/login') onSessionEnd();
    throw new ApiError(response.status, errorText(response.status, text), retryAfterOf(response),
      response.headers.get('pulse-key-state'));
  }
  try {
    return (text === '' ? null : JSON.parse(text)) as T;
  } catch {
    throw new ApiError(response.status, 'The answer is not what a Pulse server sends');
  }
}

const universePath = (id: string, rest = '') => `/universe/${encodeURIComponent(id)}${rest}`;

export const api = {
  session: () => request<{ session: boolean }>('GET', '/ui/session'),
  logIn: (apiKey: string) => request<null>('POST', '/ui/login', { apiKey }),
  logOut: () => request<{ success: true }>('POST', '/ui/logout'),

  overview: () => request<Overview>('GET', '/ui/overview'),
  universes: () => request<{ universes: Universe[] }>('GET', '/universe/registry'),
  stats: (id: string) => request<Stats>('GET', universePath(id, '/stats')),
  servers: (id: string) => request<{ servers: GameServer[] }>('GET', universePath(id, '/servers')),

  addUniverse: (universe: { universeId: string; openCloudApiKey: string; name: string }) =>
    request<unknown>('POST', '/universe/registry/add', universe),
  removeUniverse: (universeId: string) =>
    request<unknown>('POST', '/universe/registry/remove', { universeId }),
  changeSettings: (id: string, settings: UniverseSettings) =>
    request<Universe>('PATCH', universePath(id), settings),

  putKey: (universeId: string, openCloudApiKey: string, slot: Slot) =>
    request<unknown>('POST', '/universe/registry/update', { universeId, openCloudApiKey, slot }),
  probe: (id: string) => request<Universe>('POST', universePath(id, '/probe')),
  activateKey: (id: string, slot: Slot) =>
    request<unknown>('POST', universePath(id, '/key/activate'), { slot }),
  removeKey: (id: string, slot: Slot) =>
    request<unknown>('POST', universePath(id, '/key/remove'), { slot }),

  tokens: (id: string) => request<{ tokens: Token[] }>('GET', universePath(id, '/tokens')),
  createToken: (id: string, token: NewToken) =>
    request<{ id: string; token: string }>('POST', universePath(id, '/tokens'), token),
  revokeToken: (id: string, token: string) =>
    request<unknown>('DELETE', universePath(id, `/tokens/${encodeURIComponent(token)}`)),

  /** Resolves for every answer: the operator wants to see what the server says. */
  async send(id: string, message: Outgoing): Promise<RawAnswer> {
    const start = performance.now();
    const response = await exchange('POST', universePath(id, '/send'), message);
    const body = await response.text().catch(() => '');
    if (response.status === 401) onSessionEnd();
    return { status: response.status, body, ms: performance.now() - start };
  },
};

/** What to tell somebody about anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : 'Something went wrong';
}
