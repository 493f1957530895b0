import { expect, test } from 'vitest'
import { isSpent, sessionAgeMsMax, sessionMessagesMax } from '../../../../extension/crypto/mls/renewal.ts'

const lists = { own: 'A', peer: 'B' }
const fresh = { lists, sealed: 0, openedAt: 1000 }

test('a session serves until its last message and its last moment', () => {
  expect(isSpent(fresh, lists, 1000)).toBe(false)
  expect(isSpent({ ...fresh, sealed: sessionMessagesMax - 1 }, lists, 1000 + sessionAgeMsMax)).toBe(false)
})

test.each([
  ['a changed list of one’s own', fresh, { ...lists, own: 'C' }, 1000],
  ['a changed list of the peer’s', fresh, { ...lists, peer: 'C' }, 1000],
  ['two hundred messages', { ...fresh, sealed: sessionMessagesMax }, lists, 1000],
  ['seven days', fresh, lists, 1001 + sessionAgeMsMax],
])('%s ends it', (_, session, newest, now) => {
  expect(isSpent(session, newest, now)).toBe(true)
})
