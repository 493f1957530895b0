import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import './Choices.css'

export interface Choice<Value> {
  value: Value
  label: ComponentChildren
  /** What there is to know about this one. */
  note?: string | undefined
}

interface Props<Value> {
  /** Its name, or the id of the element that has it. */
  label?: string
  labelledBy?: string
  choices: Choice<Value>[]
  value: Value
  disabled?: boolean
  onChoose(value: Value): void
}

/** One of several, all of them in sight. */
export function Choices<Value extends string | number | boolean | null>(props: Props<Value>) {
  const { label, labelledBy, choices, value, disabled = false, onChoose } = props
  const id = useId()
  return (
    <div role="radiogroup" class="choices" aria-label={label} aria-labelledby={labelledBy}>
      {choices.map((choice, position) => (
        <div key={position} class="choice">
          <label>
            <input
              type="radio"
              name={id}
              checked={choice.value === value}
              disabled={disabled}
              aria-describedby={choice.note ? `${id}-${position}` : undefined}
              onChange={() => onChoose(choice.value)}
            />
            <span>{choice.label}</span>
          </label>
          {choice.note && (
            <p id={`${id}-${position}`} class="choice-note">
              {choice.note}
            </p>
          )}
        </div>
      ))}
    </div>
  )
}
