/**
 * What a device uploads so that others can write to it. The relay checks the signature and hands the packages out;
 * whoever gets one believes the device list alone. Nothing here needs MLS: it can move to `shared` as it is.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import * as v from 'valibot'
import { tbs } from '#shared/bytes'
import type { AccountId } from '#shared/ids'
import { blob, bytes, deviceId, millis } from '#shared/schema'

/** A package has about 2.7 kB. */
const KeyPackageText = blob(6000)

export const KeyPackageUp = v.object({
  /** Whose packages: the uploading device's own, or `@`, for which any device of the account may upload. */
  device: deviceId,
  suite: v.pipe(v.string(), v.maxLength(80)),
  oneTime: v.pipe(v.array(KeyPackageText), v.maxLength(50)),
  /** Handed out when the others are used up; never an error, never nothing. */
  lastResort: KeyPackageText,
  /** By the relay's clock: none of these is handed out later. */
  exp: millis,
  /** By the authentication key (DAK) of the device that uploads. */
  sig: bytes(64),
})
export type KeyPackageUp = v.InferOutput<typeof KeyPackageUp>

export const keyPackageUpBytes = (acct: AccountId, up: Omit<KeyPackageUp, 'sig'>): Uint8Array =>
  tbs('kp', acct, up.device, up.exp, sha256(tbs('kps', up.suite, up.lastResort, ...up.oneTime)))
