import type { Shown } from '../stores/presence.ts'
import './PresenceShape.css'

/**
 * Presence as a shape, for who cannot tell the colours: a full dot, a half moon, an open dot, a dot with a bar, a
 * thin ring. It is silent, because the word is always there too.
 */
export function PresenceShape({ show }: { show: Shown }) {
  return (
    <svg class={`presence-shape ${show}`} width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
      {shapes[show]}
    </svg>
  )
}

const ring = <circle cx="6" cy="6" r="4.75" fill="none" stroke="currentColor" stroke-width="1.5" />

const shapes: Record<Shown, preact.JSX.Element> = {
  online: <circle cx="6" cy="6" r="5.5" fill="currentColor" />,
  idle: <path d="M8.2 0.95 A5.5 5.5 0 1 0 11.05 8.2 A5 5 0 0 1 8.2 0.95 Z" fill="currentColor" />,
  away: <circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" stroke-width="2.5" />,
  dnd: (
    <path
      fill="currentColor"
      fill-rule="evenodd"
      d="M6 0.5 A5.5 5.5 0 1 1 6 11.5 A5.5 5.5 0 1 1 6 0.5 Z M3.6 5 A1 1 0 0 0 3.6 7 H8.4 A1 1 0 0 0 8.4 5 Z"
    />
  ),
  offline: ring,
  unknown: (
    <circle
      cx="6"
      cy="6"
      r="4.75"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-dasharray="2 2.2"
    />
  ),
}
