import type { ComponentChildren, InputHTMLAttributes, Ref } from 'preact'
import { useId } from 'preact/hooks'
import './Field.css'

type InputProps = Pick<
  InputHTMLAttributes<HTMLInputElement>,
  | 'autoCapitalize'
  | 'autoComplete'
  | 'dir'
  | 'inputMode'
  | 'name'
  | 'onBlur'
  | 'onInput'
  | 'placeholder'
  | 'spellcheck'
  | 'value'
>

interface Props extends InputProps {
  label: string
  type?: 'text' | 'password' | 'url'
  /** What to know while typing. */
  hint?: ComponentChildren
  /** What is wrong and what to do; it takes the place of the hint. */
  error?: ComponentChildren
  /** Stands in the field, at its end. */
  action?: ComponentChildren
  inputRef?: Ref<HTMLInputElement | null>
}

export function Field({ label, hint, error, action, inputRef, type = 'text', ...input }: Props) {
  const id = useId()
  const note = useId()
  return (
    <div class={error ? 'field wrong' : 'field'}>
      <label for={id}>{label}</label>
      <span class="field-box">
        <input
          // The types know each kind of input by itself, and none that may be one of three.
          {...({ ...input, type } as InputHTMLAttributes<HTMLInputElement>)}
          ref={inputRef}
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={note}
        />
        {action}
      </span>
      <p id={note} class="field-note" role={error ? 'alert' : undefined}>
        {error || hint}
      </p>
    </div>
  )
}
