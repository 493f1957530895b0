import { Check, Copy } from 'lucide'
import { useState } from 'preact/hooks'
import type { Me } from '../stores/buddy-list-store.ts'
import { Button } from './Button.tsx'
import './EmptyList.css'
import { Logo } from './Logo.tsx'
import { say } from './text.ts'

/** Nobody is here yet: how that changes, and the one thing that others need to know. */
export function EmptyList({ me }: { me: Me }) {
  const [isCopied, setCopied] = useState(false)
  return (
    <section class="empty-list">
      <Logo size={48} />
      <h2>{say('emptyHeading')}</h2>
      <p>{say('emptySentence')}</p>
      <p class="empty-name">
        <span>{say('yourUserName')}</span>
        <bdi>{me.user}</bdi>
      </p>
      <Button
        icon={isCopied ? Check : Copy}
        onClick={async () => {
          await navigator.clipboard.writeText(me.user)
          setCopied(true)
        }}
      >
        {say(isCopied ? 'copied' : 'copyUserName')}
      </Button>
    </section>
  )
}
