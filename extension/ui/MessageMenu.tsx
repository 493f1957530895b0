import { Copy, Eraser, Pencil, Reply, SmilePlus, Trash2 } from 'lucide'
import type { MessageItem } from '../stores/timeline.ts'
import { Icon } from './Icon.tsx'
import { MenuEntries, Popover, type MenuEntry } from './Menu.tsx'
import './MessageMenu.css'
import type { MessageActions } from './message-actions.ts'
import { say } from './text.ts'

/** At hand at once; every other one is in the picker. */
export const quickReactions = ['👍', '❤️', '😂', '😮', '😢', '🎉']

interface Props {
  message: MessageItem
  anchor: HTMLElement
  actions: MessageActions
  /** Looks for another emoji to react with. */
  onPick(): void
  onClose(): void
}

/** Everything that can be done with a message: reactions in a row, then the rest. */
export function MessageMenu({ message, anchor, actions, onPick, onClose }: Props) {
  const may = actions.allowed(message)
  const act = (run: () => void) => () => {
    onClose()
    run()
  }
  const entries: (MenuEntry | false)[] = [
    may.reply && { label: say('reply'), icon: Reply, onSelect: act(() => actions.reply(message)) },
    may.edit && { label: say('edit'), icon: Pencil, onSelect: act(() => actions.edit(message)) },
    may.copy && { label: say('copyText'), icon: Copy, onSelect: act(() => actions.copy(message)) },
    { label: say('deleteForMe'), icon: Eraser, onSelect: act(() => actions.hide(message)) },
    may.retract && {
      label: say('deleteForEveryone'),
      icon: Trash2,
      isDangerous: true,
      onSelect: act(() => actions.retract(message)),
    },
  ]
  const mine = message.reactions.find(({ isMine }) => isMine)?.emoji
  return (
    <Popover anchor={anchor} onClose={onClose} align={message.direction === 'out' ? 'end' : 'start'}>
      <MenuEntries
        label={say('messageMenu')}
        entries={entries.filter((entry) => entry !== false)}
        head={
          may.react && (
            <QuickRow
              mine={mine}
              onReact={(emoji) => act(() => actions.react(message, emoji))()}
              onMore={act(onPick)}
            />
          )
        }
      />
    </Popover>
  )
}

interface RowProps {
  mine: string | undefined
  onReact(emoji: string): void
  onMore(): void
}

function QuickRow({ mine, onReact, onMore }: RowProps) {
  const onKeyDown = (event: KeyboardEvent) => {
    const isBack = event.key === (document.documentElement.dir === 'rtl' ? 'ArrowRight' : 'ArrowLeft')
    if (!isBack && event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
    const at = document.activeElement
    const next = isBack ? at?.previousElementSibling : at?.nextElementSibling
    if (next instanceof HTMLElement) next.focus()
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    // oxlint-disable-next-line no-noninteractive-element-interactions -- its items have the focus, their keys pass here
    <fieldset aria-label={say('react')} class="quick-row" onKeyDown={onKeyDown}>
      {quickReactions.map((emoji) => (
        <button
          key={emoji}
          type="button"
          role="menuitemradio"
          class="quick-reaction"
          tabIndex={-1}
          aria-checked={emoji === mine}
          aria-label={say('reactWith', emoji)}
          onClick={() => onReact(emoji)}
        >
          {emoji}
        </button>
      ))}
      <button
        type="button"
        role="menuitem"
        class="quick-reaction"
        tabIndex={-1}
        aria-label={say('otherReaction')}
        title={say('otherReaction')}
        onClick={onMore}
      >
        <Icon of={SmilePlus} />
      </button>
    </fieldset>
  )
}
