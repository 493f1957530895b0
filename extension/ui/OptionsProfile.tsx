import { useEffect, useState } from 'preact/hooks'
import { displayName, tooLongBy } from '../stores/display-name.ts'
import { Field } from './Field.tsx'
import type { SettingEntry, SettingProps } from './Setting.tsx'
import { say, sayCount } from './text.ts'

/** What others see of me beside my user name. */
export const profileSettings: SettingEntry[] = [
  { id: 'displayName', title: 'settingDisplayName', hint: 'settingDisplayNameHint', Control: DisplayName },
]

/** Saved by Enter and by going elsewhere. */
function DisplayName({ store }: SettingProps) {
  const stored = store.settings.value.displayName
  const [typed, setTyped] = useState(stored)
  useEffect(() => setTyped(stored), [stored])
  const over = tooLongBy(displayName(typed))
  const save = async () => {
    // What was left out as it may not be in a name, is not shown either.
    if (await store.setDisplayName(typed)) setTyped(displayName(typed))
  }
  return (
    <form
      class="setting-form"
      onSubmit={(event) => {
        event.preventDefault()
        void save()
      }}
    >
      <Field
        label={say('displayName')}
        dir="auto"
        autoComplete="off"
        value={typed}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        onBlur={() => void save()}
        error={over > 0 && sayCount('tooLong', over)}
      />
    </form>
  )
}
