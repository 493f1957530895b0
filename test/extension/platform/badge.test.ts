import { fakeBrowser } from 'wxt/testing/fake-browser'
import { expect, test } from 'vitest'
import { badgeColour, badgeText, badgeTitle } from '../../../extension/platform/badge.ts'
import english from '../../../extension/public/_locales/en/messages.json' with { type: 'json' }

fakeBrowser.i18n.getMessage = (key: string, value: unknown) =>
  (english as Record<string, { message: string }>)[key]!.message.replace('$1', String(value))

const state = (unread: number, requests: number, connected = true) => ({ unread, requests, connected })

test.each([
  [state(0, 0), ''],
  [state(3, 2), '5'],
  [state(99, 0), '99'],
  [state(98, 2), '99+'],
])('[R-23] the badge of %j is "%s"', (counts, text) => {
  expect(badgeText(counts)).toBe(text)
})

test('[R-23] its colour tells requests from messages, and its title says the same in words', () => {
  expect(badgeColour(state(1, 1))).not.toBe(badgeColour(state(0, 1)))
  expect(badgeTitle(state(0, 0))).toBe('Parley')
  expect(badgeTitle(state(1, 2, false))).toBe('Parley: 1 unread message, 2 requests, not connected')
})
