/**
 * Files in the age format, each under a key of its own (crypto.md §4.11). Streams both ways: nothing here ever holds a
 * whole file. For pages; the background only moves what is sealed.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } from 'age-encryption'
import { concat, toBase64 } from '#shared/bytes'
import { Refusal } from './refusal.ts'

type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>

/** Only what has `key`, an age identity (X25519 with ML-KEM-768), opens what comes out. */
export async function sealFile(plain: Bytes): Promise<{ key: string; sealed: Bytes }> {
  const key = await generateHybridIdentity()
  const encrypter = new Encrypter()
  encrypter.addRecipient(await identityToRecipient(key))
  return { key, sealed: (await encrypter.encrypt(plain)) as Bytes }
}

/**
 * Whoever reads it to its end has all of it; what was cut off, changed, reordered or sealed for another key errors with
 * a Refusal, `undecryptable` or `malformed`, at the latest then. So nothing of it is shown before the end.
 */
export async function openFile(key: string, sealed: Bytes): Promise<Bytes> {
  try {
    const decrypter = new Decrypter()
    decrypter.addIdentity(key)
    const plain = (await decrypter.decrypt(await withHeader(sealed))) as Bytes
    return refusing(plain)
  } catch (error) {
    throw refusal(error)
  }
}

/** Ours has some 1,650 bytes: whoever sends none would have all of the file read in search of its end. */
const headerBytesMax = 4096

async function withHeader(sealed: Bytes): Promise<Bytes> {
  const reader = sealed.getReader()
  let start = new Uint8Array()
  while (start.length < headerBytesMax) {
    const { done, value } = await reader.read()
    if (done) break
    start = concat(start, value) as Uint8Array<ArrayBuffer>
  }
  if (!/^--- /m.test(new TextDecoder().decode(start.subarray(0, headerBytesMax)))) {
    await reader.cancel()
    throw new Refusal('malformed', 'no header')
  }
  return new ReadableStream({
    async pull(controller) {
      if (start.length > 0) {
        controller.enqueue(start)
        start = new Uint8Array()
        return
      }
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

function refusing(plain: Bytes): Bytes {
  const reader = plain.getReader()
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (error) {
        controller.error(refusal(error))
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

const refusal = (error: unknown) =>
  error instanceof Refusal ? error : new Refusal('undecryptable', String(error), { cause: error })

/** SHA-256 of something that comes piece by piece. */
export function hashing(): { add(bytes: Uint8Array): void; done(): string } {
  const hash = sha256.create()
  return {
    add: (bytes) => void hash.update(bytes),
    done: () => toBase64(hash.digest()),
  }
}
