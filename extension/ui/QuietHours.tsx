import { useId } from 'preact/hooks'
import type { Settings, SettingsStore } from '../stores/settings-store.ts'
import './Select.css'
import { switchOf, type SettingProps } from './Setting.tsx'
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

type Hours = Settings['quietHours']
const save = (store: SettingsStore, quietHours: Hours) => void store.change('quietHours', { quietHours })

export const QuietHours = switchOf(
  ({ settings }) => settings.value.quietHours !== null,
  (store, isOn) => save(store, isOn ? night : null),
)

/** From when to when: over midnight, if it ends before it begins. */
export function QuietTimes({ store }: SettingProps) {
  const hours = store.settings.value.quietHours
  if (!hours) return null
  return (
    <div class="setting-row">
      <Time label={say('from')} minutes={hours.from} onSet={(from) => save(store, { ...hours, from })} />
      <Time label={say('to')} minutes={hours.to} onSet={(to) => save(store, { ...hours, to })} />
    </div>
  )
}

function Time({ label, minutes, onSet }: { label: string; minutes: number; onSet(minutes: number): void }) {
  const id = useId()
  return (
    <span class="setting-row">
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
    </span>
  )
}
