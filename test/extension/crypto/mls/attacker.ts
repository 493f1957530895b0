/** Members that do not keep to the rules: what the library would make for them, changed before it is sealed. */
import {
  bytesToBase64,
  createApplicationMessage,
  createCommit,
  createGroup,
  createProposal,
  clientStateDecoder,
  decode,
  defaultProposalTypes,
  encode,
  mlsMessageDecoder,
  mlsMessageEncoder,
  type AuthenticationService,
  type CiphersuiteImpl,
  type ClientState,
  type GroupInfo,
  type MlsGroupInfo,
} from 'ts-mls'
import { concat, utf8 } from '#shared/bytes'
import { reader } from '../../../../extension/crypto/binary.ts'
import { clientConfig } from '../../../../extension/crypto/mls/config.ts'
import {
  decodeKeyPackage,
  decodeSecret,
  makeKeyPackage,
} from '../../../../extension/crypto/mls/key-package.ts'
import { pad } from '../../../../extension/crypto/mls/padding.ts'
import { suite } from '../../../../extension/crypto/mls/suite.ts'
import type { TestDevice } from './devices.ts'

const anybody: AuthenticationService = { validateCredential: async () => true }

/** The suite of somebody who exchanges what is about to be encrypted. */
const dishonest = (change: (plaintext: Uint8Array) => Uint8Array | Promise<Uint8Array>): CiphersuiteImpl => ({
  ...suite,
  hpke: {
    ...suite.hpke,
    encryptAead: async (key, nonce, aad, plaintext) =>
      suite.hpke.encryptAead(key, nonce, aad, await change(plaintext)),
  },
})

const context = (cipherSuite = suite) => ({ cipherSuite, clientConfig, authService: anybody })

/** A stored session as the library sees it, with the key to sign as whoever it belongs to. */
export function stateOf(stored: Uint8Array, { seed }: TestDevice): ClientState {
  const input = reader(stored)
  input.sized()
  return { ...decode(clientStateDecoder, input.rest())!, signaturePrivateKey: seed }
}

/** Speaks in any session, also in one of others. `change` sees the content first and then the sender's data. */
export async function speak(
  state: ClientState,
  text: string,
  aad: Uint8Array,
  change: (plaintext: Uint8Array) => Uint8Array = (plaintext) => plaintext,
  padded = pad(utf8(text)),
): Promise<Uint8Array> {
  const { message } = await createApplicationMessage({
    context: context(dishonest(change)),
    state,
    message: padded,
    authenticatedData: aad,
  })
  return encode(mlsMessageEncoder, message)
}

/** Speaks as a leaf or in a generation that is not the speaker's. */
export const speakAs = (
  state: ClientState,
  text: string,
  aad: Uint8Array,
  { leaf, generation }: { leaf?: number; generation?: number },
): Promise<Uint8Array> =>
  speak(state, text, aad, (plaintext) => {
    if (plaintext.length !== 12) return plaintext
    const changed = plaintext.slice()
    const view = new DataView(changed.buffer)
    if (leaf !== undefined) view.setUint32(0, leaf)
    if (generation !== undefined) view.setUint32(4, generation)
    return changed
  })

export async function commit(state: ClientState): Promise<{ private: Uint8Array; public: Uint8Array }> {
  const [hidden, open] = await Promise.all(
    [false, true].map((wireAsPublicMessage) =>
      createCommit({ context: context(), state, wireAsPublicMessage }),
    ),
  )
  return {
    private: encode(mlsMessageEncoder, hidden!.commit),
    public: encode(mlsMessageEncoder, open!.commit),
  }
}

export async function propose(state: ClientState): Promise<Uint8Array> {
  const { message } = await createProposal({
    context: context(),
    state,
    wireAsPublicMessage: false,
    proposal: { proposalType: defaultProposalTypes.remove, remove: { removed: 0 } },
  })
  return encode(mlsMessageEncoder, message)
}

/** Opens a session with whoever, and changes what the Welcome says about it, signed again. */
export async function openWith(
  owner: TestDevice,
  packages: readonly Uint8Array[],
  change: (groupInfo: GroupInfo) => GroupInfo = (groupInfo) => groupInfo,
  ratchet = suite.rng.randomBytes(16),
): Promise<{ ratchet: Uint8Array; welcome: Uint8Array; state: ClientState }> {
  const own = await makeKeyPackage(owner.member, owner.seed, Date.now())
  const group = await createGroup({
    context: context(),
    groupId: ratchet,
    keyPackage: decodeKeyPackage(own.public),
    privateKeyPackage: { ...decodeSecret(own.secret), signaturePrivateKey: owner.seed },
  })
  const { newState, welcome } = await createCommit({
    context: context(dishonest((plaintext) => resigned(plaintext, owner.seed, change))),
    state: group,
    ratchetTreeExtension: true,
    extraProposals: packages.map((bytes) => ({
      proposalType: defaultProposalTypes.add,
      add: { keyPackage: decodeKeyPackage(bytes) },
    })),
  })
  return { ratchet, welcome: encode(mlsMessageEncoder, welcome!), state: newState }
}

const groupInfoHead = Uint8Array.of(0, 1, 0, 4)

async function resigned(
  plaintext: Uint8Array,
  seed: Uint8Array,
  change: (groupInfo: GroupInfo) => GroupInfo,
) {
  const read = decode(mlsMessageDecoder, concat(groupInfoHead, plaintext)) as MlsGroupInfo | undefined
  if (!read || bytesToBase64(encode(mlsMessageEncoder, read).slice(4)) !== bytesToBase64(plaintext)) {
    return plaintext // the commit itself, which nobody gets
  }
  const groupInfo = { ...change(read.groupInfo), signature: new Uint8Array() }
  const unsigned = encode(mlsMessageEncoder, { ...read, groupInfo }).slice(4, -1)
  const label = utf8('MLS 1.0 GroupInfoTBS')
  const signature = await suite.signature.sign(seed, concat(vector(label), vector(unsigned)))
  return encode(mlsMessageEncoder, { ...read, groupInfo: { ...groupInfo, signature } }).slice(4)
}

/** RFC 9420 §2.1.2, always in four bytes: the library reads that too. */
export function vector(bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, 0x8000_0000 + bytes.length)
  return bytes.length < 64
    ? concat(Uint8Array.of(bytes.length), bytes)
    : concat(shortHead(bytes) ?? head, bytes)
}

const shortHead = ({ length }: Uint8Array) =>
  length < 16_384 ? Uint8Array.of(0x40 | (length >> 8), length & 0xff) : undefined
