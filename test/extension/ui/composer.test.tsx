// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
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
