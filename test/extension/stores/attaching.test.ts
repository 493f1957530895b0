// First: Dexie looks for an IndexedDB while it is loaded.
import 'fake-indexeddb/auto'
import { signal } from '@preact/signals'
import { afterEach, expect, test, vi } from 'vitest'
import type { UserId } from '#shared/ids'
import { openDb, type Db } from '../../../extension/db/db.ts'
import { deleteFile } from '../../../extension/db/files.ts'
import { attaching, chipsMax } from '../../../extension/stores/attaching.ts'
import { blobFrom } from '../../../extension/stores/file-sealing.ts'
import { fullAfter } from '../../support/full-disk.ts'
import * as pictures from '../../support/pictures.ts'
import { until } from '../../support/until.ts'

const bob = 'bob' as UserId
const now = 1_800_000_000_000
let count = 0
const open: Db[] = []
afterEach(() => {
  for (const db of open.splice(0)) db.close()
})

function start(bytesMax = 1000) {
  const db = openDb(`parley attaching ${++count}`)
  open.push(db)
  const sealed: string[] = []
  const back: string[] = []
  const store = attaching({
    peer: bob,
    db,
    clock: { now: () => now, seconds: signal(now), after: () => () => {} },
    bytesMax: signal(bytesMax),
    onSealed: async () => void sealed.push('sealed'),
    onCaptionBack: (caption) => void back.push(caption),
  })
  const rows = () => db.files.orderBy('key').toArray()
  return { db, store, sealed, back, rows }
}
const file = (name: string, content = 'hello') => new File([content], name)

/** One that was there when it was looked at. */
function vanishing(name: string): File {
  const chosen = file(name)
  let isLookedAt = false
  return Object.defineProperty(chosen, 'slice', {
    value(...range: [number, number]) {
      const gone = { arrayBuffer: () => Promise.reject(new DOMException('it was moved', 'NotFoundError')) }
      const part = isLookedAt ? gone : Blob.prototype.slice.apply(chosen, range)
      isLookedAt = true
      return part
    },
  })
}

test('[R-37] what is too large is refused by its size, before anything of it is read', async () => {
  const { store } = start(10)
  const large = file('film.mov', 'x'.repeat(11))
  const read = vi.spyOn(large, 'slice')

  await store.add([large, file('fits.txt')])

  expect(read).not.toHaveBeenCalled()
  expect(store.refused.value).toEqual([{ name: 'film.mov', why: 'too-large', bytes: 11, bytesMax: 10 }])
  expect(store.chips.value.map(({ name }) => name)).toEqual(['fits.txt'])
})

test('what was chosen stands there by a safe name, and may be taken away again', async () => {
  const { store } = start()

  await store.add([file('a\u202Egpj.exe'), file(''), file('notes.txt')])
  expect(store.chips.value.map(({ name }) => name)).toEqual(['a_gpj.exe', 'file', 'notes.txt'])
  store.remove(store.chips.value[1]!.key)

  expect(store.chips.value.map(({ name }) => name)).toEqual(['a_gpj.exe', 'notes.txt'])
})

test('an empty file is a file', async () => {
  const { store, rows } = start()

  await store.add([file('nothing.txt', '')])
  await store.send('')

  expect(await rows()).toMatchObject([{ state: 'queued', file: { name: 'nothing.txt', bytes: 0 } }])
})

test('a folder, one that cannot be read, and one too many are each told by name', async () => {
  const { store } = start()
  const unreadable = Object.defineProperty(file('gone.txt'), 'slice', {
    value: () => ({ arrayBuffer: () => Promise.reject(new DOMException('', 'NotReadableError')) }),
  })

  store.refuseFolder('my/folder')
  expect(store.refused.value).toEqual([{ name: 'my_folder', why: 'folder' }])
  await store.add([unreadable])
  expect(store.refused.value).toEqual([{ name: 'gone.txt', why: 'unreadable' }])
  await store.add(Array.from({ length: chipsMax + 1 }, (_, at) => file(`${at}.txt`)))
  expect(store.refused.value).toEqual([{ name: `${chipsMax}.txt`, why: 'too-many' }])
  expect(store.chips.value).toHaveLength(chipsMax)
})

