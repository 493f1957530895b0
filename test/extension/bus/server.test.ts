import { expect, test, vi } from 'vitest'
import { toBase64 } from '#shared/bytes'
import { CommandError, type CommandName, type Commands } from '../../../extension/bus/commands.ts'
import { answer, isRequest } from '../../../extension/bus/server.ts'

const id = '018bcfe5-6800-7123-89ab-0123456789ab'
const root = toBase64(new Uint8Array(32))
const sign = {
  relay: 'https://relay.example',
  relayId: root,
  user: 'alice',
  root,
  deviceName: 'Firefox on Linux',
}

/** Commands that note how they were called. */
function commandsWith(answers: Partial<Record<CommandName, () => unknown>> = {}) {
  const calls: unknown[][] = []
  const commands = new Proxy({} as Commands, {
    get:
      (_, name: CommandName) =>
      async (...args: unknown[]) => {
        calls.push([name, ...args])
        return answers[name]?.()
      },
  })
  return { commands, calls }
}

test.each<[CommandName, unknown[]]>([
  ['wake', []],
  ['connectNow', []],
  ['relayInfo', ['https://relay.example']],
  ['signUp', [sign]],
  ['signIn', [{ ...sign, slot: 'pw' }]],
  ['signOut', []],
  ['nudge', []],
  ['retry', [id]],
  ['discard', [id]],
  ['knock', ['bob', {}]],
  ['knock', ['bob', { text: 'hi', reason: '2 minutes?', page: 'https://example.org', bare: true }]],
  ['answer', ['bob', 'accepted']],
  ['answer', ['bob', 'rejected', 'later today']],
  ['endConversation', ['bob']],
  ['hide', ['bob', [{ from: 'alice', id }]]],
  ['markUnread', ['bob', true]],
  ['changeSettings', [{ arrival: 'prompt', buddies: { bob: { nickname: 'Bobby', group: null } } }]],
  ['setPolicy', [{ reach: 'buddies' }]],
  ['newInvite', []],
  ['dropInvite', []],
  ['accept', ['bob']],
  ['roster', ['bob', 'block']],
  ['setPresence', [{ mode: 'dnd', status: 'busy', until: null }]],
  ['read', ['bob', 1]],
  ['typing', ['bob', 'composing']],
  ['openChat', ['bob']],
])('%s reaches the engine as it was called', async (command, args) => {
  const { commands, calls } = commandsWith()

  expect(await answer(commands, { command, args })).toEqual({ ok: true, value: null })
  expect(calls).toEqual([[command, ...args]])
})

test.each<[string, unknown, unknown]>([
  ['a command that does not exist', 'format', []],
  ['a command of every object', 'toString', []],
  ['a command of the prototype', '__proto__', []],
  ['a command that is none', 7, []],
  ['no command', null, []],
  ['no arguments', 'openChat', undefined],
  ['arguments that are no list', 'openChat', { 0: 'bob', length: 1 }],
  ['too few arguments', 'openChat', []],
  ['a name outside of the grammar', 'openChat', ['../etc']],
  ['a name in capitals', 'accept', ['Bob']],
  ['a name that is an object', 'accept', [{ toString: 'bob' }]],
  ['a negative time', 'read', ['bob', -1]],
  ['a time that is no number', 'read', ['bob', '1']],
  ['a time without end', 'read', ['bob', Infinity]],
  ['an unknown operation', 'roster', ['bob', 'delete']],
  ['an unknown mode', 'setPresence', [{ mode: 'online' }]],
  ['a status that turns the line round', 'setPresence', [{ status: '\u202Eevil' }]],
  ['a status that is too long', 'setPresence', [{ status: 'x'.repeat(141) }]],
  ['an id of another kind', 'retry', ['018bcfe5-6800-4123-89ab-0123456789ab']],
  ['an id with something behind it', 'discard', [`${id}\n`]],
  ['an address without end', 'relayInfo', [`https://${'x'.repeat(400)}`]],
  ['a root that is too short', 'signUp', [{ ...sign, root: 'AAAA' }]],
  ['a root that is no base64', 'signUp', [{ ...sign, root: '!'.repeat(43) }]],
  ['no way in', 'signIn', [sign]],
  ['a way in that does not exist', 'signIn', [{ ...sign, slot: 'sms' }]],
  ['a knock without end', 'knock', ['bob', { text: 'x'.repeat(4001) }]],
])('%s is refused, and calls nothing', async (_, command, args) => {
  const { commands, calls } = commandsWith()

  expect(await answer(commands, { command, args })).toMatchObject({ ok: false, code: 'bad-request' })
  expect(calls).toEqual([])
})

test('what is not asked for is left out', async () => {
  const { commands, calls } = commandsWith()

  await answer(commands, { command: 'setPresence', args: [{ mode: 'dnd', admin: true }, 1] })

  expect(calls).toEqual([['setPresence', { mode: 'dnd' }]])
})

test('a refusal goes back with its code, its words for developers and its time', async () => {
  const { commands } = commandsWith({
    nudge: () => {
      throw new CommandError('policy-violation', 'too often', 5000)
    },
  })

  expect(await answer(commands, { command: 'nudge', args: [] })).toEqual({
    ok: false,
    code: 'policy-violation',
    detail: 'too often',
    retryAfterMs: 5000,
  })
})

test('a mistake of ours is an answer too', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const { commands } = commandsWith({
    nudge: () => {
      throw new TypeError('undefined is not a function')
    },
  })

  expect(await answer(commands, { command: 'nudge', args: [] })).toMatchObject({
    ok: false,
    code: 'internal-server-error',
  })
  said.mockRestore()
})

test('other messages are none of ours', () => {
  expect([null, undefined, 7, 'wake', [], {}].map(isRequest)).toEqual(Array(6).fill(false))
  expect(isRequest({ command: 'wake', args: [] })).toBe(true)
})
