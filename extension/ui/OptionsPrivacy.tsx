import { useId } from 'preact/hooks'
import type { Reach } from '../stores/settings-store.ts'
import { Button } from './Button.tsx'
import { Choices } from './Choices.tsx'
import { archiveProblemWords } from './HistoryLine.tsx'
import { InviteLink } from './InviteLink.tsx'
import { Name } from './Name.tsx'
import { Select } from './Select.tsx'
import { switchOf, type SettingEntry, type SettingProps } from './Setting.tsx'
import { Switch } from './Switch.tsx'
import { say, sayCount, type TextKey } from './text.ts'

const reaches: { value: Reach; label: TextKey; note: TextKey }[] = [
  { value: 'everyone', label: 'reachEveryone', note: 'reachEveryoneNote' },
  { value: 'buddies', label: 'reachBuddies', note: 'reachBuddiesNote' },
  { value: 'invite', label: 'reachInvite', note: 'reachInviteNote' },
]
const idleChoices = [1, 2, 3, 5, 10, 15, 20, 30]

/** Who reaches me, and what others learn of me. */
export const privacySettings: SettingEntry[] = [
  {
    id: 'reach',
    title: 'settingReach',
    hint: 'settingReachHint',
    also: reaches.map(({ label }) => label),
    Control: WhoReaches,
  },
  { id: 'invite', title: 'settingInvite', hint: 'settingInviteHint', Control: InviteLink },
  {
    id: 'reads',
    title: 'settingReads',
    hint: 'settingReadsHint',
    isSmall: true,
    Control: ReadReceipts,
    More: NeedsConnection,
  },
  {
    id: 'typing',
    title: 'settingTyping',
    hint: 'settingTypingHint',
    isSmall: true,
    Control: switchOf(
      ({ settings }) => settings.value.typing,
      (store, typing) => store.change('typing', { typing }),
    ),
  },
  {
    id: 'tellsLeave',
    title: 'settingLeave',
    hint: 'settingLeaveHint',
    isSmall: true,
    Control: switchOf(
      ({ settings }) => settings.value.tellsLeave,
      (store, tellsLeave) => store.change('tellsLeave', { tellsLeave }),
    ),
  },
  {
    id: 'history',
    title: 'settingHistory',
    hint: 'settingHistoryHint',
    isSmall: true,
    Control: switchOf(
      ({ settings }) => settings.value.keepsHistory,
      (store, keepsHistory) => store.change('history', { keepsHistory }),
    ),
    More: HistoryOf,
  },
  { id: 'idle', title: 'settingIdle', hint: 'settingIdleHint', isSmall: true, Control: Idle },
  { id: 'blocked', title: 'settingBlocked', hint: 'settingBlockedHint', Control: BlockedPeople },
]

/** What the relay enforces is the relay's to store. */
function NeedsConnection({ store }: Pick<SettingProps, 'store'>) {
  return store.isConnected.value ? null : <p class="setting-note">{say('needsConnection')}</p>
}

function HistoryOf({ store }: Pick<SettingProps, 'store'>) {
  const heading = useId()
  const problem = store.archiveProblem.value
  const leftOut = store.settings.value.keepsHistory ? store.leftOut.value : []
  return (
    <>
      {problem && <p class="setting-note">{say(archiveProblemWords[problem])}</p>}
      {leftOut.length > 0 && (
        <>
          <p class="setting-note" id={heading}>
            {say('historyLeftOut')}
          </p>
          <ul class="setting-list" aria-labelledby={heading}>
            {leftOut.map((name) => (
              <NamedItem
                key={name}
                name={name}
                action={say('historyKeepAgain')}
                onAction={() => void store.keepHistory(name)}
              />
            ))}
          </ul>
        </>
      )}
    </>
  )
}

function WhoReaches({ store, title }: SettingProps) {
  return (
    <>
      <Choices
        labelledBy={title}
        value={store.policy.value.reach}
        disabled={!store.isConnected.value}
        choices={reaches.map(({ value, label, note }) => ({ value, label: say(label), note: say(note) }))}
        onChoose={(reach) => void store.setReach(reach)}
      />
      <NeedsConnection store={store} />
    </>
  )
}

function ReadReceipts({ store, title, hint }: SettingProps) {
  return (
    <Switch
      labelledBy={title}
      describedBy={hint}
      isOn={store.policy.value.reads}
      disabled={!store.isConnected.value}
      onSwitch={(reads) => void store.setReads(reads)}
    />
  )
}

function Idle({ store, title, hint }: SettingProps) {
  const { idleMinutes } = store.settings.value
  const minutes = [...new Set([...idleChoices, ...(idleMinutes > 0 ? [idleMinutes] : [])])]
  return (
    <Select
      labelledBy={title}
      describedBy={hint}
      value={idleMinutes}
      choices={[
        ...minutes.toSorted((a, b) => a - b).map((value) => ({ value, label: sayCount('minutes', value) })),
        { value: 0, label: say('never') },
      ]}
      onChoose={(chosen) => void store.change('idle', { idleMinutes: chosen })}
    />
  )
}

function BlockedPeople({ store, title }: SettingProps) {
  const blocked = store.blocked.value
  if (blocked.length === 0) return <p class="setting-note">{say('blockedNone')}</p>
  return (
    <ul class="setting-list" aria-labelledby={title}>
      {blocked.map((name) => (
        <NamedItem key={name} name={name} action={say('unblock')} onAction={() => void store.unblock(name)} />
      ))}
    </ul>
  )
}

interface NamedProps {
  name: string
  action: string
  onAction(): void
}

function NamedItem({ name, action, onAction }: NamedProps) {
  const who = useId()
  return (
    <li>
      <span id={who}>
        <Name of={name} />
      </span>
      <Button aria-describedby={who} onClick={onAction}>
        {action}
      </Button>
    </li>
  )
}
