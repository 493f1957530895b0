/** Key packages as short texts, so that a test sees which one it got; the relay does not look into them. */
import { toBase64, utf8 } from '#shared/bytes'
import { keyPackageUpBytes, type KeyPackageUp } from '#shared/keys'
import type { AccountId, DeviceId } from '#shared/ids'
import type { Keys, OwnDevice } from './sign-up.ts'

export const day = 86_400_000
const payloadOf = (text: string) => toBase64(utf8(text))

export interface UploadOptions {
  /** For `@` instead of the device itself. */
  device?: DeviceId
  lastResort?: string
  exp?: number
  /** Signs instead of the device. */
  signer?: Keys
}

/** An upload of packages named `names`, signed by the device. */
export async function uploadOf(
  acct: AccountId,
  own: OwnDevice,
  names: readonly string[],
  { device = own.id, lastResort = `${device}-last`, exp, signer = own.dak }: UploadOptions = {},
): Promise<KeyPackageUp> {
  const up = {
    device,
    suite: 'none',
    oneTime: names.map(payloadOf),
    lastResort: payloadOf(lastResort),
    exp: exp ?? Date.UTC(2100, 0, 1),
  }
  return { ...up, sig: await signer.sign(keyPackageUpBytes(acct, up)) }
}

/** `p1`, `p2`, … */
export const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`)
