/**
 * Key packages: what a device uploads so that others can write to it while it is away. The relay checks the signature
 * and hands the packages out; whoever gets one believes the device list alone. Cryptography reference, §4.7.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import * as v from 'valibot'
import { tbs } from './bytes.ts'
import type { AccountId } from './ids.ts'
import { limits } from './limits.ts'
import { blob, bytes, count, deviceId, millis } from './schema.ts'

export const KeyPackageText = blob(limits.keyPackageCharsMax)

export const KeyPackageUp = v.object({
  /** Whose packages: the uploading device's own, or `@`, for which any device of the account may upload. */
  device: deviceId,
  suite: v.pipe(v.string(), v.maxLength(80)),
  oneTime: v.pipe(v.array(KeyPackageText), v.maxLength(limits.keyPackagesPerUploadMax)),
  /** Handed out when there is no other, also after `exp`: never an error, never nothing. */
  lastResort: KeyPackageText,
  /** By the relay's clock: no one-time package is handed out later. */
  exp: millis,
  /** By the authentication key (DAK) of the device that uploads. */
  sig: bytes(64),
})
export type KeyPackageUp = v.InferOutput<typeof KeyPackageUp>

/** What a new device brings along with the list that it is in: few, so that it fits beside everything else. */
export const FirstKeyPackages = v.object({
  ...KeyPackageUp.entries,
  oneTime: v.pipe(v.array(KeyPackageText), v.maxLength(limits.firstKeyPackagesMax)),
})

export const keyPackageUpBytes = (acct: AccountId, up: Omit<KeyPackageUp, 'sig'>): Uint8Array =>
  tbs('kp', acct, up.device, up.exp, sha256(tbs('kps', up.suite, up.lastResort, ...up.oneTime)))

/** A package for one device of somebody. */
export const ClaimedPackage = v.object({ device: deviceId, package: KeyPackageText })
export type ClaimedPackage = v.InferOutput<typeof ClaimedPackage>

/** Grants of archive keys and the sealed private keys of `@`: opaque to the relay, sealed by the client. */
export const VaultText = blob(limits.vaultCharsMax)
/** Version 0 with an empty payload: nothing has been put there yet. */
export const Vault = v.object({ version: count, payload: VaultText })
export type Vault = v.InferOutput<typeof Vault>
