// SPDX-License-Identifier: MIT OR Apache-2.0
import { dismiss, toasts } from '../toasts';
import { useStore } from '../store';
import { IconButton } from './basics';
import { Icon } from './icons';

/** Always in the page, so that screen readers know the region before it speaks. */
export function Toaster() {
  const list = useStore(toasts, (value) => value.list);
  return (
    <div class="toaster" role="log" aria-live="polite" aria-label="Messages">
      {list.map(({ id, kind, text }) => (
        <div key={id} class={`toast ${kind}`}>
          <Icon name={kind === 'success' ? 'check' : 'warning'} />
          <span>{text}</span>
          <IconButton icon="close" label="Close this message" onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}
