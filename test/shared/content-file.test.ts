import { expect, test } from 'vitest'
import { sealedBytesMax } from '#shared/blobs'
import { parseContent, type ContentOf } from '#shared/content'
import { limits } from '#shared/limits'
import { offeredFile } from '../support/offered-file.ts'

const content: ContentOf<'file'> = { type: 'file', file: offeredFile(), text: '' }

test('a message with a file is what it was before it was sent', () => {
  const whole = offeredFile({ width: 800, height: 600, thumbnail: 'A'.repeat(8) })
  const other = { ...content, file: whole, text: 'look', session: 's1', written: 5 }

  expect(parseContent(content)).toEqual(content)
  expect(parseContent(other)).toEqual(other)
})

test.each<[string, object]>([
  ['that says it is small and is large', { bytes: 10, sealedBytes: sealedBytesMax(10) + 1 }],
  ['that is smaller sealed than open', { bytes: 10, sealedBytes: 10 }],
  ['of no size', { sealedBytes: 0, bytes: 0 }],
  ['of half a byte', { bytes: 1.5 }],
  ['of less than nothing', { bytes: -1 }],
  ['of more than numbers can say', { bytes: 2 ** 60, sealedBytes: 2 ** 60 }],
  ['without a key', { key: '' }],
  ['with a key that is not post-quantum', { key: `AGE-SECRET-KEY-1${'Q'.repeat(58)}` }],
  ['with another kind of key', { key: 'a password' }],
  ['with a path in place of its blob', { blob: '../../healthz/AAAAAAAA' }],
  ['with a short hash', { sha256: 'AAAA' }],
  ['with a name without end', { name: 'x'.repeat(limits.fileNameCharsMax + 1) }],
  ['with a type without end', { mime: `image/${'x'.repeat(100)}` }],
  ['with a picture of no width', { width: 0, height: 10 }],
  ['with a picture that no screen shows', { width: 100_001, height: 10 }],
  ['with a thumbnail that is no thumbnail', { thumbnail: 'A'.repeat(20_000) }],
])('a file %s is no file', (_, change) => {
  expect(parseContent({ ...content, file: { ...content.file, ...change } })).toBeNull()
})

test('a caption has its length, too', () => {
  expect(parseContent({ ...content, text: 'x'.repeat(limits.captionCharsMax + 1) })).toBeNull()
})
