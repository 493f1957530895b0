import {
  AppWindow,
  Archive,
  Ban,
  Bell,
  BellOff,
  BellRing,
  FolderInput,
  Mail,
  MailOpen,
  MessageCircle,
  Pencil,
  Star,
  StarOff,
  UserMinus,
} from 'lucide'
import { useState } from 'preact/hooks'
import type { Buddy, BuddyListStore } from '../stores/buddy-list-store.ts'
import { ArrivalDialog } from './ArrivalDialog.tsx'
import { BlockDialog } from './BlockDialog.tsx'
import { MoveToGroupDialog } from './GroupDialogs.tsx'
import { HistoryDialog } from './HistoryDialog.tsx'
import { MenuButton, type MenuEntry } from './Menu.tsx'
import { NicknameDialog } from './NicknameDialog.tsx'
import { RemoveDialog } from './RemoveDialog.tsx'
import { say } from './text.ts'

interface Props {
  buddy: Buddy
  store: BuddyListStore
  isStop: boolean
  isOpen: boolean
  onToggle(isOpen: boolean): void
  onOpenChat(): void
}

/** Everything that can be done with a buddy. */
export function BuddyMenu({ buddy, store, isStop, isOpen, onToggle, onOpenChat }: Props) {
  const { name, nickname, isFavourite, isMuted, isMarked, tellsOnline, unread } = buddy
  const [dialog, setDialog] = useState<
    'nickname' | 'group' | 'arrival' | 'history' | 'block' | 'remove' | null
  >(null)
  const close = () => setDialog(null)
  const isNew = unread > 0 || isMarked

  const entries = (): MenuEntry[] => [
    { label: say('open'), icon: MessageCircle, onSelect: onOpenChat },
    {
      label: say(isFavourite ? 'notFavourite' : 'favourite'),
      icon: isFavourite ? StarOff : Star,
      onSelect: () => void store.change(name, { isFavourite: isFavourite ? null : true }),
    },
    { label: say('nicknameAsk'), icon: Pencil, onSelect: () => setDialog('nickname') },
    { label: say('groupAsk'), icon: FolderInput, onSelect: () => setDialog('group') },
    {
      label: say(tellsOnline ? 'tellOnlineStop' : 'tellOnline'),
      icon: tellsOnline ? BellOff : BellRing,
      onSelect: () => void store.change(name, { tellOnline: tellsOnline ? null : true }),
    },
    {
      label: say(isNew ? 'markRead' : 'markUnread'),
      icon: isNew ? MailOpen : Mail,
      onSelect: () => void (isNew ? store.markRead(buddy) : store.mark(name, true)),
    },
    { label: say('arrivalAsk'), icon: AppWindow, onSelect: () => setDialog('arrival') },
    { label: say('historyAsk'), icon: Archive, onSelect: () => setDialog('history') },
    {
      label: say(isMuted ? 'unmute' : 'mute'),
      icon: isMuted ? Bell : BellOff,
      onSelect: () => void store.mute(name, !isMuted),
    },
    { label: say('blockAsk'), icon: Ban, isDangerous: true, onSelect: () => setDialog('block') },
    {
      label: say('removeBuddy'),
      icon: UserMinus,
      isDangerous: true,
      onSelect: () => setDialog('remove'),
    },
  ]

  return (
    <>
      <MenuButton
        label={say('moreFor', name)}
        tabIndex={isStop ? 0 : -1}
        isOpen={isOpen}
        onToggle={onToggle}
        entries={isOpen ? entries() : []}
      />
      {dialog === 'nickname' && (
        <NicknameDialog
          name={name}
          nickname={nickname}
          onSave={(typed) => void store.setNickname(name, typed)}
          onClose={close}
        />
      )}
      {dialog === 'group' && <MoveToGroupDialog buddy={buddy} store={store} onClose={close} />}
      {dialog === 'arrival' && (
        <ArrivalDialog buddy={buddy} onSave={(fields) => void store.change(name, fields)} onClose={close} />
      )}
      {dialog === 'history' && (
        <HistoryDialog
          name={name}
          keeps={buddy.keepsHistory}
          onSave={(keeps) => void store.change(name, { keepsHistory: keeps ? null : false })}
          onClose={close}
        />
      )}
      {dialog === 'block' && (
        <BlockDialog name={name} onBlock={() => void store.block(name)} onClose={close} />
      )}
      {dialog === 'remove' && (
        <RemoveDialog name={name} onRemove={() => void store.remove(name)} onClose={close} />
      )}
    </>
  )
}
