import { useState } from 'preact/hooks'
import { displayName, tooLongBy } from '../stores/display-name.ts'
import { Field } from './Field.tsx'
import type { SettingEntry, SettingProps } from './Setting.tsx'
import { say, sayCount } from './text.ts'

/** What others see of me beside my user name. */
export const profileSettings: SettingEntry[] = [
  { id: 'displayName', title: 'settingDisplayName', hint: 'settingDisplayNameHint', Control: DisplayName },
]

/** Saved by Enter and by going elsewhere. What another device makes of it waits while one types here. */
function DisplayName({ store }: SettingProps) {
  const [typed, setTyped] = useState<string | null>(null)
  const shown = typed ?? store.settings.value.displayName
  const over = tooLongBy(displayName(shown))
  const save = async () => {
    // From here on what is stored is shown: without what may not be in a name.
    if (typed !== null && (await store.setDisplayName(typed))) setTyped(null)
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
        value={shown}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        onBlur={() => void save()}
        error={over > 0 && sayCount('tooLong', over)}
      />
    </form>
  )
}
