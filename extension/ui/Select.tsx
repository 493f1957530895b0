import './Select.css'

interface Props<Value> {
  labelledBy: string
  describedBy?: string
  choices: { value: Value; label: string }[]
  value: Value
  onChoose(value: Value): void
}

/** One of several, where only the chosen one needs to be in sight. */
export function Select<Value extends string | number>(props: Props<Value>) {
  const { labelledBy, describedBy, choices, value, onChoose } = props
  return (
    <select
      class="select"
      aria-labelledby={labelledBy}
      aria-describedby={describedBy}
      value={String(choices.findIndex((choice) => choice.value === value))}
      onChange={({ currentTarget }) => onChoose(choices[currentTarget.selectedIndex]!.value)}
    >
      {choices.map(({ label }, position) => (
        <option key={position} value={String(position)}>
          {label}
        </option>
      ))}
    </select>
  )
}
