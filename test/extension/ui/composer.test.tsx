// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/preact'
import { useState } from 'preact/hooks'
import { afterEach, expect, test } from 'vitest'
import type { EnvelopeId, UserId } from '#shared/ids'
import { Composer } from '../../../extension/ui/Composer.tsx'
import { useGuard } from '../../../extension/ui/guard.ts'

afterEach(cleanup)

/** The composer as the chat has it, and how often it sent. */
function open(by: 'user' | 'network' = 'user') {
  const sent: string[] = []
  function Chat() {
    return (
      <Composer
        name="bob"
        draft="hello"
        canSend
        left={null}
        isGuarded={useGuard(by === 'network')}
        takesFocus={by === 'user'}
        onType={() => {}}
        onSend={() => sent.push('hello')}
      />
    )
  }
  render(<Chat />)
  return { sent, box: screen.getByRole<HTMLTextAreaElement>('textbox', { name: 'Message' }) }
}

test('Enter sends, Shift+Enter does not', () => {
  const { sent, box } = open()

  fireEvent.keyDown(box, { key: 'Enter', shiftKey: true })
  expect(sent).toHaveLength(0)
  fireEvent.keyDown(box, { key: 'Enter' })
  expect(sent).toHaveLength(1)
})

test.each([
  ['says so', { key: 'Enter', isComposing: true }],
  ['sends 229 instead, as older ones do', { key: 'Enter', keyCode: 229 }],
])('Enter that ends the composing of a word never sends, when the input method %s', (_, stroke) => {
  const { sent, box } = open()

  fireEvent.keyDown(box, stroke)

  expect(sent).toHaveLength(0)
})

test('[R-44] a window that the person opened has the focus in its composer', () => {
  const { box } = open('user')

  expect(document.activeElement).toBe(box)
})

test('[R-44] a window that opened by itself takes no focus, no key and no Enter', () => {
  const { sent, box } = open('network')

  expect(document.activeElement).not.toBe(box)
  expect(box.readOnly).toBe(true)
  const typed = fireEvent.keyDown(box, { key: 's' })
  fireEvent.keyDown(box, { key: 'Enter' })
  expect(typed).toBe(false) // prevented: discarded, not queued
  expect(sent).toHaveLength(0)
  expect(box.readOnly).toBe(true)
})

test.each([
  ['a click', (box: Element) => fireEvent.pointerDown(box)],
  ['Tab', (box: Element) => fireEvent.keyDown(box, { key: 'Tab' })],
])('[R-44] %s by the person ends the guard', async (_, act) => {
  const { sent, box } = open('network')

  act(box)
  await Promise.resolve()
  expect(await screen.findByPlaceholderText(/bob/)).toBe(box)
  fireEvent.keyDown(box, { key: 'Enter' })

  expect(box.readOnly).toBe(false)
  expect(sent).toHaveLength(1)
})

/** The composer with a text of its own, as it is while somebody writes. */
function write(draftAtFirst = '', rest: Partial<Parameters<typeof Composer>[0]> = {}) {
  const told: string[] = []
  function Chat() {
    const [draft, setDraft] = useState(draftAtFirst)
    return (
      <Composer
        name="bob"
        draft={draft}
        canSend
        left={null}
        isGuarded={false}
        takesFocus
        onType={setDraft}
        onSend={() => told.push('send')}
        onDropAim={() => told.push('drop')}
        onEditLast={() => told.push('edit last') > 0}
        onEmoji={(emoji) => told.push(emoji)}
        {...rest}
      />
    )
  }
  render(<Chat />)
  const box = screen.getByRole<HTMLTextAreaElement>('textbox', { name: 'Message' })
  const type = (text: string) => {
    fireEvent.input(box, { target: { value: text } })
    box.setSelectionRange(text.length, text.length)
    fireEvent.click(box)
  }
  return { told, box, type }
}

test('[R-26] Up in an empty composer edits the last message, and moves the cursor in one with text', () => {
  const { told, box, type } = write()

  fireEvent.keyDown(box, { key: 'ArrowUp' })
  type('some text')
  fireEvent.keyDown(box, { key: 'ArrowUp' })

  expect(told).toEqual(['edit last'])
})

test('Esc and the button drop what is answered', () => {
  const quote = {
    key: 'bob 1',
    from: 'bob' as UserId,
    id: '1' as EnvelopeId,
    direction: 'in' as const,
    text: 'the question',
  }
  const { told, box } = write('', { aim: { type: 'reply', quote } })

  expect(screen.getByText('the question')).toBeTruthy()
  fireEvent.keyDown(box, { key: 'Escape' })
  fireEvent.click(screen.getByRole('button', { name: 'Don’t reply' }))

  expect(told).toEqual(['drop', 'drop'])
})

test.each(['Enter', 'Tab'])('a name of an emoji is completed by %s, and nothing is sent', async (key) => {
  const { told, box, type } = write()
  type('well :smi')
  await screen.findByRole('listbox')

  fireEvent.keyDown(box, { key: 'ArrowDown' })
  fireEvent.keyDown(box, { key: 'ArrowUp' })
  expect(screen.getAllByRole('option')[0]!.getAttribute('aria-selected')).toBe('true')
  expect(box.getAttribute('aria-activedescendant')).toBe(screen.getAllByRole('option')[0]!.id)
  fireEvent.keyDown(box, { key })

  await waitFor(() => expect(box.value).toBe('well 😄'))
  expect(told).toEqual([])
  expect(screen.queryByRole('listbox')).toBeNull()
})

test('Esc closes the list of names and leaves the text; Enter sends it then', async () => {
  const { told, box, type } = write()
  type(':smi')
  await screen.findByRole('listbox')

  fireEvent.keyDown(box, { key: 'Escape' })
  await waitFor(() => expect(screen.queryByRole('listbox')).toBeNull())
  fireEvent.keyDown(box, { key: 'Enter' })

  expect(box.value).toBe(':smi')
  expect(told).toEqual(['send'])
})

test('the picker finds by words and puts the emoji where the cursor was', async () => {
  const { told, box, type } = write()
  type('ab')
  box.setSelectionRange(1, 1)
  fireEvent.click(screen.getByRole('button', { name: 'Emoji' }))
  const search = await screen.findByRole('textbox', { name: 'Search emoji' })
  fireEvent.input(search, { target: { value: 'thumbs up' } })
  fireEvent.click(await screen.findByRole('button', { name: 'thumbs up' }))

  await waitFor(() => expect(box.value).toBe('a👍b'))
  expect(told).toEqual(['👍'])
  expect(screen.queryByRole('dialog')).toBeNull()
  expect(document.activeElement).toBe(box)
})

test('arrows go through the emoji, and Esc closes the picker', async () => {
  write()
  fireEvent.click(screen.getByRole('button', { name: 'Emoji' }))
  const first = await screen.findByRole('button', { name: 'grinning face' })
  first.focus()

  fireEvent.keyDown(first, { key: 'ArrowRight' })
  expect(document.activeElement?.textContent).toBe('😃')
  fireEvent.keyDown(document.activeElement!, { key: 'Escape' })

  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
  expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Emoji' }))
})
