import type { Shown } from '../stores/presence.ts'
import './Avatar.css'
import { hueOf, initialsOf } from './avatar.ts'
import { PresenceShape } from './PresenceShape.tsx'

interface Props {
  name: string
  /** Sits on the corner as a shape; the word stands elsewhere. */
  show?: Shown
  size?: 'row' | 'large'
}

export function Avatar({ name, show, size = 'row' }: Props) {
  return (
    <span class={`avatar ${size}`} aria-hidden="true">
      <span class="initials" style={{ '--hue': hueOf(name) }}>
        {initialsOf(name)}
      </span>
      {show && (
        <span class="corner">
          <PresenceShape show={show} />
        </span>
      )}
    </span>
  )
}
