import { TriangleAlert } from 'lucide'
import { useState } from 'preact/hooks'
import type { ConversationStore } from '../stores/conversation-store.ts'
import { Button } from './Button.tsx'
import { Icon } from './Icon.tsx'
import { Name } from './Name.tsx'
import './Notice.css'
import './OtherAccount.css'
import { RemoveDialog } from './RemoveDialog.tsx'
import { SafetyNumberDialog } from './SafetyNumberDialog.tsx'
import { say, sayWith } from './text.ts'

interface Props {
  store: ConversationStore
  isBuddy: boolean
}

/** Another account behind a known name: what that may mean, and what one can do. Meanwhile nothing is sent. */
export function OtherAccount({ store, isBuddy }: Props) {
  const [dialog, setDialog] = useState<'compare' | 'remove' | null>(null)
  const name = store.name.value
  const close = () => setDialog(null)
  return (
    <div class="notice other-account" role="alert">
      <Icon of={TriangleAlert} size={16} />
      <p>{sayWith('otherAccount', <Name of={name} />)}</p>
      <div class="other-account-choices">
        <Button onClick={() => setDialog('compare')}>{say('compareAndGoOn')}</Button>
        {isBuddy && <Button onClick={() => setDialog('remove')}>{say('removeBuddy')}</Button>}
      </div>
      {dialog === 'compare' && <SafetyNumberDialog safety={store.safety} name={name} onClose={close} />}
      {dialog === 'remove' && (
        <RemoveDialog name={name} onRemove={() => void store.remove()} onClose={close} />
      )}
    </div>
  )
}
