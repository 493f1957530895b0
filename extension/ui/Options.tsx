import { Search } from 'lucide'
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { AccountStore } from '../stores/account-store.ts'
import type { DevicesStore } from '../stores/devices-store.ts'
import type { SettingsStore } from '../stores/settings-store.ts'
import { Icon } from './Icon.tsx'
import { Logo } from './Logo.tsx'
import { Notice } from './Notice.tsx'
import './Options.css'
import { aboutTexts, OptionsAbout } from './OptionsAbout.tsx'
import { accountTexts, OptionsAccount } from './OptionsAccount.tsx'
import { devicesTexts, OptionsDevices } from './OptionsDevices.tsx'
import { messageSettings } from './OptionsMessages.tsx'
import { privacySettings } from './OptionsPrivacy.tsx'
import { profileSettings } from './OptionsProfile.tsx'
import { storageSettings } from './OptionsStorage.tsx'
import { problemWords } from './problem-words.ts'
import { Setting, type SettingEntry } from './Setting.tsx'
import { say, type TextKey } from './text.ts'

interface Props {
  store: AccountStore
  settings: SettingsStore
  devices: DevicesStore
  version: string
}

/** A page of the options: settings one by one, or something that is found and shown as a whole. */
interface Section {
  id: string
  title: TextKey
  settings?: SettingEntry[]
  texts?: TextKey[]
  Whole?: (props: Props) => ComponentChildren
}

const sections: Section[] = [
  { id: 'messages', title: 'optionsMessages', settings: messageSettings },
  { id: 'privacy', title: 'optionsPrivacy', settings: privacySettings },
  { id: 'storage', title: 'optionsStorage', settings: storageSettings },
  { id: 'profile', title: 'optionsProfile', settings: profileSettings },
  { id: 'devices', title: 'optionsDevices', texts: devicesTexts, Whole: OptionsDevices },
  { id: 'account', title: 'optionsAccount', texts: accountTexts, Whole: OptionsAccount },
  { id: 'about', title: 'optionsAbout', texts: aboutTexts, Whole: OptionsAbout },
]

const has = (texts: TextKey[], wanted: string) =>
  texts.some((key) => say(key).toLowerCase().includes(wanted.trim().toLowerCase()))

/** What of each section is found by its line or its sentence. */
const found = (wanted: string): Section[] =>
  sections
    .map((section) => ({
      ...section,
      ...(section.settings && {
        settings: section.settings.filter(({ title, hint, also = [] }) =>
          has([title, hint, ...also], wanted),
        ),
      }),
    }))
    .filter(({ settings, texts }) => (settings ? settings.length > 0 : has(texts ?? [], wanted)))

/** Settings: a side list of sections, and each setting one line and one sentence. */
export function Options({ store, settings, devices, version }: Props) {
  const current = useHash()
  const [wanted, setWanted] = useState('')
  // Where one has gone, one wants to see: a search would hide it.
  useEffect(() => setWanted(''), [current])
  const isSearching = wanted.trim() !== ''
  const shown = isSearching ? found(wanted) : sections.filter(({ id }) => id === current)
  const problem = store.problem.value ?? settings.problem.value
  if (!store.account.value) return null
  return (
    <div class="options">
      <nav aria-label={say('settings')}>
        <p class="options-brand">
          <Logo size={24} />
          {say('appName')}
        </p>
        <search class="options-search">
          <span class="field-box">
            <Icon of={Search} size={16} />
            <input
              type="search"
              aria-label={say('searchSettings')}
              placeholder={say('searchSettings')}
              autoComplete="off"
              value={wanted}
              onInput={({ currentTarget }) => setWanted(currentTarget.value)}
            />
          </span>
        </search>
        <ul>
          {sections.map(({ id, title }) => (
            <li key={id}>
              <a
                href={`#${id}`}
                aria-current={!isSearching && id === current ? 'page' : undefined}
                onClick={() => setWanted('')}
              >
                {say(title)}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main>
        {problem && (
          <Notice
            text={problemWords(problem)}
            onClose={() => {
              store.clearProblem()
              settings.clearProblem()
            }}
          />
        )}
        {shown.length === 0 && <output>{say('searchNothing')}</output>}
        {shown.map(({ id, title, settings: entries = [], Whole }) => (
          <div key={id} class="options-section">
            <h1>{say(title)}</h1>
            {entries.map((entry) => (
              <Setting key={entry.id} entry={entry} store={settings} />
            ))}
            {Whole && <Whole store={store} settings={settings} devices={devices} version={version} />}
          </div>
        ))}
      </main>
    </div>
  )
}

/** Which section: kept in the address, so Back and a bookmark work. */
function useHash(): string {
  const read = () => sections.find(({ id }) => `#${id}` === location.hash)?.id ?? sections[0]!.id
  const [id, setId] = useState(read)
  useEffect(() => {
    const onChange = () => setId(read())
    window.addEventListener('hashchange', onChange)
    return () => window.removeEventListener('hashchange', onChange)
  }, [])
  return id
}
