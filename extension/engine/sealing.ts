/** Everything that has keys, put together for the account that is signed in. */
import type { Millis } from '#shared/ids'
import { openForMe, sealForMe } from '../crypto/for-me.ts'
import { openSecrets, type Secrets } from '../crypto/identity.ts'
import { Refusal } from '../crypto/refusal.ts'
import { createIdentities, type Identities } from './identities.ts'
import { createOpener, type Opener } from './opener.ts'
import type { Platform } from './ports.ts'
import type { Requests } from './requests.ts'
import { createSealer, type Sealer } from './sealer.ts'
import type { Signed } from './state.ts'

export interface Sealing {
  identities: Identities
  secrets(): Promise<Secrets>
  sealer: Sealer
  /** For one batch of entries. */
  newOpener(): Opener
  sealSettings(settings: object): Promise<string>
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
  let opened: Promise<Secrets> | null = null
  const secrets = () => (opened ??= openSecrets(account.lsk, account.device, account.sealedSecrets))
  const identities = createIdentities(signed, requests, relayNow)

  return {
    identities,
    secrets,
    sealer: createSealer({ signed, identities, secrets, relayNow, exclusively }),
    newOpener: () => createOpener({ signed, identities, secrets }),
    sealSettings: async (settings) => sealForMe((await secrets()).aks, account.acct, 'settings', settings),
    async openSettings(payload) {
      try {
        return await openForMe((await secrets()).aks, account.acct, 'settings', payload)
      } catch (error) {
        if (error instanceof Refusal) return null
        throw error
      }
    },
  }
}