test('[F1] they are sealed in the order in which they were chosen, and the first has the caption', async () => {
  const { db, store, sealed, rows } = start()
  await store.add([file('one.txt', '1'), file('two.txt', '22')])

  const sending = store.send('look')
  expect(store.chips.value).toEqual([])
  expect(store.leaving.value.map(({ caption, meta }) => [meta.name, caption])).toEqual([
    ['one.txt', 'look'],
    ['two.txt', ''],
  ])
  await sending

  const [one, two] = await rows()
  expect([one, two]).toMatchObject([
    { peer: bob, direction: 'out', state: 'queued', caption: 'look', file: { name: 'one.txt', bytes: 1 } },
    { caption: '', file: { name: 'two.txt', bytes: 2 } },
  ])
  expect(await (await blobFrom(db, two!)).text()).toBe('22')
  expect(sealed).toHaveLength(2)
  store.settle()
  expect(store.leaving.value).toEqual([])
})

test('[R-40] the type that goes along is the one of the content', async () => {
  const { store, rows } = start(10_000)

  await store.add([
    new File(['<script>'], 'page.png', { type: 'image/png' }),
    new File([pictures.wav().slice(0, 100)], 'a.txt', { type: 'text/plain' }),
  ])
  await store.send('')

  expect((await rows()).map(({ file: { mime } }) => mime)).toEqual(['application/octet-stream', 'audio/wav'])
})

test('a picture that this browser cannot decode goes as a file', async () => {
  const { store, rows } = start(10_000)

  await store.add([new File([pictures.png(3, 3)], 'a.png')]) // Node decodes none
  expect(store.chips.value).toMatchObject([{ looked: null, canBeStripped: false }])
  await store.send('')

  const [row] = await rows()
  expect(row!.file).toMatchObject({ name: 'a.png' })
  expect(row!.file.width).toBeUndefined()
})

test('one that has gone before it was sealed is told, gives its caption back, and holds up no other', async () => {
  const { store, back, rows } = start()
  await store.add([vanishing('gone.txt'), file('here.txt')])

  await store.send('both')

  expect(store.refused.value).toEqual([{ name: 'gone.txt', why: 'unreadable' }])
  expect(back).toEqual(['both'])
  expect((await rows()).map(({ file: { name } }) => name)).toEqual(['here.txt'])
})

test('a disk that is full is told, and leaves nothing behind', async () => {
  const { db, store, back } = start()
  fullAfter(db, 0)
  await store.add([file('a.txt')])

  await store.send('look')

  expect(store.refused.value).toEqual([{ name: 'a.txt', why: 'disk-full' }])
  expect(back).toEqual(['look'])
  expect([await db.files.count(), await db.parts.count()]).toEqual([0, 0])
})

test('one that is cancelled while it waits is not sealed', async () => {
  const { store, rows } = start()
  await store.add([file('one.txt'), file('two.txt')])

  const sending = store.send('')
  store.cancel(store.leaving.value[1]!.key)
  await sending

  expect((await rows()).map(({ file: { name } }) => name)).toEqual(['one.txt'])
})

test('one that is cancelled while it is sealed is no failure, and leaves nothing behind', async () => {
  const { db, store, back } = start(10_000_000)
  await store.add([file('large.bin', 'x'.repeat(4_000_000))])

  const sending = store.send('look')
  const { key } = store.leaving.value[0]!
  await until(async () => (await db.files.get(key))?.state === 'sealing')
  store.cancel(key)
  // As the background does it.
  await db.transaction('rw', db.files, db.parts, async () => deleteFile(db, (await db.files.get(key))!))
  await sending

  expect([store.refused.value, back, store.leaving.value]).toEqual([[], [], []])
  expect([await db.files.count(), await db.parts.count()]).toEqual([0, 0])
})
