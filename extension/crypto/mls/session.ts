/**
 * The four functions behind which MLS lies, and all that the rest of the engine knows of it (the cryptography
 * reference, §4.5 and §4.6). A session is a group that one device opens with a single commit and in which only that
 * device ever speaks: nothing to order, nothing to fork.
 *
 * Pure: state in, new state out, and the old one stays good. Who calls them holds the lock, stores the new state in
 * the same transaction as the message, and only then lets anything out.
 */
import {
  clientStateDecoder,
  clientStateEncoder,
  contentTypes,
  createApplicationMessage,
  createCommit,
  createGroup,
  defaultProposalTypes,
  getGroupMembers,
  joinGroupWithExtensions,
  mlsMessageEncoder,
  processMessage,
  wireformats,
  type ClientState,
} from 'ts-mls'
import { concat, utf8 } from '#shared/bytes'
import { bytesEqual, reader, sized } from '../binary.ts'
import { Refusal } from '../refusal.ts'
import { clientConfig, generationsMax, libraryVersion, sizes } from './config.ts'
import { decodeMessage, decodeWhole, encodeBytes } from './decode.ts'
import {
  decodeKeyPackage,
  decodeSecret,
  makeKeyPackage,
  readKeyPackage,
  refsIn,
  type OwnKeyPackage,
} from './key-package.ts'
import { nameIn, nameOf, nobody, pinned, requireMembers, type Member } from './members.ts'
import { pad, unpad } from './padding.ts'
import { suite } from './suite.ts'
import { readSenderData, requireFlatTree, watched } from './watch.ts'

/** A device's private key for signing (DSK): 32 bytes. It is in no state: kept sealed, lent for the call. */
type Seed = Uint8Array

/** The epoch after the one commit that a session has. */
const sessionEpoch = 1n
const none = new Uint8Array()

export interface Opening {
  self: Member
  seed: Seed
  /** For every other device of both lists (mailbox devices only where history is kept): what the relay gave out. */
  others: readonly { member: Member; keyPackage: Uint8Array }[]
  /** By the relay's clock. */
  now: number
}

/** Opens a session of one's own. `ratchet` is its id: 16 random bytes. */
export async function open({ self, seed, others, now }: Opening): Promise<{
  ratchet: Uint8Array
  state: Uint8Array
  welcome: Uint8Array
}> {
  const packages = others.map(({ member, keyPackage }) => readKeyPackage(keyPackage, member, now))
  const members = [self, ...others.map(({ member }) => member)]
  const own = await makeKeyPackage(self, seed, now)
  const ratchet = suite.rng.randomBytes(16)
  const context = { cipherSuite: suite, clientConfig, authService: pinned(members, () => {}) }

  const group = await createGroup({
    context,
    groupId: ratchet,
    keyPackage: decodeKeyPackage(own.public),
    privateKeyPackage: { ...decodeSecret(own.secret), signaturePrivateKey: seed },
  })
  const { newState, welcome } = await createCommit({
    context,
    state: group,
    ratchetTreeExtension: true, // or the tree would have to travel apart
    extraProposals: packages.map((keyPackage) => ({
      proposalType: defaultProposalTypes.add,
      add: { keyPackage },
    })),
  }).catch((cause: unknown) => {
    throw new Refusal('key-package', 'a package that cannot be added', { cause })
  })
  if (welcome === undefined) throw new Error('a session needs somebody to speak to')
  requireMembers(getGroupMembers(newState), self, members)

  const encoded = encodeBytes(mlsMessageEncoder, welcome)
  if (encoded.length > sizes.welcomeBytesMax) throw new Refusal('too-large', `Welcome of ${encoded.length} B`)
  // The epoch before the commit had nobody else in it: no message of it can come.
  return { ratchet, state: encodeState({ ...newState, historicalReceiverData: new Map() }), welcome: encoded }
}

