/** How we use ts-mls: every setting that differs from its own, with the reason. */
import {
  ciphersuites,
  defaultCredentialTypes,
  defaultKeyPackageEqualityConfig,
  protocolVersions,
  type Capabilities,
  type ClientConfig,
} from 'ts-mls'
import { suiteName } from './suite.ts'

/** Stored sessions are in the library's own format, so each says which one wrote it. A test compares it. */
export const libraryVersion = 'ts-mls 2.0.0-rc.10'

/**
 * How many messages a session may ever have: five times what renewal.ts allows. All that were skipped stay readable,
 * and reckoning up to the last one takes no longer than a moment.
 */
export const generationsMax = 1024

export const clientConfig: ClientConfig = {
  keyRetentionConfig: {
    retainKeysForGenerations: generationsMax, // [10] more skipped ones would be lost for good
    maximumForwardRatchetSteps: generationsMax, // [200]
    retainKeysForEpochs: 1, // [4] our sessions have one epoch with messages
  },
  // Freshness is the `exp` of the upload, by the relay's clock; the receiver's clock decides nothing.
  lifetimeConfig: { maximumTotalLifetime: 10_368_000n, validateLifetimeOnReceive: false },
  paddingConfig: { kind: 'padUntilLength', padUntilLength: 0 }, // [256] padding.ts has padded already
  keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
}

/** Ours and nothing random: [GREASE], which would make packages longer and tell builds apart. */
export const capabilities: Capabilities = {
  versions: [protocolVersions.mls10],
  ciphersuites: [ciphersuites[suiteName]],
  extensions: [],
  proposals: [],
  credentials: [defaultCredentialTypes.basic],
}

const day = 24 * 60 * 60 * 1000

/**
 * The sender's library checks this against its own clock, so it is wide: [−1/+15 days] would shut out whoever was
 * away for 16 days, and every sender whose clock is two days behind.
 */
export const lifetimeAt = (now: number) => ({
  notBefore: BigInt(Math.floor((now - 30 * day) / 1000)),
  notAfter: BigInt(Math.floor((now + 400 * day) / 1000)),
})

export const sizes = {
  /** 64 KiB as base64url: 18 members, which is 8 devices and a mailbox on each side, take 47,8 kB. */
  welcomeBytesMax: 48 * 1024,
  /** Ours have about 2.7 kB. */
  keyPackageBytesMax: 4 * 1024,
} as const
