// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A modal <dialog>: the browser keeps the focus inside, closes on Escape and gives the focus back.
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';

import { ApiError, messageOf } from '../api/client';
import type { KeyState } from '../api/types';
import { Button, Notice } from './basics';
import { Icon } from './icons';
import { kKeyStates } from './key_state';

export function Dialog({ title, onClose, children }:
    { title: string; onClose: () => void; children: ComponentChildren }) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const shown = dialog.current;
    const opener = document.activeElement;
    shown?.showModal();
    return () => {
      shown?.close();
      // What opened it may be gone, with the row it stood in.
      if (!(opener instanceof HTMLElement) || !opener.isConnected || opener === document.body) {
        document.querySelector<HTMLElement>('h1')?.focus();
      }
    };
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id}
      onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <header class="dialog-head">
        <h2 id={id}>{title}</h2>
        <button type="button" class="icon-button quiet" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </dialog>
  );
}

/** The message, and what else the answer tells. */
function explain(thrown: unknown): string {
  let text = messageOf(thrown);
  if (!(thrown instanceof ApiError)) return text;
  if (thrown.keyState !== null && thrown.keyState in kKeyStates) text += `. ${kKeyStates[thrown.keyState as KeyState].meaning}`;
  if (thrown.retryAfter !== null) text += `. Try again in ${Math.ceil(thrown.retryAfter)} s`;
  return text;
}

/** What a form in a dialog needs around one request: busy once, and the error where one looks. */
export function useRequest(): {
  isBusy: boolean; error: string | null; fail: (message: string | null) => void;
  run: (work: () => Promise<void>) => Promise<void>;
} {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const running = useRef(false);
  const run = async (work: () => Promise<void>) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (thrown) {
      setError(explain(thrown));
    } finally {
      running.current = false;
      setBusy(false);
    }
  };
  return { isBusy, error, fail: setError, run };
}

export function DialogForm({ submit, kind = 'primary', isBusy, error, onSubmit, onCancel, cancel = 'Cancel', children }: {
  submit: string; kind?: 'primary' | 'danger'; isBusy: boolean; error: string | null;
  onSubmit: () => void; onCancel: () => void; cancel?: string; children: ComponentChildren;
}) {
  return (
    <form method="dialog" noValidate class="dialog-form"
      onSubmit={(event) => { event.preventDefault(); if (!isBusy) onSubmit(); }}>
      <div class="dialog-body">
        {children}
        {error && <Notice tone="bad">{error}</Notice>}
      </div>
      <footer class="dialog-foot">
        <Button onClick={onCancel}>{cancel}</Button>
        <Button type="submit" kind={kind} isBusy={isBusy}>{submit}</Button>
      </footer>
    </form>
  );
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, submit, work, onClose, children }: {
  title: string; submit: string; work: () => Promise<void>; onClose: () => void; children: ComponentChildren;
}) {
  const request = useRequest();
  return (
    <Dialog title={title} onClose={onClose}>
      <DialogForm submit={submit} kind="danger" isBusy={request.isBusy} error={request.error}
        onCancel={onClose} onSubmit={() => void request.run(async () => { await work(); onClose(); })}>
        {children}
      </DialogForm>
    </Dialog>
  );
}
