// SPDX-License-Identifier: MIT OR Apache-2.0
import { useEffect, useRef, useState } from 'preact/hooks';

import { ApiError, messageOf } from '../api/client';
import { Button, Notice } from '../components/basics';
import { Field } from '../components/field';
import { Mark } from '../components/icons';
import { logIn } from '../session';

/** Counts down to zero, once a second. */
function useCountdown(): [seconds: number, start: (seconds: number) => void] {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return [left, setLeft];
}

export function Login({ notice }: { notice: string | null }) {
  const [key, setKey] = useState('');
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [waitSeconds, wait] = useCountdown();
  const field = useRef<HTMLInputElement>(null);

  const submit = async () => {
    if (isBusy || waitSeconds > 0) return;
    if (key === '') {
      setError('Enter the API key');
      field.current?.focus();
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await logIn(key);
    } catch (thrown) {
      setBusy(false);
      setError(messageOf(thrown));
      if (thrown instanceof ApiError && thrown.status === 429) wait(Math.ceil(thrown.retryAfter ?? 60));
      else field.current?.select();
    }
  };
  return (
    <main class="login" id="main" tabIndex={-1}>
      <form class="login-card" method="post" noValidate
        onSubmit={(event) => { event.preventDefault(); void submit(); }}>
        <div class="login-head">
          <Mark />
          <h1>Log in to Pulse</h1>
        </div>
        {notice && <Notice tone="warn">{notice}</Notice>}
        {/* For password managers, which want somebody to be logged in. */}
        <input class="visually-hidden" name="username" autocomplete="username" value="operator" readOnly tabIndex={-1} aria-hidden="true" />
        <Field label="API key" error={null} hint="The server's admin key.">
          <input ref={field} type="password" name="apiKey" autocomplete="current-password" autofocus value={key}
            onInput={(event) => setKey(event.currentTarget.value)} />
        </Field>
        {error && (
          <Notice tone="bad">
            {error}{waitSeconds > 0 && <>. You can try again in <b class="tabular">{waitSeconds} s</b></>}
          </Notice>
        )}
        <Button type="submit" kind="primary" isBusy={isBusy} disabled={waitSeconds > 0}>Log in</Button>
      </form>
    </main>
  );
}
