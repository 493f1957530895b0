import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { fromBase64 } from '#shared/bytes'
import { sealedBytesMax } from '#shared/blobs'
import { hashing, openFile, sealFile } from '../../../extension/crypto/files.ts'
import { Refusal } from '../../../extension/crypto/refusal.ts'
import { someBytes } from '../../support/some-bytes.ts'
import { sealedHello } from './sealed-hello.ts'

const kib = 1024
const chunk = 64 * kib
const streamOf = (bytes: Uint8Array<ArrayBuffer>) => new Blob([bytes]).stream()
const bytesOf = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) =>
  new Uint8Array(await new Response(stream).arrayBuffer())

async function sealed(plain: Uint8Array<ArrayBuffer>) {
  const { key, sealed: stream } = await sealFile(streamOf(plain))
  return { key, bytes: await bytesOf(stream) }
}

async function open(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array | Refusal> {
  try {
    return await bytesOf(await openFile(key, streamOf(bytes)))
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

test.each([0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk + 7])(
  'a file of %i bytes comes back as it was',
  async (length) => {
    const plain = someBytes(length)

    const { key, bytes } = await sealed(plain)

    expect(await open(key, bytes)).toEqual(plain)
    expect(bytes.length).toBeLessThanOrEqual(sealedBytesMax(length))
  },
)

test('no two files have the same key, nor the same bytes', async () => {
  const [one, other] = [await sealed(someBytes(100)), await sealed(someBytes(100))]

  expect(one.key).not.toBe(other.key)
  expect(one.bytes).not.toEqual(other.bytes)
})

test('what was sealed once opens for ever', async () => {
  expect(await open(sealedHello.key, new Uint8Array(fromBase64(sealedHello.sealed)))).toEqual(
    new TextEncoder().encode('hello, file'),
  )
})

test('another key opens nothing', async () => {
  const { bytes } = await sealed(someBytes(100))
  const { key } = await sealed(someBytes(100))

  expect(await open(key, bytes)).toMatchObject({ reason: 'undecryptable' })
  expect(await open('no key', bytes)).toMatchObject({ reason: 'undecryptable' })
})

test('a file that was cut off anywhere does not open', async () => {
  const { key, bytes } = await sealed(someBytes(2 * chunk))
  const header = bytes.length - 2 * (chunk + 16) - 16
  const lengths = [0, 1, header - 1, header, header + 16, header + 17, header + 16 + chunk + 16]

  for (const length of [...lengths, bytes.length - 1]) {
    expect(await open(key, bytes.slice(0, length)), `${length} bytes`).toBeInstanceOf(Refusal)
  }
})

test('a bit that was flipped anywhere is found out', async () => {
  const { key, bytes } = await sealed(someBytes(chunk + 100))

  for (let at = 0; at < bytes.length; at += at < 2000 ? 97 : 4999) {
    const flipped = bytes.slice()
    flipped[at]! ^= 1 << (at % 8)
    expect(await open(key, flipped), `byte ${at}`).toBeInstanceOf(Refusal)
  }
})

test('a header without an end is not searched for', async () => {
  const { key } = await sealed(someBytes(1))
  let chunks = 0
  const endless = new ReadableStream({
    pull(controller) {
      chunks++
      controller.enqueue(new TextEncoder().encode('age-encryption.org/v1'.padEnd(1000, '.')))
    },
  })

  await expect(openFile(key, endless)).rejects.toMatchObject({ reason: 'malformed' })
  expect(chunks).toBeLessThan(10)
})

test('what was added at the end, and chunks that have changed places, are found out', async () => {
  const { key, bytes } = await sealed(someBytes(3 * chunk))
  const sealedChunk = chunk + 16
  const start = bytes.length - 3 * sealedChunk
  const part = (n: number) => bytes.slice(start + n * sealedChunk, start + (n + 1) * sealedChunk)
  const join = (...parts: Uint8Array<ArrayBuffer>[]) =>
    new Blob([bytes.slice(0, start), ...parts]).arrayBuffer().then((buffer) => new Uint8Array(buffer))

  for (const other of [join(part(0), part(1), part(2), part(2)), join(part(1), part(0), part(2))]) {
    expect(await open(key, await other)).toMatchObject({ reason: 'undecryptable' })
  }
})

test('what the source fails with, fails the file', async () => {
  const { sealed: stream } = await sealFile(
    new ReadableStream({
      pull(controller) {
        controller.error(new DOMException('gone', 'NotReadableError'))
      },
    }),
  )

  await expect(bytesOf(stream)).rejects.toThrow('gone')
})

test('the hash of pieces is the hash of the whole', () => {
  const bytes = someBytes(100_000)
  const hash = hashing()
  for (let at = 0; at < bytes.length; at += 777) hash.add(bytes.subarray(at, at + 777))

  expect(hash.done()).toBe(createHash('sha256').update(bytes).digest('base64url'))
})
