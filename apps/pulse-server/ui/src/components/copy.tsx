// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A text that is there to be copied.
import { useRef, useState } from 'preact/hooks';

import { Button } from './basics';

export function CopyField({ label, text }: { label: string; text: string }) {
  const field = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch {
      // No clipboard without TLS, but by hand it always goes.
      field.current?.focus();
      field.current?.select();
      setSaid('Press Ctrl+C to copy');
    }
  };
  return (
    <div class="copy">
      <input ref={field} class="mono" readOnly aria-label={label} value={text}
        onFocus={(event) => event.currentTarget.select()} />
      <Button icon="copy" onClick={() => void copy()}>Copy</Button>
      <span class="copy-said" role="status">{said}</span>
    </div>
  );
}
