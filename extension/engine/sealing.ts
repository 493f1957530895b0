/** Everything that has keys, put together for the account that is signed in. */
import type { Millis } from '#shared/ids'
import { openForMe, sealForMe } from '../crypto/for-me.ts'
import { Refusal } from '../crypto/refusal.ts'
import { createIdentities, type Identities } from './identities.ts'
import { createOpener, type Opener } from './opener.ts'
import { createOwnKeys, type OwnSecrets } from './own-keys.ts'
import type { Platform } from './ports.ts'
import type { Requests } from './requests.ts'
import { createSealer, type Sealer } from './sealer.ts'
import type { Signed } from './state.ts'

/** A key that there is not is asked for no more often than this. */
const askAgainMs = 10_000

export interface Sealing {
  identities: Identities
  secrets(): Promise<OwnSecrets>
  /** One archive key, which another device may have made just now; undefined where there is none of that number. */
  archiveKey(e: number): Promise<string | undefined>
  sealer: Sealer
  /** For one batch of entries. */
  newOpener(): Opener
  /** `list` is that of the devices for which they are sealed. */
  sealSettings(settings: object): Promise<{ payload: string; list: string }>
  /** Null for what cannot be opened. */
  openSettings(payload: string): Promise<unknown>
}

export function createSealing(
  signed: Signed,
  requests: Requests,
  { exclusively }: Pick<Platform, 'exclusively'>,
  relayNow: () => Millis,
): Sealing {
  const { account } = signed
  const ownKeys = createOwnKeys(signed, requests)
  const { secrets } = ownKeys
  const identities = createIdentities(signed, requests, ownKeys, relayNow)
  let askedAt = -Infinity

  async function archiveKey(e: number): Promise<string | undefined> {
    const { [e]: key } = (await secrets()).aks
    if (key !== undefined || Math.abs(signed.timers.now() - askedAt) < askAgainMs) return key
    await identities.refresh(account.user)
    const { [e]: asked } = (await secrets()).aks
    if (asked === undefined) askedAt = signed.timers.now()
    return asked
  }

  return {
    identities,
    secrets,
    archiveKey,
    sealer: createSealer({ signed, identities, secrets, relayNow, exclusively }),
    newOpener: () => createOpener({ signed, identities, archiveKey }),
    async sealSettings(settings) {
      const { aks, list } = await secrets()
      return { payload: await sealForMe(aks, account.acct, 'settings', settings), list }
    },
    async openSettings(payload) {
      try {
        return await openForMe(archiveKey, account.acct, 'settings', payload)
      } catch (error) {
        if (error instanceof Refusal) return null
        throw error
      }
    },
  }
}
