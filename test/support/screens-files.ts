/** Screens with files: sealed here for real, so that the pages open them as they open any. */
import type { Page } from '@playwright/test'
import { toBase64 } from '#shared/bytes'
import type { OfferedFile } from '#shared/content'
import type { BlobId } from '#shared/ids'
import { sealFile } from '../../extension/crypto/files.ts'
import { fileKey, type FileRow, type MessageRow } from '../../extension/db/db.ts'
import * as pictures from './pictures.ts'
import {
  conversation,
  day,
  inChat,
  inPopup,
  inTab,
  log,
  minutes,
  now,
  people,
  sorted,
  user,
  type Rows,
  type Screen,
} from './screens-data.ts'

/** Hills before an evening sky. */
function landscape(width: number, height: number) {
  return pictures.painted(width, height, (x, y) => {
    const hill = 0.62 + 0.08 * Math.sin(x * 7) + 0.05 * Math.sin(x * 17 + 1)
    if (y > hill) return [40 + 60 * (1 - y), 70 + 70 * (1 - y), 60]
    const sun = Math.hypot(x - 0.68, (y - 0.42) * (height / width))
    if (sun < 0.07) return [255, 236, 190]
    return [250 - 150 * (1 - y), 170 - 60 * (1 - y), 120 + 90 * (1 - y)]
  })
}

let count = 0
const random = (length: number) => {
  const bytes = new Uint8Array(length)
  crypto.getRandomValues(bytes)
  return bytes
}

async function sealed(content: Uint8Array<ArrayBuffer>) {
  const stream = new Response(content).body as ReadableStream<Uint8Array<ArrayBuffer>>
  const { key, sealed: bytes } = await sealFile(stream)
  return { key, bytes: new Uint8Array(await new Response(bytes).arrayBuffer()) }
}

interface Sent {
  direction: 'in' | 'out'
  ago: number
  name: string
  content?: Uint8Array<ArrayBuffer>
  caption?: string
  file?: Partial<OfferedFile>
  /** Left out: offered. */
  row?: Partial<FileRow>
}

const bob = user('bob')
const someKey = (await sealed(pictures.bytes('x'))).key

/** A message with a file, and what this device has of it. */
async function sent({ direction, ago, name, content, caption = '', file: rest, row }: Sent) {
  const { key, bytes } = content ? await sealed(content) : { key: someKey, bytes: new Uint8Array(0) }
  const file: OfferedFile = {
    blob: toBase64(random(16)) as BlobId,
    key,
    sealedBytes: bytes.length,
    sha256: toBase64(random(32)),
    until: now + 21 * day,
    name,
    mime: 'application/octet-stream',
    bytes: content?.length ?? 0,
    ...rest,
  }
  const [message] = log('bob', [[direction, ago, '', { content: { type: 'file', file, text: caption } }]])
  const { from, id } = message!
  const parts = `parts ${++count}`
  const files: FileRow[] = row
    ? [
        {
          key: fileKey(from, id),
          parts,
          peer: bob,
          direction,
          state: 'here',
          file,
          done: 1,
          at: minutes(ago),
          usedAt: now,
          ...row,
        },
      ]
    : []
  const stored = content && row ? [{ key: parts, n: 0, bytes }] : []
  return { message: message!, files, parts: stored }
}

const together = async (all: Sent[], rest: Rows = {}): Promise<Rows> => {
  const made = await Promise.all(all.map(sent))
  return conversation({
    typing: [],
    messages: [
      ...log('bob', [['in', 50, 'Here are the things from Sunday']]),
      ...made.map(({ message }) => message),
    ],
    files: made.flatMap(({ files }) => files),
    parts: made.flatMap(({ parts }) => parts),
    ...rest,
  })
}

const wide = landscape(480, 300)
const tall = landscape(200, 420)
const asPicture = (width: number, height: number) => ({ mime: 'image/png', width, height })
const MiB = 1024 * 1024

