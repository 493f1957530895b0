/** The popup as its entrypoint has it, over a database in memory. Wants an environment with a document. */
import { pageEnds, type PageEnds } from '../../support/page-ends.ts'
import { signal, useModel } from '@preact/signals'
import { render, screen } from '@testing-library/preact'
import { vi } from 'vitest'
import { AccountStore } from '../../../extension/stores/account-store.ts'
import { BuddyListStore } from '../../../extension/stores/buddy-list-store.ts'
import { ConnectionStore } from '../../../extension/stores/connection-store.ts'
import { Popup } from '../../../extension/ui/Popup.tsx'
import { now } from '../../support/page-ends.ts'

export async function openPopup(fill: (ends: PageEnds) => Promise<unknown> = async () => {}) {
  const ends = await pageEnds()
  await fill(ends)
  const onOpened = vi.fn<() => void>()
  const onOpenOptions = vi.fn<() => void>()
  const stores: BuddyListStore[] = []
  function Page() {
    const account = useModel(() => new AccountStore(ends.db, ends.commands))
    const connection = useModel(() => new ConnectionStore(ends.db, ends.commands, ends.clock, signal(true)))
    const store = useModel(() => {
      const made = new BuddyListStore(ends.db, ends.commands, ends.clock)
      stores.push(made)
      return made
    })
    return (
      <Popup
        store={store}
        account={account}
        connection={connection}
        now={now}
        onOpenOptions={onOpenOptions}
        onSignInAgain={onOpenOptions}
        onOpened={onOpened}
      />
    )
  }
  render(<Page />)
  await screen.findByRole('button', { name: 'My status' })
  await vi.waitUntil(() => stores[0]!.isReady.value)
  // What is read in one go is drawn in one go.
  await new Promise((resume) => setTimeout(resume))
  return { ...ends, onOpened, onOpenOptions }
}
