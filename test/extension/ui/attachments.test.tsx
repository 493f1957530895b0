// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
import type { Chip, Refused } from '../../../extension/stores/attaching.ts'
import { Composer } from '../../../extension/ui/Composer.tsx'
import { useDropping } from '../../../extension/ui/dropping.ts'

afterEach(cleanup)

const chip = (name: string, rest: Partial<Chip> = {}): Chip => ({
  key: name,
  name,
  bytes: 2048,
  looked: null,
  canBeStripped: false,
  sendsOriginal: false,
  ...rest,
})

function compose(chips: Chip[], { refused = [] as Refused[], isGuarded = false } = {}) {
  const asked: unknown[][] = []
  const note =
    (name: string) =>
    (...args: unknown[]) =>
      void asked.push([name, ...args])
  render(
    <Composer
      name="bob"
      draft=""
      canSend={chips.length > 0}
      left={null}
      isGuarded={isGuarded}
      takesFocus
      isCaption={chips.length > 0}
      attaching={{
        bytesMax: 100 * 1024 * 1024,
        chips,
        isLooking: false,
        refused,
        onAdd: note('add'),
        onRemove: note('remove'),
        onOriginal: note('original'),
        onForgetRefused: note('forget'),
      }}
      onType={() => {}}
      onSend={note('send')}
    />,
  )
  return { asked, list: () => screen.getByRole('list', { name: 'Files to send' }) }
}

test('[F6] the limit stands on the button before a file is chosen, and what is chosen is handed over', () => {
  const { asked } = compose([])
  const attach = screen.getByRole('button', { name: 'Attach' })
  expect(attach.title).toBe('Attach files, up to 100 MB each')

  const input = document.querySelector<HTMLInputElement>('input[type=file]')!
  let opened = 0
  input.click = () => void opened++
  fireEvent.click(attach)
  const files = [new File(['1'], 'one.txt'), new File(['2'], 'two.txt')]
  fireEvent.change(input, { target: { files } })

  expect([input.multiple, opened]).toEqual([true, 1])
  expect(asked).toEqual([['add', files]])
})

test('[R-44] a window that opened by itself attaches nothing', () => {
  compose([], { isGuarded: true })

  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Attach' }).disabled).toBe(true)
})

test('[F5] what goes with the next message stands above it by name and size, and can be taken away', () => {
  const { asked, list } = compose([chip('one.txt'), chip('two.txt')])
  expect(screen.getByPlaceholderText('Add a caption')).toBeTruthy()
  const [first] = within(list()).getAllByRole('listitem')
  expect(first!.textContent).toBe('one.txt2 kB')

  fireEvent.click(within(list()).getByRole('button', { name: 'Remove \u2068one.txt\u2069' }))

  expect(asked).toEqual([['remove', 'one.txt']])
  // The focus is at the next one, and not lost.
  expect(document.activeElement).toBe(
    within(list()).getByRole('button', { name: 'Remove \u2068two.txt\u2069' }),
  )
})

test('[F8] the original of a picture is sent only when it is asked for', () => {
  const looked = { width: 4, height: 2 }
  const { asked, list } = compose([
    chip('cat.jpg', { looked, canBeStripped: true }),
    chip('moves.gif', { looked }),
  ])

  const [choice, ...others] = within(list()).getAllByRole<HTMLInputElement>('checkbox', {
    name: 'Send original',
  })
  expect([choice!.checked, others]).toEqual([false, []])
  fireEvent.click(choice!)

  expect(asked).toEqual([['original', 'cat.jpg', true]])
})

test('[R-37] what was refused names the file, its size, the limit and what to do', () => {
  const name = 'holiday.mov'
  const { asked } = compose([], {
    refused: [
      { name, why: 'too-large', bytes: 700 * 1024 * 1024, bytesMax: 100 * 1024 * 1024 },
      { name: 'things', why: 'folder' },
      { name: 'gone.txt', why: 'unreadable' },
    ],
  })

  const alert = screen.getByRole('alert')
  for (const part of [
    name,
    '700 MB',
    '100 MB',
    'split it',
    'things',
    'folder',
    'gone.txt',
    'Choose it again',
  ])
    expect(alert.textContent).toContain(part)
  fireEvent.click(within(alert).getByRole('button', { name: 'Close' }))
  expect(asked.map(([what]) => what)).toEqual(['forget'])
})

/** A page that takes files, or does not. */
function dropping(isOff = false) {
  const taken: string[] = []
  const listener = {
    isOff,
    onFiles: (files: readonly File[]) => void taken.push(...files.map(({ name }) => name)),
    onFolder: (name: string) => void taken.push(`${name}/`),
  }
  function Page() {
    return useDropping(listener) ? <p>Drop it</p> : <p>Nothing</p>
  }
  render(<Page />)
  return taken
}
const file = new File(['x'], 'x.txt')
const carried = (types: string[], rest: object = {}) => ({ types, files: [file], items: [], ...rest })
const item = (isDirectory: boolean, name: string) => ({
  kind: 'file',
  getAsFile: () => new File(['x'], name),
  webkitGetAsEntry: () => ({ isDirectory, name }),
})

/** Whether the browser would have done something with it. */
const fire = (target: EventTarget, type: string, key: string, data: object) => {
  const event = Object.assign(new Event(type, { bubbles: true, cancelable: true }), { [key]: data })
  target.dispatchEvent(event)
  return !event.defaultPrevented
}

test('[F5] files are dropped on the window, folders are told apart', async () => {
  const taken = dropping()
  const data = carried(['Files'], { items: [item(false, 'a.txt'), item(true, 'folder')] })

  fire(window, 'dragenter', 'dataTransfer', data)
  expect(await screen.findByText('Drop it')).toBeTruthy()
  expect(fire(window, 'drop', 'dataTransfer', data)).toBe(false)

  expect(await screen.findByText('Nothing')).toBeTruthy()
  expect(taken).toEqual(['folder/', 'a.txt'])
})

test('where nobody can be written to a file is not taken, and does not lead the window away', () => {
  const taken = dropping(true)
  const data = carried(['Files'], { items: [item(false, 'a.txt')] })

  fire(window, 'dragenter', 'dataTransfer', data)
  expect(screen.getByText('Nothing')).toBeTruthy()
  expect(fire(window, 'drop', 'dataTransfer', data)).toBe(false)

  expect(taken).toEqual([])
})

test('[F5] a picture is pasted only when the clipboard has no text', () => {
  const taken = dropping()

  expect(fire(document, 'paste', 'clipboardData', carried(['text/plain', 'text/html', 'Files']))).toBe(true)
  expect(taken).toEqual([])
  expect(fire(document, 'paste', 'clipboardData', carried(['text/html', 'Files']))).toBe(false)

  expect(taken).toEqual(['x.txt'])
})

test('text that is dragged is none of it', () => {
  const taken = dropping()

  expect(fire(window, 'drop', 'dataTransfer', carried(['text/plain']))).toBe(true)
  expect(taken).toEqual([])
})
