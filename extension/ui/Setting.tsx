import { Check } from 'lucide'
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import type { SettingsStore } from '../stores/settings-store.ts'
import { Icon } from './Icon.tsx'
import './Setting.css'
import { Switch } from './Switch.tsx'
import { say, type TextKey } from './text.ts'

export interface SettingProps {
  store: SettingsStore
  /** Ids of the line and of the sentence: the control is named and described by them. */
  title: string
  hint: string
}

/** One setting: a line, a sentence, and what it is set with. */
export interface SettingEntry {
  /** What `saved` of the store says. */
  id: string
  title: TextKey
  hint: TextKey
  /** Words that it is found by as well: those of its choices. */
  also?: TextKey[]
  /** Beside the line, where it is small. */
  isSmall?: boolean
  Control: (props: SettingProps) => ComponentChildren
  /** Under all of it. */
  More?: (props: SettingProps) => ComponentChildren
}

export function Setting({ entry, store }: { entry: SettingEntry; store: SettingsStore }) {
  const { id, Control, More, isSmall } = entry
  const key = useId()
  const [title, hint] = [`${key}-title`, `${key}-hint`]
  return (
    <section class={isSmall ? 'setting small' : 'setting'} aria-labelledby={title}>
      <div class="setting-words">
        <h2 id={title}>{say(entry.title)}</h2>
        <output class="setting-saved">
          {store.saved.value === id && (
            <>
              <Icon of={Check} size={14} />
              {say('saved')}
            </>
          )}
        </output>
        <p id={hint}>{say(entry.hint)}</p>
      </div>
      <div class="setting-control">
        <Control store={store} title={title} hint={hint} />
      </div>
      {More && <More store={store} title={title} hint={hint} />}
    </section>
  )
}

/** A setting that is on or off. */
export const switchOf =
  (isOn: (store: SettingsStore) => boolean, set: (store: SettingsStore, isOn: boolean) => unknown) =>
  ({ store, title, hint }: SettingProps) => (
    <Switch
      labelledBy={title}
      describedBy={hint}
      isOn={isOn(store)}
      onSwitch={(next) => void set(store, next)}
    />
  )