const shared = await together([
  {
    direction: 'in',
    ago: 40,
    name: 'evening.png',
    content: wide,
    caption: 'From the bridge',
    file: asPicture(480, 300),
    row: {},
  },
  { direction: 'in', ago: 39, name: 'Minutes of the meeting.pdf', file: { bytes: 2.4 * MiB } },
  { direction: 'out', ago: 20, name: 'tower.png', content: tall, file: asPicture(200, 420), row: {} },
  {
    direction: 'out',
    ago: 12,
    name: 'notes.txt',
    content: pictures.bytes('hello'),
    caption: 'What I wrote down',
    row: {},
  },
  {
    direction: 'in',
    ago: 3,
    name: 'birds.wav',
    content: pictures.wav(),
    file: { mime: 'audio/wav' },
    row: {},
  },
])

const big = { bytes: 84 * MiB, sealedBytes: 84 * MiB }
const states = await together([
  {
    direction: 'in',
    ago: 40,
    name: 'film.mp4',
    file: { ...big, mime: 'video/mp4' },
    row: { state: 'moving', done: 31 },
  },
  { direction: 'in', ago: 39, name: 'archive.zip', file: big, row: { state: 'paused', done: 12 } },
  {
    direction: 'in',
    ago: 38,
    name: 'broken.zip',
    file: big,
    row: { state: 'failed', failure: 'damaged', done: 0 },
  },
  {
    direction: 'in',
    ago: 37,
    name: 'unwanted.exe',
    file: { bytes: 3 * MiB },
    row: { state: 'declined', done: 0 },
  },
  { direction: 'in', ago: 30, name: 'old.docx', file: { bytes: 300_000 }, row: { state: 'gone', done: 0 } },
])
const outgoing = await together([], {})
const leaving: Rows = {
  ...outgoing,
  files: (
    [
      ['moving', 'lecture.webm', 40, undefined],
      ['failed', 'backup.tar.gz', 3, 'file-full'],
      ['queued', 'slides.pdf', 0, undefined],
    ] as const
  ).map(([state, name, done, failure], at) => ({
    key: `0000-${at}`,
    parts: `0000-${at}`,
    peer: bob,
    direction: 'out',
    state,
    ...(failure && { failure }),
    file: { key: someKey, sha256: '', name, mime: 'application/octet-stream', ...big },
    caption: at === 0 ? 'The one that you missed' : '',
    done,
    at: minutes(2) + at,
    usedAt: now,
  })),
}

const endless =
  'A very long name that somebody has given to a file because they like to be exact about what is in it, and when.pdf'
const hostile = await together([
  { direction: 'in', ago: 40, name: endless, file: { bytes: 999 * 1024 } },
  { direction: 'in', ago: 39, name: 'photo_\u202Egpj.exe', file: { bytes: 120_000 } },
  { direction: 'in', ago: 38, name: 'صورة من البيت.pdf', file: { bytes: 5000 } },
  { direction: 'in', ago: 37, name: `${'w'.repeat(150)}.txt`, file: { bytes: 1 } },
  { direction: 'in', ago: 30, name: 'thin.png', file: { bytes: 6 * MiB, ...asPicture(4, 9000) } },
  {
    direction: 'in',
    ago: 20,
    name: 'large.png',
    caption: 'Too large to come by itself',
    file: { bytes: 6 * MiB, ...asPicture(4000, 3000) },
  },
])

/** As people do it, by the system's own dialog. */
const attach =
  (...chosen: { name: string; mimeType: string; buffer: Buffer }[]) =>
  async (page: Page) => {
    await page.locator('input[type=file]').setInputFiles(chosen)
    await page.getByRole('listitem').filter({ hasText: chosen[0]!.name }).first().waitFor()
    await page.getByText('Looking at it').waitFor({ state: 'hidden' })
  }
const evening = { name: 'evening.png', mimeType: 'image/png', buffer: Buffer.from(wide) }
const notes = { name: endless, mimeType: 'application/pdf', buffer: Buffer.from('hello') }
const tooLarge = async (page: Page) => {
  await page.evaluate(() => {
    const data = new DataTransfer()
    const file = new File(['x'], 'holiday.mov')
    Object.defineProperty(file, 'size', { value: 734_003_200 })
    data.items.add(file)
    const input = document.querySelector<HTMLInputElement>('input[type=file]')!
    Object.defineProperty(input, 'files', { value: [file], configurable: true })
    input.dispatchEvent(new Event('change', { bubbles: true }))
  })
  await page.getByRole('alert').waitFor()
}
const view = async (page: Page) => {
  await page.getByRole('img', { name: 'From the bridge' }).click()
  await page.getByRole('dialog').locator('img[src^=blob]').waitFor()
}
const openShared = async (page: Page) => {
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Shared here' }).click()
  await page.getByRole('dialog').getByRole('listitem').first().waitFor()
}
const toTop = async (page: Page) => {
  await page.getByRole('log').evaluate((element) => element.scrollTo(0, 0))
  await page.locator('img[src^=blob]').first().waitFor()
}
const drag = (page: Page) =>
  page.evaluate(() => {
    const data = new DataTransfer()
    data.items.add(new File(['x'], 'x.txt'))
    window.dispatchEvent(new DragEvent('dragenter', { dataTransfer: data, bubbles: true }))
  })
