// @vitest-environment happy-dom
import { signal } from '@preact/signals'
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/preact'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { toBase64 } from '#shared/bytes'
import type { Millis } from '#shared/ids'
import type { FileItem, OpenedFile, Transfer } from '../../../extension/stores/conversation-files.ts'
import { kindOf } from '../../../extension/stores/file-types.ts'
import type { FileActions } from '../../../extension/ui/file-actions.ts'
import { FilePart } from '../../../extension/ui/FilePart.tsx'
import { ImageViewer } from '../../../extension/ui/ImageViewer.tsx'
import { useSaving } from '../../../extension/ui/saving.tsx'
import * as pictures from '../../support/pictures.ts'

/** Everything is on the screen: happy-dom has no layout that could tell. */
beforeEach(() =>
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      observe: () => void
      constructor(tell: (entries: { isIntersecting: boolean }[]) => void) {
        this.observe = () => tell([{ isIntersecting: true }])
      }
      disconnect() {}
    },
  ),
)
afterEach(cleanup)

const until = new Date(2026, 2, 24).getTime() as Millis
const file = (rest: Partial<FileItem> = {}): FileItem => ({
  key: 'bob 1',
  direction: 'in',
  name: 'notes.txt',
  bytes: 12,
  mime: 'text/plain',
  picture: null,
  until,
  ...rest,
})
const transfer = (rest: Partial<Transfer> = {}): Transfer => ({
  state: 'offered',
  failure: null,
  done: 0,
  total: 0,
  isHere: false,
  ...rest,
})
const opened = (content: Uint8Array<ArrayBuffer>): OpenedFile => ({
  blob: new Blob([content]),
  kind: kindOf(content),
})

function actionsFor(now: Transfer, content = pictures.bytes('hello')) {
  const asked: string[] = []
  const transfers = signal(new Map([['bob 1', now]]))
  const note = (what: string) => () => void asked.push(what)
  const actions: FileActions = {
    transfers,
    save: note('save'),
    fetch: note('fetch'),
    pause: note('pause'),
    cancel: note('cancel'),
    decline: note('decline'),
    open: async () => opened(content),
    view: note('view'),
  }
  return { asked, actions, transfers }
}

function show(now: Transfer, item = file(), caption = '', content?: Uint8Array<ArrayBuffer>) {
  const given = actionsFor(now, content)
  render(
    <article>
      <FilePart file={item} caption={caption} actions={given.actions} />
    </article>,
  )
  return { ...given, article: screen.getByRole('article') }
}
const buttons = (article: HTMLElement) =>
  within(article)
    .queryAllByRole('button')
    .map(({ textContent }) => textContent)

test('[F1] a file says its name and its size', () => {
  const { article } = show(transfer())

  expect(article.textContent).toContain('notes.txt, 12 bytes')
  expect(article.querySelector('bdi')!.textContent).toBe('notes.txt')
})

test.each([
  ['offered', 'in', ['Save', 'Decline'], 'Can be fetched until'],
  ['queued', 'in', ['Pause', 'Cancel'], 'Waiting to be fetched'],
  ['moving', 'in', ['Pause', 'Cancel'], 'Fetching'],
  ['paused', 'in', ['Resume', 'Cancel'], 'Paused'],
  ['here', 'in', ['Save'], 'On this device'],
  ['declined', 'in', ['Fetch after all'], 'Declined'],
  ['freed', 'in', ['Save'], 'Removed from this device'],
  ['gone', 'in', [], 'The relay has let it go'],
  ['sealing', 'out', ['Cancel'], 'Preparing'],
  ['queued', 'out', ['Pause', 'Cancel'], 'Waiting to be sent'],
  ['moving', 'out', ['Pause', 'Cancel'], 'Sending'],
  ['paused', 'out', ['Resume', 'Cancel'], 'Paused'],
  ['here', 'out', ['Save'], 'Sent'],
] as const)('[R-38] %s, %s: %j, in words as well', (state, direction, shown, words) => {
  const { article } = show(transfer({ state }), file({ direction }))

  expect(buttons(article)).toEqual(shown)
  expect(within(article).getByRole('status').textContent).toContain(words)
})