/** Seals content, padded, for everybody in one's own session. Store the new state before the message leaves. */
export async function seal(
  state: Uint8Array,
  seed: Seed,
  content: Uint8Array,
  aad: Uint8Array,
): Promise<{ state: Uint8Array; ct: Uint8Array }> {
  const { newState, message } = await createApplicationMessage({
    context: { cipherSuite: suite, clientConfig, authService: nobody },
    state: { ...decodeState(state), signaturePrivateKey: seed },
    message: pad(content),
    authenticatedData: aad,
  })
  return { state: encodeState(newState), ct: encodeBytes(mlsMessageEncoder, message) }
}

export interface Joining {
  welcome: Uint8Array
  /** The one of ours that the Welcome names: `refsIn`. */
  keyPackage: OwnKeyPackage
  /** What the payload says the session is. */
  ratchet: Uint8Array
  /** Who sent the envelope. */
  owner: Pick<Member, 'acct' | 'device'>
  /** Of the lists that the envelope names. */
  members: readonly Member[]
}

/**
 * Joins somebody's session. Delete a one-time package only in the transaction that stores the state.
 * @throws Refusal `not-for-us`, `members`, `suite`, `too-large`, `malformed`, `undecryptable`
 */
export async function join({ welcome, keyPackage, ratchet, owner, members }: Joining): Promise<Uint8Array> {
  if (welcome.length > sizes.welcomeBytesMax) throw new Refusal('too-large', `Welcome of ${welcome.length} B`)
  const message = decodeMessage(welcome, wireformats.mls_welcome)
  if (message.welcome.cipherSuite !== suite.id) {
    throw new Refusal('suite', `Welcome of suite ${message.welcome.cipherSuite}`)
  }
  if (!refsIn(welcome).includes(keyPackage.ref)) throw new Refusal('not-for-us', 'none of our key packages')

  let stranger = false
  const { state, groupInfoExtensions } = await joinGroupWithExtensions({
    context: {
      cipherSuite: watched(suite, (groupInfo) => requireFlatTree(groupInfo, members.length)),
      clientConfig,
      authService: pinned(members, () => (stranger = true)),
    },
    welcome: message.welcome,
    keyPackage: decodeKeyPackage(keyPackage.public),
    privateKeys: decodeSecret(keyPackage.secret),
  }).catch((cause: unknown) => {
    if (stranger) throw new Refusal('members', 'a device that is on neither list', { cause })
    throw refusalFrom(cause)
  })

  requireSession(state, ratchet, owner, members)
  if (groupInfoExtensions.length !== 1) throw new Refusal('members', 'a Welcome with more than its tree')
  return encodeState(state)
}

export interface Unsealing {
  state: Uint8Array
  ct: Uint8Array
  /** Made again from the envelope as it came in: envelope.ts. */
  aad: Uint8Array
  ratchet: Uint8Array
  owner: Pick<Member, 'acct' | 'device'>
  members: readonly Member[]
}

/**
 * Opens one message of the session's owner. After a refusal the old state still holds.
 * @throws Refusal `replay`, `too-far`, `sender`, `envelope`, `members`, `malformed`, `undecryptable`, `state`
 */
export async function unseal({
  state,
  ct,
  aad,
  ratchet,
  owner,
  members,
}: Unsealing): Promise<{ state: Uint8Array; content: Uint8Array }> {
  const before = decodeState(state)
  requireSession(before, ratchet, owner, members)
  const message = decodeMessage(ct, wireformats.mls_private_message)
  const { contentType, groupId, epoch, authenticatedData } = message.privateMessage
  if (contentType !== contentTypes.application) throw new Refusal('malformed', 'a commit or a proposal')
  if (!bytesEqual(groupId, ratchet)) throw new Refusal('malformed', 'a message of another session')
  if (epoch !== sessionEpoch) throw new Refusal('malformed', `a message of epoch ${epoch}`)
  if (!bytesEqual(authenticatedData, aad)) throw new Refusal('envelope', 'sealed for another envelope')

  const result = await processMessage({
    context: {
      cipherSuite: watched(suite, (senderData) => requireOwnersTurn(before, senderData)),
      clientConfig,
      authService: nobody,
    },
    state: before,
    message,
    callback: () => 'reject', // [accept] a second fence: contentType has said that it is neither
  }).catch((cause: unknown) => {
    throw refusalFrom(cause)
  })

  if (result.kind !== 'applicationMessage') throw new Refusal('malformed', 'not a message')
  if (!bytesEqual(result.aad, aad)) throw new Refusal('envelope', 'sealed for another envelope')
  const moved = leavesMoved(before, result.newState)
  if (moved.length !== 1 || moved[0] !== '0') throw new Refusal('sender', `leaves ${moved.join()} spoke`)
  return { state: encodeState(result.newState), content: unpad(result.message) }
}

