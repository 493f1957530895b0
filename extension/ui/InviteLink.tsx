import { Check, Copy } from 'lucide'
import { useState } from 'preact/hooks'
import { Button } from './Button.tsx'
import { Dialog } from './Dialog.tsx'
import './Field.css'
import { Qr } from './Qr.tsx'
import type { SettingProps } from './Setting.tsx'
import { say } from './text.ts'

/** A link that makes whoever has it my buddy, for as long as it holds. */
export function InviteLink({ store }: SettingProps) {
  const link = store.invite.value
  const isOffline = !store.isConnected.value
  const isDisabled = isOffline || store.isBusy.value
  return (
    <>
      {link === null ? (
        <Button disabled={isDisabled} onClick={() => void store.newInvite()}>
          {say('inviteMake')}
        </Button>
      ) : (
        <ShownLink
          link={link}
          isDisabled={isDisabled}
          onNew={() => void store.newInvite()}
          onDrop={() => void store.dropInvite()}
        />
      )}
      {isOffline && <p class="setting-note">{say('needsConnection')}</p>}
    </>
  )
}

interface Props {
  link: string
  isDisabled: boolean
  onNew(): void
  onDrop(): void
}

function ShownLink({ link, isDisabled, onNew, onDrop }: Props) {
  const [copied, setCopied] = useState('')
  const [isReplacing, setReplacing] = useState(false)
  const isCopied = copied === link
  return (
    <>
      <span class="field-box invite-link">
        <input
          type="text"
          dir="ltr"
          readOnly
          aria-label={say('inviteLink')}
          value={link}
          onFocus={({ currentTarget }) => currentTarget.select()}
        />
      </span>
      <div class="setting-row">
        <Button
          kind="primary"
          icon={isCopied ? Check : Copy}
          onClick={async () => {
            await navigator.clipboard.writeText(link)
            setCopied(link)
          }}
        >
          {say(isCopied ? 'copied' : 'inviteCopy')}
        </Button>
        <Button disabled={isDisabled} onClick={() => setReplacing(true)}>
          {say('inviteNew')}
        </Button>
        <Button disabled={isDisabled} onClick={onDrop}>
          {say('inviteDrop')}
        </Button>
      </div>
      <Qr text={link} label={say('inviteQr')} />
      {isReplacing && (
        <Dialog
          title={say('inviteNewQuestion')}
          confirm={say('inviteNew')}
          onConfirm={() => {
            onNew()
            setReplacing(false)
          }}
          onClose={() => setReplacing(false)}
        >
          <p>{say('inviteNewSentence')}</p>
        </Dialog>
      )}
    </>
  )
}
