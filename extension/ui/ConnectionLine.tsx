import { CloudOff, LoaderCircle, TriangleAlert, WifiOff, type IconNode } from 'lucide'
import type { ComponentChildren } from 'preact'
import type { ConnectionStore } from '../stores/connection-store.ts'
import { Button } from './Button.tsx'
import './ConnectionLine.css'
import { duration } from './format.ts'
import { Icon } from './Icon.tsx'
import { reasonWords } from './problem-words.ts'
import { say, sayWith } from './text.ts'

type Line = NonNullable<ConnectionStore['line']['value']>

const icons: Record<Line['type'], IconNode> = {
  connecting: LoaderCircle,
  reconnecting: CloudOff,
  offline: WifiOff,
  refused: TriangleAlert,
}

/** Trying again changes nothing: only signing in anew does. */
const final = new Set(['not-authorized', 'credentials-expired', 'account-disabled', 'gone'])

function words(line: Line): ComponentChildren {
  if (line.type === 'connecting') return say('connecting')
  if (line.type === 'offline') return say('offlineLine')
  if (line.type === 'refused') return say('refusedLine', reasonWords(line.reason))
  if (line.seconds === 0) return say('reconnecting')
  // Read aloud each second, the countdown would drown everything else.
  return sayWith('reconnectingIn', <span aria-live="off">{duration(line.seconds * 1000)}</span>)
}

/** What is wrong with the connection and when it is tried again; nothing while all is well. */
export function ConnectionLine({ store, onSignInAgain }: { store: ConnectionStore; onSignInAgain(): void }) {
  const line = store.line.value
  if (!line) return null
  const isWorthTrying =
    line.type === 'refused' ? !final.has(line.reason) : line.type === 'reconnecting' && line.seconds > 0
  return (
    <div class={`connection-line ${line.type}`}>
      <div class="connection-inside">
        <Icon of={icons[line.type]} size={14} />
        <output>{words(line)}</output>
        {line.type === 'refused' && final.has(line.reason) && line.reason !== 'gone' && (
          <Button kind="link" onClick={onSignInAgain}>
            {say('signInAgain')}
          </Button>
        )}
        {isWorthTrying && (
          <Button kind="link" onClick={() => void store.tryNow()}>
            {say('tryNow')}
          </Button>
        )}
      </div>
    </div>
  )
}