const high = { width: 380, height: 900 }
const narrow = { width: 300, height: 420 }

const kept: Rows = {
  ...sorted,
  files: [...(shared.files ?? []), ...(states.files ?? [])].map((row, at) => ({
    ...row,
    peer: user(['bob', 'carol.dee', 'grace-hopper'][at % 3]!),
    state: 'here',
    file: { ...(row as FileRow).file, sealedBytes: (at + 1) * 3.3 * MiB },
  })),
}
const said = (peer: string, name: string, mime: string) => ({
  ...people.conversations!.find((row) => (row as MessageRow).peer === peer)!,
  last: { id: 'x', ts: minutes(2), direction: 'in', text: '', file: { name, mime } },
})

export const fileScreens: Screen[] = [
  inChat('files', shared, { size: high }),
  inChat('files-top', shared, { act: toTop }),
  inChat('files-dark', shared, { size: high, dark: true }),
  inChat('files-forced', shared, { size: high, forced: true }),
  inChat('files-narrow', shared, { size: narrow }),
  inChat('files-rtl', shared, { size: high, rtl: true }),
  inChat('files-states', states, { size: high }),
  inChat('files-states-dark', states, { size: high, dark: true }),
  inChat('files-states-narrow', states, { size: { width: 300, height: 700 } }),
  inChat('files-states-rtl', states, { size: high, rtl: true }),
  inChat('files-leaving', leaving, { size: { width: 380, height: 640 } }),
  inChat('files-leaving-dark', leaving, { size: { width: 380, height: 640 }, dark: true }),
  inChat('files-hostile', hostile, { size: { width: 380, height: 1200 } }),
  inChat('files-hostile-rtl', hostile, { size: { width: 380, height: 1200 }, rtl: true }),
  inChat('files-chips', shared, { act: attach(evening, notes) }),
  inChat('files-chips-dark', shared, { dark: true, act: attach(evening) }),
  inChat('files-chips-narrow', shared, { size: narrow, act: attach(notes, evening) }),
  inChat('files-chips-rtl', shared, { rtl: true, act: attach(evening, notes) }),
  inChat('files-too-large', shared, { act: tooLarge }),
  inChat('files-drop', shared, { act: drag }),
  inChat('files-drop-dark', shared, { dark: true, act: drag }),
  inChat('files-viewer', shared, { act: view }),
  inChat('files-viewer-dark', shared, { dark: true, size: { width: 900, height: 700 }, act: view }),
  inChat('files-viewer-narrow', shared, { size: { width: 300, height: 320 }, act: view }),
  inChat('files-viewer-rtl', shared, { rtl: true, act: view }),
  inChat('files-shared', shared, { act: openShared }),
  inChat('files-shared-dark', shared, { dark: true, act: openShared }),
  inChat('files-shared-narrow', hostile, { size: narrow, act: openShared }),
  inChat('files-risk', hostile, {
    act: (page) =>
      page.getByRole('article').filter({ hasText: 'exe' }).getByRole('button', { name: 'Save' }).click(),
  }),
  inTab('files-storage', kept, { path: 'options.html#storage' }),
  inTab('files-storage-dark', kept, { path: 'options.html#storage', dark: true }),
  inTab('files-storage-narrow', kept, { path: 'options.html#storage', size: { width: 360, height: 900 } }),
  inPopup('files-list', {
    ...people,
    conversations: [said('bob', 'x.png', 'image/png'), said('farid', `a\u202Egpj.exe`, 'text/plain')],
  }),
]
