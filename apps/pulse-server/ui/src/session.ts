// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Whether somebody is logged in. The server decides; this follows.
import { api, messageOf, setSessionEndHandler } from './api/client';
import * as live from './live';
import { Store } from './store';
import { dismissAll } from './toasts';

export interface Session {
  state: 'asking' | 'out' | 'in' | 'unreachable';
  /** Why one has to log in again, if there is a reason worth saying. */
  notice: string | null;
}

export const session = new Store<Session>({ state: 'asking', notice: null });

export async function ask(): Promise<void> {
  session.set({ state: 'asking' });
  try {
    const answer = await api.session();
    if (answer.session) enter();
    else session.set({ state: 'out' });
  } catch (error) {
    session.set({ state: 'unreachable', notice: messageOf(error) });
  }
}

/** Throws ApiError where the server refuses. */
export async function logIn(apiKey: string): Promise<void> {
  await api.logIn(apiKey);
  enter();
}

export async function logOut(): Promise<void> {
  await api.logOut();
  leave(null);
}

function enter(): void {
  session.set({ state: 'in', notice: null });
  live.start();
}

function leave(notice: string | null): void {
  live.stop();
  dismissAll();
  session.set({ state: 'out', notice });
}

function onSessionEnd(): void {
  if (session.value.state === 'in') leave('Your session has ended. Log in to go on where you were.');
}
setSessionEndHandler(onSessionEnd);
live.setLiveSessionEndHandler(onSessionEnd);
