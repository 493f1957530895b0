import { useId } from 'preact/hooks'
import './Select.css'
import type { SettingProps } from './Setting.tsx'
import { Switch } from './Switch.tsx'
import { say } from './text.ts'

/** What most people call the night. */
const night = { from: 22 * 60, to: 7 * 60 }

const two = (value: number) => String(value).padStart(2, '0')
/** Minutes since midnight as a time input has them, and back. */
export const asTime = (minutes: number): string => `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
export function asMinutes(time: string): number | null {
  const [, hours, minutes] = /^(\d\d):(\d\d)/.exec(time) ?? []
  return hours === undefined ? null : Number(hours) * 60 + Number(minutes)
}

export function QuietHours({ store, title, hint }: SettingProps) {
  const hours = store.settings.value.quietHours
  const set = (quietHours: typeof hours) => void store.change('quietHours', { quietHours })
  return (
    <>
      <Switch
        labelledBy={title}
        describedBy={hint}
        isOn={hours !== null}
        onSwitch={(isOn) => set(isOn ? night : null)}
      />
      {hours && (
        <div class="setting-row">
          <Time label={say('from')} minutes={hours.from} onSet={(from) => set({ ...hours, from })} />
          <Time label={say('to')} minutes={hours.to} onSet={(to) => set({ ...hours, to })} />
        </div>
      )}
    </>
  )
}

function Time({ label, minutes, onSet }: { label: string; minutes: number; onSet(minutes: number): void }) {
  const id = useId()
  return (
    <>
      <label for={id}>{label}</label>
      <input
        id={id}
        class="time-input"
        type="time"
        value={asTime(minutes)}
        onChange={({ currentTarget }) => {
          const chosen = asMinutes(currentTarget.value)
          if (chosen !== null) onSet(chosen) // an empty one is no time: the old one stays
        }}
      />
    </>
  )
}
