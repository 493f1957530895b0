import { afterEach, expect, test, vi } from 'vitest'
import { browser } from 'wxt/browser'
import type { UserId } from '#shared/ids'
import { commandClient } from '../../../extension/bus/client.ts'

const bob = 'bob' as UserId
const answering = (answer: () => unknown) =>
  vi.spyOn(browser.runtime, 'sendMessage').mockImplementation((async () => answer()) as never)
afterEach(() => vi.restoreAllMocks())

test('a command is a message, and its answer comes back', async () => {
  const sent = answering(() => ({ ok: true, value: { recoveryCode: 'x' } }))

  await expect(commandClient().read(bob, 5)).resolves.toEqual({ recoveryCode: 'x' })
  expect(sent).toHaveBeenCalledWith({ command: 'read', args: ['bob', 5] })
})

test('a refusal is thrown with its code', async () => {
  answering(() => ({ ok: false, code: 'policy-violation', detail: 'too often', retryAfterMs: 5 }))

  await expect(commandClient().nudge()).rejects.toMatchObject({ code: 'policy-violation', retryAfterMs: 5 })
})

test.each([
  ['nobody answers', () => undefined],
  [
    'the extension was updated under the page',
    () => {
      throw new Error('Could not establish connection. Receiving end does not exist.')
    },
  ],
])('when %s, that is a refusal too', async (_, answer) => {
  answering(answer)

  await expect(commandClient().nudge()).rejects.toMatchObject({
    name: 'CommandError',
    code: 'internal-server-error',
  })
})

test('the commands may be awaited like any object', async () => {
  const sent = answering(() => ({ ok: true, value: null }))

  await (async () => commandClient())()

  expect(sent).not.toHaveBeenCalled()
})
