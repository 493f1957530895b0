/**
 * The RFC 9420 working group's vectors, which lie beside the checkout on some machines and are not copied into the
 * project. Suite 1 runs on our own joining of WebCrypto and @hpke/core (suite.ts), the others on ts-mls' own; those
 * that need packages we do not have (3, 4, 6: ChaCha20, X448) are left out.
 */
import { Aes128Gcm, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { existsSync, readFileSync } from 'node:fs'
import {
  bytesToBase64,
  ciphersuites,
  clientStateDecoder,
  clientStateEncoder,
  decode,
  defaultKeyPackageEqualityConfig,
  defaultKeyRetentionConfig,
  defaultPaddingConfig,
  encode,
  getCiphersuiteImpl,
  groupStateEncoder,
  joinGroup,
  mlsMessageDecoder,
  processMessage,
  unsafeTestingAuthenticationService,
  wireformats,
  type CiphersuiteImpl,
  type CiphersuiteName,
  type MlsFramedMessage,
  type RatchetTree,
} from 'ts-mls'
import { expect, test } from 'vitest'
import { concat, utf8 } from '#shared/bytes'
import { u32 } from '../../../../extension/crypto/binary.ts'
import { decodeMessage, decodeWhole } from '../../../../extension/crypto/mls/decode.ts'
import { makeSuite, suite, suiteName } from '../../../../extension/crypto/mls/suite.ts'
import { stateOf, vector } from './attacker.ts'
import { device, session } from './devices.ts'

const folder = new URL('../../../../../shared/data/mls/', import.meta.url)
const suites: Record<number, () => CiphersuiteImpl | Promise<CiphersuiteImpl>> = {
  1: () =>
    makeSuite({
      id: 1,
      hash: 'SHA-256',
      kem: new DhkemX25519HkdfSha256(),
      kdf: new HkdfSha256(),
      aead: new Aes128Gcm(),
    }),
  2: () => byNumber(2),
  5: () => byNumber(5),
  7: () => byNumber(7),
}
const byNumber = (wanted: number) => {
  const [name] = Object.entries(ciphersuites).find(([, number]) => number === wanted)!
  return getCiphersuiteImpl(name as CiphersuiteName)
}
const ran = Object.keys(suites).join(', ')

const present = existsSync(folder)

function vectors<T extends { cipher_suite: number }>(file: string): T[] {
  const all = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as T[]
  return all.filter(({ cipher_suite }) => cipher_suite in suites)
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

// --- Passive clients -------------------------------------------------------------------------------------

interface PassiveClient {
  cipher_suite: number
  external_psks: { psk_id: string; psk: string }[]
  key_package: string
  signature_priv: string
  encryption_priv: string
  init_priv: string
  welcome: string
  ratchet_tree: string | null
  initial_epoch_authenticator: string
  epochs: { proposals: string[]; commit: string; epoch_authenticator: string }[]
}

/** The library decodes a tree only inside of a state, so it is put into one. */
async function treeIn(bytes: Uint8Array): Promise<RatchetTree> {
  const alice = await device('alice/1')
  const state = stateOf((await session(alice, await device('bob/1'))).state, alice)
  const group = encode(groupStateEncoder, state)
  const bare = encode(clientStateEncoder, { ...state, ratchetTree: [] })
  const context = bare.slice(0, bare.length - group.length - 1)
  return decode(clientStateDecoder, concat(context, bytes, group))!.ratchetTree
}

async function follow(client: PassiveClient) {
  const context = {
    cipherSuite: await suites[client.cipher_suite]!(),
    authService: unsafeTestingAuthenticationService,
    externalPsks: Object.fromEntries(
      client.external_psks.map(({ psk_id, psk }) => [bytesToBase64(hex(psk_id)), hex(psk)]),
    ),
    clientConfig: {
      keyRetentionConfig: defaultKeyRetentionConfig,
      lifetimeConfig: { maximumTotalLifetime: 10_368_000n, validateLifetimeOnReceive: false },
      keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
      paddingConfig: defaultPaddingConfig,
    },
  }
  let state = await joinGroup({
    context,
    welcome: decodeMessage(hex(client.welcome), wireformats.mls_welcome).welcome,
    keyPackage: decodeMessage(hex(client.key_package), wireformats.mls_key_package).keyPackage,
    privateKeys: {
      initPrivateKey: hex(client.init_priv),
      hpkePrivateKey: hex(client.encryption_priv),
      signaturePrivateKey: hex(client.signature_priv),
    },
    ...(client.ratchet_tree && { ratchetTree: await treeIn(hex(client.ratchet_tree)) }),
  })
  const authenticators = [toHex(state.keySchedule.epochAuthenticator)]
  for (const { proposals, commit } of client.epochs) {
    for (const text of [...proposals, commit]) {
      const message = decodeWhole(mlsMessageDecoder, hex(text)) as MlsFramedMessage
      const result = await processMessage({ context, state, message })
      state = result.newState
    }
    authenticators.push(toHex(state.keySchedule.epochAuthenticator))
  }
  return authenticators
}

const files = { 'passive-client-welcome.json': 32, 'passive-client-handling-commit.json': 52 }

test.skipIf(!present).each(Object.entries(files))(
  `RFC 9420 %s, suites ${ran}: the pinned ts-mls reaches every epoch of all %i clients`,
  async (file, count) => {
    const clients = vectors<PassiveClient>(file)

    expect(clients).toHaveLength(count)
    for (const [i, client] of clients.entries()) {
      expect(await follow(client), `client ${i}, suite ${client.cipher_suite}`).toEqual([
        client.initial_epoch_authenticator,
        ...client.epochs.map((epoch) => epoch.epoch_authenticator),
      ])
    }
  },
  60_000,
)

// --- Parts -----------------------------------------------------------------------------------------------

interface CryptoBasics {
  cipher_suite: number
  ref_hash: Record<'label' | 'value' | 'out', string>
  expand_with_label: Record<'secret' | 'label' | 'context' | 'out', string> & { length: number }
  derive_secret: Record<'secret' | 'label' | 'out', string>
  derive_tree_secret: Record<'secret' | 'label' | 'out', string> & { generation: number; length: number }
  sign_with_label: Record<'priv' | 'pub' | 'content' | 'label' | 'signature', string>
  encrypt_with_label: Record<
    'priv' | 'pub' | 'label' | 'context' | 'plaintext' | 'kem_output' | 'ciphertext',
    string
  >
}

const labelled = (label: string, content: Uint8Array) =>
  concat(vector(utf8(`MLS 1.0 ${label}`)), vector(content))

test.skipIf(!present)('RFC 9420 crypto-basics.json, suite 1: our suite agrees in every part', async () => {
  const basics = vectors<CryptoBasics>('crypto-basics.json').find(({ cipher_suite }) => cipher_suite === 1)!
  const { ref_hash, expand_with_label, derive_secret, derive_tree_secret, sign_with_label } = basics
  const { hash, kdf, signature, hpke } = await suites[1]!()
  const expand = (secret: string, label: string, context: Uint8Array, length: number) =>
    kdf.expand(hex(secret), concat(u32(length).slice(2), labelled(label, context)), length)

  expect(toHex(await hash.digest(concat(vector(utf8(ref_hash.label)), vector(hex(ref_hash.value)))))).toBe(
    ref_hash.out,
  )
  const { secret, label, context, length, out } = expand_with_label
  expect(toHex(await expand(secret, label, hex(context), length))).toBe(out)
  expect(toHex(await expand(derive_secret.secret, derive_secret.label, hex(''), kdf.size))).toBe(
    derive_secret.out,
  )
  const tree = derive_tree_secret
  expect(toHex(await expand(tree.secret, tree.label, u32(tree.generation), tree.length))).toBe(tree.out)

  const content = labelled(sign_with_label.label, hex(sign_with_label.content))
  expect(toHex(await signature.sign(hex(sign_with_label.priv), content))).toBe(sign_with_label.signature)
  expect(await signature.verify(hex(sign_with_label.pub), content, hex(sign_with_label.signature))).toBe(true)

  const box = basics.encrypt_with_label
  const info = labelled(box.label, hex(box.context))
  const key = await hpke.importPrivateKey(hex(box.priv))
  const opened = await hpke.open(key, hex(box.kem_output), hex(box.ciphertext), info)
  expect(toHex(opened)).toBe(box.plaintext)
  const { enc, ct } = await hpke.seal(await hpke.importPublicKey(hex(box.pub)), hex(box.plaintext), info)
  expect(toHex(await hpke.open(key, enc, ct, info))).toBe(box.plaintext)
})

// --- The suite that no vectors exist for -----------------------------------------------------------------

test('our X-Wing suite and the one of ts-mls open what the other sealed', async () => {
  const theirs = await getCiphersuiteImpl(suiteName)
  const pairs: [CiphersuiteImpl, CiphersuiteImpl][] = [
    [suite, theirs],
    [theirs, suite],
  ]

  for (const [a, b] of pairs) {
    const { publicKey, privateKey } = await a.hpke.deriveKeyPair(new Uint8Array(32).fill(7))
    const secret = await a.hpke.exportPrivateKey(privateKey)
    const sealed = await b.hpke.seal(
      await b.hpke.importPublicKey(await a.hpke.exportPublicKey(publicKey)),
      utf8('hello'),
      utf8('info'),
    )
    expect(toHex(await b.hpke.exportPrivateKey(await b.hpke.importPrivateKey(secret)))).toBe(toHex(secret))
    expect(await a.hpke.open(privateKey, sealed.enc, sealed.ct, utf8('info'))).toEqual(utf8('hello'))

    const { signKey, publicKey: signer } = await a.signature.keygen()
    expect(await b.signature.verify(signer, utf8('m'), await b.signature.sign(signKey, utf8('m')))).toBe(true)
    const salt = new Uint8Array(a.kdf.size)
    expect(await a.kdf.extract(salt, utf8('ikm'))).toEqual(await b.kdf.extract(salt, utf8('ikm')))
    expect(await a.hash.mac(utf8('key'), utf8('m'))).toEqual(await b.hash.mac(utf8('key'), utf8('m')))
    expect([a.id, a.kdf.size, a.hpke.keyLength, a.hpke.nonceLength]).toEqual([
      b.id,
      b.kdf.size,
      b.hpke.keyLength,
      b.hpke.nonceLength,
    ])
  }
})
