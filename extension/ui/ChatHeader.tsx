import {
  Archive,
  Ban,
  Bell,
  BellOff,
  Check,
  Images,
  LogOut,
  MailOpen,
  ShieldCheck,
  TimerOff,
  UserMinus,
} from 'lucide'
import { useState } from 'preact/hooks'
import type { Millis, UserId } from '#shared/ids'
import type { ConversationStore } from '../stores/conversation-store.ts'
import { Avatar } from './Avatar.tsx'
import { BlockDialog } from './BlockDialog.tsx'
import './ChatHeader.css'
import { HistoryDialog } from './HistoryDialog.tsx'
import { Icon } from './Icon.tsx'
import { MenuButton, type MenuEntry } from './Menu.tsx'
import { Name } from './Name.tsx'
import { presenceWords } from './presence-words.ts'
import { RemoveDialog } from './RemoveDialog.tsx'
import { SafetyNumberDialog } from './SafetyNumberDialog.tsx'
import { say } from './text.ts'

interface Props {
  store: ConversationStore
  peer: UserId
  now: Millis
  onShared(): void
}

/** Whom one talks to, as I call them and by their real name, and what can be done about the whole conversation. */
export function ChatHeader({ store, peer, now, onShared }: Props) {
  const presence = store.presence.value
  const name = store.name.value
  const isBuddy = store.relation.value === 'buddies'

  return (
    <header class="chat-header">
      <Avatar name={peer} show={isBuddy ? presence.show : undefined} />
      <div class="chat-who">
        <h1>
          <Name of={name} />
          {name !== peer && <bdi class="chat-user-name">{peer}</bdi>}
          {store.isMuted.value && <Icon of={BellOff} size={12} />}
          {store.safety.isVerified.value && (
            <>
              <Icon of={ShieldCheck} size={12} />
              <span class="visually-hidden">{say('safetyVerified')}</span>
            </>
          )}
        </h1>
        {isBuddy && (
          <p title={presence.status}>
            {presenceWords(presence, now)}
            {presence.status !== '' && (
              <>
                {' · '}
                <bdi>{presence.status}</bdi>
              </>
            )}
          </p>
        )}
      </div>
      <ConversationMenu store={store} peer={peer} isBuddy={isBuddy} onShared={onShared} />
    </header>
  )
}

function ConversationMenu({
  store,
  peer,
  isBuddy,
  onShared,
}: {
  store: ConversationStore
  peer: UserId
  isBuddy: boolean
  onShared(): void
}) {
  const [isOpen, setOpen] = useState(false)
  const [dialog, setDialog] = useState<'block' | 'remove' | 'safety-number' | 'history' | null>(null)
  const isMuted = store.isMuted.value
  const forgets = store.forgets.value
  const relation = store.relation.value
  const close = () => setDialog(null)

  const entries: (MenuEntry | false)[] = [
    isBuddy && {
      label: say(isMuted ? 'unmute' : 'mute'),
      icon: isMuted ? Bell : BellOff,
      onSelect: () => void store.mute(!isMuted),
    },
    { label: say('sharedHere'), icon: Images, onSelect: onShared },
    { label: say('markUnread'), icon: MailOpen, onSelect: () => void store.markUnread() },
    isBuddy && {
      label: say('forgetAtEnd'),
      icon: forgets ? Check : TimerOff,
      isOn: forgets,
      onSelect: () => void store.setForgets(!forgets),
    },
    isBuddy && { label: say('historyAsk'), icon: Archive, onSelect: () => setDialog('history') },
    isBuddy && { label: say('endConversation'), icon: LogOut, onSelect: () => void store.end() },
    { label: say('safetyNumber'), icon: ShieldCheck, onSelect: () => setDialog('safety-number') },
    relation !== 'blocked' && {
      label: say('block'),
      icon: Ban,
      isDangerous: true,
      onSelect: () => setDialog('block'),
    },
    isBuddy && {
      label: say('removeBuddy'),
      icon: UserMinus,
      isDangerous: true,
      onSelect: () => setDialog('remove'),
    },
  ]

  return (
    <>
      <MenuButton
        label={say('more')}
        isOpen={isOpen}
        onToggle={setOpen}
        entries={entries.filter((entry) => entry !== false)}
      />
      {dialog === 'history' && (
        <HistoryDialog
          name={peer}
          keeps={store.keepsHistory.value}
          onSave={(keeps) => void store.setKeepsHistory(keeps)}
          onClose={close}
        />
      )}
      {dialog === 'block' && <BlockDialog name={peer} onBlock={() => void store.block()} onClose={close} />}
      {dialog === 'remove' && (
        <RemoveDialog name={peer} onRemove={() => void store.remove()} onClose={close} />
      )}
      {dialog === 'safety-number' && <SafetyNumberDialog safety={store.safety} name={peer} onClose={close} />}
    </>
  )
}
