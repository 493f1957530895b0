/**
 * Looks at what ts-mls opens before it goes on with it. Two of its loops walk the tree from an index that the other
 * side chose and never end when it lies outside: one crafted message from a buddy, delivered again at each start,
 * would put the background out of order for good. Both indices arrive sealed, so they are read as they are opened:
 * the library opens through our suite, which shows each plaintext here first. Whatever is unexpected is refused.
 */
import type { CiphersuiteImpl } from 'ts-mls'
import { reader } from '../binary.ts'
import { Refusal } from '../refusal.ts'

/** The suite for one call, in which the first thing opened is looked at. A throw in `look` ends the call. */
export function watched(suite: CiphersuiteImpl, look: (plaintext: Uint8Array) => void): CiphersuiteImpl {
  let looked = false
  return {
    ...suite,
    hpke: {
      ...suite.hpke,
      decryptAead: async (key, nonce, aad, ciphertext) => {
        const plaintext = await suite.hpke.decryptAead(key, nonce, aad, ciphertext)
        if (!looked) look(plaintext)
        looked = true
        return plaintext
      },
    },
  }
}

/** RFC 9420 §6.3.2: the leaf that speaks, its generation, and four random bytes. */
export function readSenderData(plaintext: Uint8Array): { leaf: number; generation: number } {
  const input = reader(plaintext)
  const leaf = input.u32()
  const generation = input.u32()
  input.take(4)
  input.end()
  return { leaf, generation }
}

/**
 * RFC 9420 §12.4.3.1. A session that one device opened with a single commit of additions has, in its tree, a leaf for
 * each member and no parents at all. What its signature is worth, who the leaves are: the library and members.ts.
 * @throws Refusal `members` for any other tree, `malformed`
 */
export function requireFlatTree(groupInfo: Uint8Array, leavesMax: number): void {
  const input = tls(groupInfo)
  input.take(4) // version, suite
  input.vector() // group id
  input.take(8) // epoch
  input.vector() // tree hash
  input.vector() // confirmed transcript hash
  if (input.vector().length > 0) throw new Refusal('members', 'a session with extensions')

  const extensions = tls(input.vector())
  if (extensions.u16() !== 2) throw new Refusal('members', 'no tree in the Welcome')
  const data = tls(extensions.vector())
  const tree = tls(data.vector())
  if (!data.done() || !extensions.done()) throw new Refusal('members', 'a Welcome with more than its tree')

  for (let node = 0; !tree.done(); node++) {
    const present = tree.u8() === 1
    if (node % 2 === 0 && node / 2 >= leavesMax) throw new Refusal('members', 'more leaves than members')
    if (present !== (node % 2 === 0)) throw new Refusal('members', 'a tree with parents or gaps')
    if (present) skipLeaf(tree)
  }
}

function skipLeaf(tree: ReturnType<typeof tls>) {
  if (tree.u8() !== 1) throw new Refusal('members', 'no leaf where one should be')
  tree.vector() // encryption key
  tree.vector() // signature key
  tree.take(2) // kind of credential
  tree.vector() // its identity
  for (let list = 0; list < 5; list++) tree.vector() // capabilities
  if (tree.u8() !== 1) throw new Refusal('members', 'a leaf that is not out of a key package')
  tree.take(16) // lifetime
  tree.vector() // extensions
  tree.vector() // signature
}

/** TLS presentation language, with the variable-size lengths of RFC 9420 §2.1.2. */
function tls(bytes: Uint8Array) {
  const { take, u8, done } = reader(bytes)
  function vector(): Uint8Array {
    const first = u8()
    const more = 2 ** (first >> 6) - 1
    if (more > 3) throw new Refusal('malformed', 'a length that RFC 9420 does not have')
    let length = first & 0x3f
    for (const byte of take(more)) length = length * 256 + byte
    return take(length)
  }
  return { take, u8, done, vector, u16: () => u8() * 256 + u8() }
}
