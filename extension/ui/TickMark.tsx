import { Check, CheckCheck, CircleAlert, Clock, ClockAlert, Eye, TimerOff, type IconNode } from 'lucide'
import type { Tick } from '../stores/timeline.ts'
import { Icon } from './Icon.tsx'
import { say, type TextKey } from './text.ts'
import './TickMark.css'

const icons: Record<Tick, IconNode> = {
  pending: Clock,
  stored: Check,
  delivered: CheckCheck,
  read: Eye,
  failed: CircleAlert,
  expired: TimerOff,
  held: ClockAlert,
}
const words: Record<Tick, TextKey> = {
  pending: 'tickPending',
  stored: 'tickStored',
  delivered: 'tickDelivered',
  read: 'tickRead',
  failed: 'tickFailed',
  expired: 'tickExpired',
  held: 'tickHeld',
}
const meanings: Record<Tick, TextKey> = {
  pending: 'tickPendingMeans',
  stored: 'tickStoredMeans',
  delivered: 'tickDeliveredMeans',
  read: 'tickReadMeans',
  failed: 'tickFailedMeans',
  expired: 'tickExpiredMeans',
  held: 'tickHeldMeans',
}

/** How far a message of mine has come: seen under the last one of each, heard on all of them. */
export function TickMark({ tick, isShown, name }: { tick: Tick; isShown: boolean; name: string }) {
  return (
    <span class={isShown ? `tick ${tick}` : 'visually-hidden'} title={say(meanings[tick], name)}>
      {isShown && <Icon of={icons[tick]} size={12} />}
      {say(words[tick])}
    </span>
  )
}
