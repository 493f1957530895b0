import type { AccountStore } from '../stores/account-store.ts'
import { Dialog } from './Dialog.tsx'
import { Name } from './Name.tsx'
import { say, sayWith } from './text.ts'

interface Props {
  store: AccountStore
  user: string
  onClose(): void
}

export function SignOutDialog({ store, user, onClose }: Props) {
  return (
    <Dialog
      title={say('signOutQuestion')}
      confirm={say('signOut')}
      isBusy={store.isLeaving.value}
      onConfirm={async () => {
        await store.signOut()
        onClose()
      }}
      onClose={onClose}
    >
      <p>{sayWith('signOutSentence', <Name of={user} />)}</p>
    </Dialog>
  )
}
