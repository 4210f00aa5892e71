// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A labelled control with its hint and its error, tied together for those who do not see them.
import { cloneElement, type ComponentChildren, type VNode } from 'preact';
import { useId } from 'preact/hooks';

export function Field({ label, hint, error, children }: {
  label: string; hint?: ComponentChildren; error?: string | null; children: VNode<Record<string, unknown>>;
}) {
  const id = useId();
  const described = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {cloneElement(children, {
        id,
        'aria-describedby': described || undefined,
        'aria-invalid': error ? true : undefined,
      })}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p class="field-error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

export interface Choice<T extends string> { value: T; label: string; hint?: string }

/** A few choices of which one or several hold; all of them readable at once. */
export function Choices<T extends string>({ legend, name, type, choices, chosen, onChange, error }: {
  legend: string; name: string; type: 'radio' | 'checkbox'; choices: readonly Choice<T>[];
  chosen: readonly T[]; onChange: (value: T, isOn: boolean) => void; error?: string | null;
}) {
  const id = useId();
  return (
    <fieldset class={choices.some(({ hint }) => hint) ? 'choices' : 'choices in-line'} aria-describedby={error ? `${id}-error` : undefined}>
      <legend>{legend}</legend>
      {choices.map(({ value, label, hint }) => (
        <label key={value} class="choice">
          <input type={type} name={name} value={value} checked={chosen.includes(value)}
            aria-describedby={hint ? `${id}-${value}` : undefined}
            onChange={(event) => onChange(value, event.currentTarget.checked)} />
          <span class="choice-text">
            <span>{label}</span>
            {hint && <span class="hint" id={`${id}-${value}`}>{hint}</span>}
          </span>
        </label>
      ))}
      {error && <p class="field-error" id={`${id}-error`}>{error}</p>}
    </fieldset>
  );
}
