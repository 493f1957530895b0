import { useId } from 'preact/hooks'
import type { Exception, Settings } from '../stores/settings-store.ts'
import { arrivals, arrivalWord } from './arrival-words.ts'
import { Button } from './Button.tsx'
import { Choices } from './Choices.tsx'
import { Name } from './Name.tsx'
import { QuietHours, QuietTimes } from './QuietHours.tsx'
import { Select } from './Select.tsx'
import { switchOf, type SettingEntry, type SettingProps } from './Setting.tsx'
import { say, type TextKey } from './text.ts'

const previews: { value: Settings['preview']; label: TextKey }[] = [
  { value: 'text', label: 'previewText' },
  { value: 'name', label: 'previewName' },
  { value: 'nothing', label: 'previewNothing' },
]
const waits: { value: Settings['otherDevicesWaitS']; label: TextKey }[] = [
  { value: 0, label: 'waitNot' },
  { value: 30, label: 'waitShort' },
  { value: 144, label: 'waitLong' },
]

/** How messages of my buddies reach me. */
export const messageSettings: SettingEntry[] = [
  {
    id: 'arrival',
    title: 'settingArrival',
    hint: 'settingArrivalHint',
    also: ['arrivalWindow', 'arrivalPrompt', 'arrivalBadge'],
    Control: Arrival,
  },
  {
    id: 'exceptions',
    title: 'settingExceptions',
    hint: 'settingExceptionsHint',
    Control: Exceptions,
  },
  {
    id: 'promptText',
    title: 'settingPromptText',
    hint: 'settingPromptTextHint',
    isSmall: true,
    Control: switchOf(
      ({ settings }) => settings.value.promptText,
      (store, promptText) => store.change('promptText', { promptText }),
    ),
  },
  {
    id: 'notifications',
    title: 'settingNotifications',
    hint: 'settingNotificationsHint',
    isSmall: true,
    Control: switchOf(
      ({ settings }) => settings.value.notifications,
      (store, notifications) => store.change('notifications', { notifications }),
    ),
  },
  {
    id: 'preview',
    title: 'settingPreview',
    hint: 'settingPreviewHint',
    also: previews.map(({ label }) => label),
    isSmall: true,
    Control: ({ store, title, hint }) => (
      <Select
        labelledBy={title}
        describedBy={hint}
        value={store.settings.value.preview}
        choices={previews.map(({ value, label }) => ({ value, label: say(label) }))}
        onChoose={(preview) => void store.change('preview', { preview })}
      />
    ),
  },
  {
    id: 'sound',
    title: 'settingSound',
    hint: 'settingSoundHint',
    isSmall: true,
    Control: switchOf(
      ({ settings }) => settings.value.sound,
      (store, sound) => store.change('sound', { sound }),
    ),
  },
  {
    id: 'quietHours',
    title: 'settingQuiet',
    hint: 'settingQuietHint',
    isSmall: true,
    Control: QuietHours,
    More: QuietTimes,
  },
  {
    id: 'otherDevices',
    title: 'settingWait',
    hint: 'settingWaitHint',
    isSmall: true,
    Control: ({ store, title, hint }) => (
      <Select
        labelledBy={title}
        describedBy={hint}
        value={store.settings.value.otherDevicesWaitS}
        choices={waits.map(({ value, label }) => ({ value, label: say(label) }))}
        onChoose={(otherDevicesWaitS) => void store.change('otherDevices', { otherDevicesWaitS })}
      />
    ),
  },
]

function Arrival({ store, title }: SettingProps) {
  const { canOpenUnfocused, defaultArrival } = store.browser.value
  const notes: Record<(typeof arrivals)[number], TextKey> = {
    window: canOpenUnfocused ? 'arrivalWindowNote' : 'arrivalWindowTakesKeys',
    prompt: 'arrivalPromptNote',
    badge: 'arrivalBadgeNote',
  }
  return (
    <Choices
      labelledBy={title}
      value={store.settings.value.arrival ?? defaultArrival}
      choices={arrivals.map((value) => ({
        value,
        label: arrivalWord(value),
        note: [say(notes[value]), ...(value === defaultArrival ? [say('arrivalDefault')] : [])].join(' '),
      }))}
      onChoose={(arrival) => void store.setArrival(arrival)}
    />
  )
}

function Exceptions({ store, title }: SettingProps) {
  const exceptions = store.exceptions.value
  if (exceptions.length === 0) return <p class="setting-note">{say('exceptionsNone')}</p>
  return (
    <ul class="setting-list" aria-labelledby={title}>
      {exceptions.map((exception) => (
        <ExceptionItem
          key={exception.name}
          exception={exception}
          onBack={() => void store.backToGeneral(exception.name)}
        />
      ))}
    </ul>
  )
}

function ExceptionItem({ exception, onBack }: { exception: Exception; onBack(): void }) {
  const { name, nickname, arrival, sound } = exception
  const who = useId()
  const words = [
    ...(arrival === null ? [] : [arrivalWord(arrival)]),
    ...(sound === null ? [] : [say(sound ? 'soundOn' : 'soundOff')]),
  ]
  return (
    <li>
      <span id={who}>
        <Name of={nickname || name} />
        {nickname !== '' && <bdi class="setting-note"> {name}</bdi>}
        <span class="setting-note"> {words.join(', ')}</span>
      </span>
      <Button aria-describedby={who} onClick={onBack}>
        {say('backToGeneral')}
      </Button>
    </li>
  )
}
