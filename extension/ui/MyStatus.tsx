import { LogOut } from 'lucide'
import { useId, useRef, useState } from 'preact/hooks'
import type { Mode } from '#shared/frames'
import { characters } from '#shared/content'
import type { AccountStore } from '../stores/account-store.ts'
import type { BuddyListStore, Me } from '../stores/buddy-list-store.ts'
import { Avatar } from './Avatar.tsx'
import { Field } from './Field.tsx'
import { Icon } from './Icon.tsx'
import { MenuEntries, Popover } from './Menu.tsx'
import './MyStatus.css'
import { Name } from './Name.tsx'
import { showWord } from './presence-words.ts'
import { PresenceShape } from './PresenceShape.tsx'
import { SignOutDialog } from './SignOutDialog.tsx'
import { say, sayCount, type TextKey } from './text.ts'

const modes: { mode: Mode; label: TextKey; show: 'online' | 'away' | 'dnd' | 'offline' }[] = [
  { mode: 'auto', label: 'modeOnline', show: 'online' },
  { mode: 'away', label: 'modeAway', show: 'away' },
  { mode: 'dnd', label: 'modeDnd', show: 'dnd' },
  { mode: 'invisible', label: 'modeInvisible', show: 'offline' },
]

interface Props {
  store: BuddyListStore
  me: Me
  account: AccountStore
}

/** Who I am and what others see of me; pressed, it changes that. */
export function MyStatus({ store, me, account }: Props) {
  const [isOpen, setOpen] = useState(false)
  const [isLeaving, setLeaving] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const description = useId()
  const words = me.mode === 'invisible' ? say('modeInvisible') : showWord(me.show)

  return (
    <>
      <button
        ref={button}
        type="button"
        class="my-status"
        aria-label={say('myStatus')}
        aria-describedby={description}
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <Avatar name={me.user} show={me.show} />
        <span id={description} class="my-status-words">
          <span class="my-status-name">
            <Name of={me.user} />
          </span>
          <span class="my-status-line" dir="auto">
            {me.status || words}
          </span>
        </span>
      </button>
      {isOpen && (
        <Popover
          anchor={button.current!}
          align="start"
          dialogLabel={say('myStatus')}
          class="my-status-sheet"
          onClose={() => setOpen(false)}
        >
          <MenuEntries
            label={say('presence')}
            entries={modes.map(({ mode, label, show }) => ({
              label: say(label),
              mark: <PresenceShape show={show} />,
              isChecked: mode === me.mode,
              onSelect() {
                setOpen(false)
                void store.setMode(mode)
              },
            }))}
          />
          <StatusMessage
            status={me.status}
            charsMax={store.limits.value.statusCharsMax}
            onSet={(status) => void store.setStatus(status)}
            onDone={() => setOpen(false)}
          />
          <button
            type="button"
            class="menu-entry"
            onClick={() => {
              setOpen(false)
              setLeaving(true)
            }}
          >
            <span class="menu-mark">
              <Icon of={LogOut} size={16} mirrors />
            </span>
            {say('signOutAsk')}
          </button>
        </Popover>
      )}
      {isLeaving && <SignOutDialog store={account} user={me.user} onClose={() => setLeaving(false)} />}
    </>
  )
}

interface StatusProps {
  status: string
  charsMax: number
  onSet(status: string): void
  onDone(): void
}

/** Set by Enter and by going elsewhere: nobody has to look for a button. */
function StatusMessage({ status, charsMax, onSet, onDone }: StatusProps) {
  const [text, setText] = useState(status)
  const over = characters(text.trim()) - charsMax
  const set = () => {
    if (text.trim() !== status && over <= 0) onSet(text)
  }
  return (
    <form
      class="status-message"
      onSubmit={(event) => {
        event.preventDefault()
        if (over > 0) return
        set()
        onDone()
      }}
    >
      <Field
        label={say('statusMessage')}
        placeholder={say('statusPlaceholder')}
        dir="auto"
        autoComplete="off"
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onBlur={set}
        error={over > 0 && sayCount('tooLong', over)}
      />
    </form>
  )
}
