import { Check, Copy, Download } from 'lucide'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Button } from './Button.tsx'
import './RecoveryCode.css'
import { say } from './text.ts'

interface Props {
  code: string
  user: string
  relay: string
  onSaved(): void
}

/** Shown once, right after sign-up: it exists nowhere else. Leaving the page meanwhile is asked about. */
export function RecoveryCode({ code, user, relay, onSaved }: Props) {
  const [isCopied, setCopied] = useState(false)
  const heading = useRef<HTMLHeadingElement>(null)

  useEffect(() => {
    heading.current?.focus()
    const hold = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener('beforeunload', hold)
    return () => window.removeEventListener('beforeunload', hold)
  }, [])

  const download = () => {
    const text = say('recoveryFile', user, relay, code)
    const address = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
    const link = Object.assign(document.createElement('a'), {
      href: address,
      download: say('recoveryFileName', user),
    })
    link.click()
    URL.revokeObjectURL(address)
  }

  return (
    <section class="recovery">
      <h1 ref={heading} tabIndex={-1}>
        {say('recoveryHeading')}
      </h1>
      <p>{say('recoverySentence')}</p>
      <code class="recovery-code" dir="ltr">
        {code}
      </code>
      <div class="recovery-copies">
        <Button
          icon={isCopied ? Check : Copy}
          onClick={async () => {
            await navigator.clipboard.writeText(code)
            setCopied(true)
          }}
        >
          {say(isCopied ? 'copied' : 'copy')}
        </Button>
        <Button icon={Download} onClick={download}>
          {say('downloadText')}
        </Button>
      </div>
      <p class="recovery-warning">{say('recoveryWarning')}</p>
      <Button kind="primary" onClick={onSaved}>
        {say('recoverySaved')}
      </Button>
    </section>
  )
}
