import './Choices.css'

interface Props {
  /** The id of the element that has its name. */
  labelledBy: string
  describedBy?: string
  isOn: boolean
  disabled?: boolean
  onSwitch(isOn: boolean): void
}

/** On or off, at once. */
export function Switch({ labelledBy, describedBy, isOn, disabled = false, onSwitch }: Props) {
  return (
    <span class="switch">
      <input
        type="checkbox"
        role="switch"
        aria-labelledby={labelledBy}
        aria-describedby={describedBy}
        aria-checked={isOn}
        checked={isOn}
        disabled={disabled}
        onChange={({ currentTarget }) => onSwitch(currentTarget.checked)}
      />
    </span>
  )
}
