/** What people say is nowhere on the relay's disk and on no wire; and what may be there is found, so that this can fail. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import { headless } from '../../support/headless.ts'
import { spawnRelay } from '../../support/processes.ts'
import { found } from '../../support/traces.ts'
import { tapped } from './wire.ts'

const planted = {
  message: 'planted-message-Weather',
  before: 'planted-before-Umbrella',
  edit: 'planted-edit-Sunshine',
  reaction: 'planted-emoji-Rabbit',
  knock: 'planted-knock-Garden',
  reason: 'planted-reason-Tomatoes',
  page: 'https://planted-page.example/Recipe',
  name: 'planted-name-Wonderland',
  nickname: 'planted-nickname-Hatter',
  group: 'planted-group-Teaparty',
  note: 'planted-note-Later',
  answer: 'planted-answer-Cheshire',
}
const plantedStatus = 'planted-status-Public'

/** Every byte that the relay has written. */
const onDisk = (folder: string): Buffer =>
  Buffer.concat(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => readFileSync(join(file.parentPath, file.name))),
  )

test('nothing that was said is in the database of the relay, or in any frame or request', async () => {
  const relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2' } })
  const wire: string[] = []
  const WebSocket = tapped({ in: (text) => wire.push(text), sent: (text) => wire.push(text) })
  const listening: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init)
    wire.push(String(input), String(init?.body ?? ''), await answer.clone().text())
    return answer
  }
  const options = { WebSocket, fetch: listening }
  const [alice, bob] = await Promise.all([
    headless(relay.url, 'alice', options),
    headless(relay.url, 'bob', options),
  ])

  await alice.commands.changeSettings({ displayName: planted.name, groups: [planted.group] })
  await alice.commands.knock('bob' as UserId, {
    text: planted.knock,
    reason: planted.reason,
    page: planted.page,
  })
  await bob.until(async () => (await bob.db.roster.get('alice' as UserId))?.knock !== undefined, 'asked')
  await bob.commands.changeSettings({ buddies: { alice: { nickname: planted.nickname } } })
  await bob.accept('alice')
  await alice.until(async () => (await alice.relationTo('bob')) === 'buddies', 'buddies')
  await alice.commands.setPresence({ status: plantedStatus })

  const id = await alice.send('bob', planted.before)
  await bob.until(async () => (await bob.textsWith('alice')).includes(planted.before), 'read')
  await alice.say('bob', { type: 'edit', id, text: planted.edit })
  await bob.say('alice', { type: 'reaction', target: { from: alice.name, id }, emoji: planted.reaction })
  await alice.send('bob', planted.message)
  await bob.say('alice', {
    type: 'text',
    text: planted.answer,
    reply: { from: alice.name, id, text: planted.edit },
  })
  const reacted = async () => (await alice.db.messages.get([alice.name, id]))?.reactions?.[bob.name]?.emoji
  await alice.until(async () => (await reacted()) === planted.reaction, 'reacted to')
  await bob.until(async () => (await bob.textsWith('alice')).includes(planted.message), 'read')
  await bob.commands.answer('alice' as UserId, 'rejected', planted.note)
  await alice.until(
    async () =>
      (await alice.history('bob')).some(
        ({ content }) => content?.type === 'leave' && content.note === planted.note,
      ),
    'noted',
  )
  // A second device gets all of it from the relay, and opens it.
  const phone = await headless(relay.url, 'bob', { ...options, existing: true })
  await phone.until(async () => (await phone.textsWith('alice')).includes(planted.edit), 'has it all')
  await Promise.all(
    [alice, bob, phone].map((person) => person.until(async () => !(await person.db.outbox.count()), 'done')),
  )
  await Promise.all([alice.stop(), bob.stop(), phone.stop()])
  await relay.stop()

  const disk = onDisk(relay.data)
  const frames = Buffer.from(wire.join('\n'))
  const texts = Object.values(planted)
  expect(found(texts, disk)).toEqual([])
  expect(found(texts, frames)).toEqual([])
  expect(found(texts, Buffer.from(relay.log()))).toEqual([])
  // The relay may see the status: so this would have found the others.
  expect(found([plantedStatus], disk)).toEqual([plantedStatus])
  expect(found([plantedStatus], frames)).toEqual([plantedStatus])
}, 60_000)

test.each(['utf8', 'utf16le', 'base64', 'base64url'] as const)(
  'a text would be found as %s, wherever it begins',
  (how) => {
    for (const before of ['', 'x', 'xy', 'xyz']) {
      for (const text of Object.values(planted)) {
        const bytes = Buffer.from(`${before}${text}${before}`)
        const written =
          how === 'utf16le'
            ? Buffer.from(bytes.toString(), how)
            : Buffer.from(how === 'utf8' ? bytes : bytes.toString(how))
        expect(found([text], written)).toEqual([text])
      }
    }
  },
)