/** Whether the mailbox device of that account is in a session that was joined. */
export const hasMailbox = (state: Uint8Array, acct: Member['acct']): boolean =>
  getGroupMembers(decodeState(state)).some(
    ({ credential }) => nameIn(credential) === nameOf({ acct, device: '@' as Member['device'] }),
  )

/** The owner is leaf 0, and its key for this generation is still there. */
function requireOwnersTurn(state: ClientState, senderData: Uint8Array): void {
  const { leaf, generation } = readSenderData(senderData)
  if (leaf !== 0) throw new Refusal('sender', `leaf ${leaf} spoke`)
  if (generation >= generationsMax) throw new Refusal('too-far', `generation ${generation}`)
  const ratchet = state.secretTree.leafNodes[0]?.application
  const next = ratchet?.generation ?? 0
  if (generation < next && ratchet?.unusedGenerations[generation] === undefined) {
    throw new Refusal('replay', `generation ${generation} is used up`)
  }
}

/**
 * MLS authenticates *a* member, and rc.10 does not say which: whose keys moved tells. The same answer as
 * `requireOwnersTurn`, found in another way; keep both until the library returns the sender.
 */
export function leavesMoved(before: ClientState, after: ClientState): string[] {
  const old = before.secretTree.leafNodes
  const now = after.secretTree.leafNodes
  return Object.keys(now).filter((leaf) => {
    const [a, b] = [old[Number(leaf)]?.application, now[Number(leaf)]?.application]
    return (
      a === undefined ||
      a.generation !== b?.generation ||
      Object.keys(a.unusedGenerations).length !== Object.keys(b.unusedGenerations).length
    )
  })
}

function requireSession(
  state: ClientState,
  ratchet: Uint8Array,
  owner: Joining['owner'],
  members: readonly Member[],
): void {
  const { groupId, epoch, cipherSuite, extensions } = state.groupContext
  if (cipherSuite !== suite.id) throw new Refusal('suite', `session of suite ${cipherSuite}`)
  if (!bytesEqual(groupId, ratchet)) throw new Refusal('malformed', 'the Welcome of another session')
  if (epoch !== sessionEpoch || extensions.length > 0)
    throw new Refusal('malformed', 'not one of our sessions')
  requireMembers(getGroupMembers(state), owner, members)
}

/** Whatever the library, WebCrypto or a decoder threw, it was about bytes that came from outside. */
function refusalFrom(cause: unknown): Refusal {
  return cause instanceof Refusal ? cause : new Refusal('undecryptable', String(cause), { cause })
}

// --- Stored form -----------------------------------------------------------------------------------------

function encodeState(state: ClientState): Uint8Array {
  const body = encodeBytes(clientStateEncoder, { ...state, signaturePrivateKey: none })
  return concat(sized(utf8(libraryVersion)), body)
}

/** @throws Refusal `state` when another version of the library wrote it, or nobody did */
function decodeState(bytes: Uint8Array): ClientState {
  try {
    const input = reader(bytes)
    const version = new TextDecoder().decode(input.sized())
    if (version !== libraryVersion) throw new Error(`written by ${version}`)
    return decodeWhole(clientStateDecoder, input.rest())
  } catch (cause) {
    throw new Refusal('state', 'not a session of this version', { cause })
  }
}
