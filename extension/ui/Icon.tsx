import type { IconNode } from 'lucide'
import { h } from 'preact'
import './Icon.css'

interface Props {
  of: IconNode
  size?: number
  /** Points along the line of reading, so it turns round where that runs from right to left. */
  mirrors?: boolean
}

/** One of lucide's, as elements. Silent for screen readers: the words stand beside it or on its button. */
export function Icon({ of, size = 18, mirrors = false }: Props) {
  return (
    <svg
      class={mirrors ? 'icon mirrors' : 'icon'}
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {of.map(([tag, attributes]) => h(tag, attributes))}
    </svg>
  )
}
