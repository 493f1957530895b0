import { ChevronsDownUp, ChevronsUpDown, Copy, Eraser } from 'lucide'
import { useState } from 'preact/hooks'
import type { Millis } from '#shared/ids'
import type { SessionItem } from '../stores/timeline.ts'
import { dayName, duration, fullTime, timeOfDay } from './format.ts'
import { MenuButton } from './Menu.tsx'
import type { MessageActions } from './message-actions.ts'
import './SessionHead.css'
import { say, sayCount } from './text.ts'

interface Props {
  session: SessionItem
  now: Millis
  actions: MessageActions
}

/** Where a session begins: when, how long it was, and what can be done with all of it. */
export function SessionHead({ session, now, actions }: Props) {
  const { at, lengthMs, count, isCollapsed } = session
  const [isOpen, setOpen] = useState(false)
  const start = say('sessionStart', dayName(at, now), timeOfDay(at))
  return (
    <div class="session-head">
      <h2 class="log-separator" title={fullTime(at)}>
        {start}
        {lengthMs !== null && lengthMs >= 60_000 && <span> · {duration(lengthMs)}</span>}
        {isCollapsed && <span> · {sayCount('sessionMessages', count)}</span>}
      </h2>
      <MenuButton
        label={say('sessionMenu', start)}
        tabIndex={-1}
        isOpen={isOpen}
        onToggle={setOpen}
        entries={[
          ...(lengthMs === null
            ? []
            : [
                {
                  label: say(isCollapsed ? 'sessionExpand' : 'sessionCollapse'),
                  icon: isCollapsed ? ChevronsUpDown : ChevronsDownUp,
                  onSelect: () => actions.collapse(session),
                },
              ]),
          { label: say('sessionCopy'), icon: Copy, onSelect: () => actions.copySession(session) },
          {
            label: say('deleteForMe'),
            icon: Eraser,
            isDangerous: true,
            onSelect: () => actions.hideSession(session),
          },
        ]}
      />
    </div>
  )
}
