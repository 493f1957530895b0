import { useState } from 'preact/hooks'
import type { DevicesStore } from '../stores/devices-store.ts'
import { Button } from './Button.tsx'
import { reasonWords } from './problem-words.ts'
import { ProveDialog } from './ProveDialog.tsx'
import { say } from './text.ts'

/** This device is one no longer: says why, and makes it a new one without losing what is on it. */
export function SignInAgain({ store }: { store: DevicesStore }) {
  const [isAsking, setAsking] = useState(false)
  const reason = store.lostBecause.value
  if (reason === null) return null
  return (
    <>
      <section class="options-action" role="alert">
        <div>
          <h2>{reasonWords(reason)}</h2>
          <p>{say('signInAgainHint')}</p>
        </div>
        <Button kind="primary" onClick={() => setAsking(true)}>
          {say('signInAgain')}
        </Button>
      </section>
      {isAsking && (
        <ProveDialog
          store={store}
          title={say('signInAgain')}
          confirm={say('signIn')}
          orCode
          onProve={(secret) => store.signInAgain(secret)}
          onClose={() => setAsking(false)}
        >
          <p>{say('signInAgainHint')}</p>
        </ProveDialog>
      )}
    </>
  )
}