test.each([
  ['file-full', 'Your files at the relay'],
  ['relay-full', 'disk of the relay'],
  ['disk-full', 'no room on this device'],
  ['incomplete', 'A part of it is missing'],
  ['damaged', 'not what was sent'],
  ['unreachable', 'could not be reached'],
  ['too-large', 'larger than this relay takes'],
  ['item-not-found', 'does not have it any more'],
  ['policy-violation', 'too often'],
] as const)('%s is a sentence of its own, and can be tried again', (failure, words) => {
  const { article, asked } = show(transfer({ state: 'failed', failure }))

  expect(within(article).getByRole('status').textContent).toContain(words)
  fireEvent.click(within(article).getByRole('button', { name: 'Retry' }))
  expect(asked).toEqual(['fetch'])
})

test('buttons do what they say', () => {
  for (const [state, name, what] of [
    ['offered', 'Save', 'save'],
    ['offered', 'Decline', 'decline'],
    ['moving', 'Pause', 'pause'],
    ['paused', 'Resume', 'fetch'],
    ['moving', 'Cancel', 'cancel'],
  ] as const) {
    const { article, asked } = show(transfer({ state }))
    fireEvent.click(within(article).getByRole('button', { name }))
    expect(asked).toEqual([what])
    cleanup()
  }
})

test('parts that move change the progress, and are not announced one by one', async () => {
  const total = 3 * 1024 * 1024
  const { article, transfers } = show(transfer({ state: 'moving', done: 0, total }))
  const bar = within(article).getByRole<HTMLProgressElement>('progressbar', { name: 'Progress of notes.txt' })
  const words = within(article).getByRole('status').textContent

  transfers.value = new Map([['bob 1', transfer({ state: 'moving', done: total / 3, total })]])
  await waitFor(() => expect(bar.value).toBe(total / 3))

  expect(article.textContent).toContain('1 MB of 3 MB')
  expect(within(article).getByRole('status').textContent).toBe(words)
})

const picture = (rest: Partial<NonNullable<FileItem['picture']>> = {}) =>
  file({
    name: 'cat.png',
    mime: 'image/png',
    picture: { width: 400, height: 200, thumbnail: null, ...rest },
  })

test('[R-39] a picture has its room before it is here, and is called by its caption or its name', () => {
  const { article } = show(transfer(), picture(), 'My cat')
  const box = within(article).getByRole('img', { name: 'My cat' }).parentElement!
  expect(box.style.aspectRatio).toBe('280 / 140')
  cleanup()

  const named = show(transfer(), picture()).article
  expect(within(named).getByRole('img', { name: 'cat.png' })).toBeTruthy()
})

test('[R-40] a picture is shown by what it is, and let go when it is not shown any more', async () => {
  const made = vi.spyOn(URL, 'createObjectURL')
  const revoked = vi.spyOn(URL, 'revokeObjectURL')
  const { article } = show(transfer({ state: 'here', isHere: true }), picture(), '', pictures.png(4, 2))

  const image = await waitFor(() => {
    const found = within(article).getByRole<HTMLImageElement>('img')
    expect(found.src).toMatch(/^blob:/)
    return found
  })
  expect((made.mock.calls[0]![0] as Blob).type).toBe('image/png')
  const { src } = image
  cleanup()
  await waitFor(() => expect(revoked).toHaveBeenCalledWith(src))
})

test.each([
  ['HTML', pictures.bytes('<script>alert(1)</script>')],
  ['SVG', pictures.bytes('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')],
  ['a bomb', pictures.pngHeader(60_000, 60_000)],
  ['a picture that was cut off', pictures.png(3, 3).slice(0, 20)],
])('[R-40] %s that is called a picture falls back to a file', async (_, content) => {
  const { article } = show(transfer({ state: 'here', isHere: true }), picture(), '', content)

  await waitFor(() => expect(article.textContent).toContain('cat.png, 12 bytes'))
  expect(within(article).queryByRole('img')).toBeNull()
})

test.each([
  ['SVG', pictures.bytes('<svg xmlns="http://www.w3.org/2000/svg"/>')],
  ['a picture that is too large', pictures.webpCanvas(4000, 4000)],
  ['one that moves', pictures.webpCanvas(40, 40, true)],
  ['no picture', pictures.bytes('hello')],
])('[R-40] %s is no thumbnail', (_, content) => {
  const { article } = show(transfer(), picture({ thumbnail: toBase64(content) }))

  expect(article.querySelector('img')).toBeNull()
})

test('a thumbnail stands there until the picture is here', () => {
  const { article } = show(transfer(), picture({ thumbnail: toBase64(pictures.webpLossy(40, 20)) }))

  expect(within(article).getByRole<HTMLImageElement>('img', { name: 'cat.png' }).src).toMatch(
    /^data:image\/webp;base64,/,
  )
})

