import { useState } from 'preact/hooks'
import type { DevicesStore } from '../stores/devices-store.ts'
import { Button } from './Button.tsx'
import { Dialog } from './Dialog.tsx'
import { Name } from './Name.tsx'
import { ProveDialog } from './ProveDialog.tsx'
import { say, sayWith } from './text.ts'

/** Asks twice: what it means, and then for the password. */
export function DeleteAccount({ store }: { store: DevicesStore }) {
  const [step, setStep] = useState<'sure' | 'prove' | null>(null)
  const close = () => setStep(null)
  const user = store.account.value?.user
  if (user === undefined) return null
  return (
    <>
      <section class="options-action">
        <div>
          <h2>{say('deleteAccount')}</h2>
          <p>{say('deleteAccountHint')}</p>
        </div>
        <Button onClick={() => setStep('sure')}>{say('deleteAccountAsk')}</Button>
      </section>
      {step === 'sure' && (
        <Dialog
          title={sayWith('deleteAccountQuestion', <Name of={user} />)}
          confirm={say('deleteAccountGoOn')}
          onConfirm={() => setStep('prove')}
          onClose={close}
        >
          <p>{say('deleteAccountSentence')}</p>
        </Dialog>
      )}
      {step === 'prove' && (
        <ProveDialog
          store={store}
          title={sayWith('deleteAccountQuestion', <Name of={user} />)}
          confirm={say('deleteAccountDo')}
          kind="danger"
          orCode
          onProve={(secret) => store.deleteAccount(secret)}
          onClose={close}
        >
          <p>{say('deleteAccountLast')}</p>
        </ProveDialog>
      )}
    </>
  )
}
