import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import './BuddyList.css'
import './Requests.css'

interface Props {
  title: string
  /** Beside the title. */
  action?: ComponentChildren
  children: ComponentChildren
}

/** A part of the popup that holds people who wait, above the list of buddies. */
export function WaitingList({ title, action, children }: Props) {
  const heading = useId()
  return (
    <section class="requests">
      <div class="list-group">
        <h2 id={heading} class="list-heading">
          {title}
        </h2>
        {action}
      </div>
      <ul aria-labelledby={heading}>{children}</ul>
    </section>
  )
}