test('[F10] sound plays here once it is here, and what only says that it is sound does not', async () => {
  const sound = file({ name: 'a.wav', mime: 'audio/wav' })
  const { article } = show(transfer({ state: 'here', isHere: true }), sound, '', pictures.wav())
  await waitFor(() => expect(article.querySelector('audio')!.src).toMatch(/^blob:/))
  cleanup()

  const other = show(transfer({ state: 'here', isHere: true }), sound, '', pictures.bytes('<html>')).article
  await waitFor(() => expect(other.textContent).toContain('could not be opened'))
  expect(other.querySelector('audio')).toBeNull()
})

/** What is saved, as a page has it. */
function saving(item: FileItem, now: Transfer, content = pictures.bytes('hello')) {
  const given = actionsFor(now, content)
  const saved: string[] = []
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    saved.push(this.download)
  })
  function Page() {
    const it = useSaving({ ...given.actions, fetch: async () => given.asked.push('fetch') > 0 }, 'Bobby')
    return (
      <>
        <button type="button" onClick={() => it.save(item)}>
          Save it
        </button>
        {it.failed && <p>failed</p>}
        {it.dialog}
      </>
    )
  }
  render(<Page />)
  fireEvent.click(screen.getByRole('button', { name: 'Save it' }))
  return { ...given, saved }
}
const here = transfer({ state: 'here', isHere: true })

test('what is here is saved at once, under its safe name', async () => {
  const { saved } = saving(file(), here)

  await waitFor(() => expect(saved).toEqual(['notes.txt']))
})

test('[R-38] what is not here is fetched first, and saved when it has come', async () => {
  const { saved, asked, transfers } = saving(file(), transfer())
  expect([asked, saved]).toEqual([['fetch'], []])

  transfers.value = new Map([['bob 1', here]])

  await waitFor(() => expect(saved).toEqual(['notes.txt']))
})

test.each([
  ['a program', 'setup.exe', 'run programs'],
  ['a page', 'page.html', 'run programs'],
  ['two endings', 'invoice.pdf.xyz', 'two endings'],
])('[R-40] %s asks twice before anything is fetched', async (_, name, words) => {
  const { saved, asked } = saving(file({ name }), transfer())

  const dialog = screen.getByRole('dialog')
  expect(within(dialog).getByRole('heading').textContent).toBe(`Save ${name}?`)
  expect(dialog.textContent).toContain(words)
  expect(asked).toEqual([])
  fireEvent.click(within(dialog).getByRole('button', { name: 'Cancel' }))
  expect([asked, saved]).toEqual([[], []])

  fireEvent.click(screen.getByRole('button', { name: 'Save it' }))
  fireEvent.click(screen.getByRole('button', { name: 'Save anyway' }))
  await waitFor(() => expect(asked).toEqual(['fetch']))
})

test('[R-40] a program that is called a text asks when it has come', async () => {
  const { saved } = saving(file(), here, pictures.bytes('MZ', [0x90, 0]))

  fireEvent.click(await screen.findByRole('button', { name: 'Save anyway' }))
  expect(saved).toEqual(['notes.txt'])
})

test('the viewer goes from picture to picture by arrows, and closes by Esc', async () => {
  const { actions } = actionsFor(here, pictures.png(4, 2))
  const closed: string[] = []
  const shown = ['one', 'two', 'three'].map((name) => ({
    file: { ...picture(), key: name, name: `${name}.png` },
    caption: '',
  }))
  render(<ImageViewer pictures={shown} first="two" actions={actions} onClose={() => closed.push('closed')} />)
  const dialog = screen.getByRole('dialog', { name: 'Image viewer' })
  expect(dialog.textContent).toContain('two.png')
  expect(dialog.textContent).toContain('2 of 3')

  fireEvent.keyDown(dialog, { key: 'ArrowRight' })
  await waitFor(() => expect(dialog.textContent).toContain('three.png'))
  fireEvent.keyDown(dialog, { key: 'ArrowRight' })
  fireEvent.keyDown(dialog, { key: 'ArrowLeft' })
  await waitFor(() => expect(dialog.textContent).toContain('two.png'))
  fireEvent.keyDown(dialog, { key: 'Escape' })

  expect(closed).toEqual(['closed'])
})
