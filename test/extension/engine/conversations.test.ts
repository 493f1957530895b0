/** What people do in conversations, on one device and on several: engines against a real relay. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EnvelopeId, UserId } from '#shared/ids'
import { conversationOf } from '../../../extension/db/conversations.ts'
import { settingsOf, type SettingsChange } from '../../../extension/db/settings.ts'
import { buddies, headless, type Headless, type HeadlessOptions } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'

let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
}, 40_000)
afterAll(() => relay.stop())

const name = (text: string) => text as UserId
const rowOf = async (person: Headless, from: string, id: EnvelopeId) =>
  person.db.messages.get([name(from), id])
const textOf = async (person: Headless, from: string, id: EnvelopeId) => {
  const content = (await rowOf(person, from, id))?.content
  return content?.type === 'text' ? content.text : null
}
const hears = (person: Headless, peer: string, text: string) =>
  person.until(async () => (await person.textsWith(peer)).includes(text), `“${text}” of ${peer}`)
const sessionWith = async (person: Headless, peer: string) =>
  (await conversationOf(person.db, name(peer))).session
const set = (person: Headless, change: SettingsChange) => person.commands.changeSettings(change)
const isStored = (person: Headless) =>
  person.until(async () => (await person.db.outbox.count()) === 0, 'everything is stored')
/** Two who know each other, and a second device of the second one. */
async function withSecondDevice(a: string, b: string, options: HeadlessOptions = {}) {
  const [alice, bob] = await buddies(relay.url, a, b, options)
  const second = await headless(relay.url, b, { ...options, existing: true })
  await second.until(async () => (await second.relationTo(a)) === 'buddies', 'buddies')
  return [alice, bob, second] as const
}
const stop = (...people: Headless[]) => Promise.all(people.map((person) => person.stop()))

// --- Changing what was said ----------------------------------------------------------------------------------

test('[R-26] an edit reaches every device of both, keeps what was there before, and is no new message', async () => {
  const [alice, bob, phone] = await withSecondDevice('alice.edit', 'bob.edit')
  const id = await alice.send('bob.edit', 'helo')
  await hears(bob, 'alice.edit', 'helo')
  await hears(phone, 'alice.edit', 'helo')
  const alerts = bob.alerts.length
  await alice.say('bob.edit', { type: 'edit', id, text: 'hello' })

  for (const person of [bob, phone, alice]) {
    await person.until(async () => (await textOf(person, 'alice.edit', id)) === 'hello', 'edited')
    const row = await rowOf(person, 'alice.edit', id)
    expect(row?.edited?.before.map(({ text }) => text)).toEqual(['helo'])
  }
  expect(await bob.unread('alice.edit')).toBe(1)
  expect(bob.alerts).toHaveLength(alerts)
  expect((await conversationOf(bob.db, name('alice.edit'))).last?.text).toBe('hello')
  await stop(alice, bob, phone)
})

test('[R-27] a message that is taken back leaves its place and nothing else, on every device', async () => {
  const [alice, bob, phone] = await withSecondDevice('alice.back', 'bob.back')
  await alice.send('bob.back', 'stays')
  const id = await alice.send('bob.back', 'a secret')
  await hears(bob, 'alice.back', 'a secret')
  await hears(phone, 'alice.back', 'a secret')
  await alice.say('bob.back', { type: 'retract', id })

  for (const person of [bob, phone, alice]) {
    await person.until(
      async () => (await rowOf(person, 'alice.back', id))?.removed === 'retracted',
      'taken back',
    )
    const everything = JSON.stringify(await Promise.all(person.db.tables.map((table) => table.toArray())))
    expect(everything).not.toContain('a secret')
  }
  expect(await bob.unread('alice.back')).toBe(1)
  await stop(alice, bob, phone)
})

test('[R-26] [R-27] whoever was away sees only the edited text, and no trace of what was taken back', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.late', 'bob.late')
  bob.kill()
  const edited = await alice.send('bob.late', 'helo')
  const gone = await alice.send('bob.late', 'a secret')
  await isStored(alice)
  await alice.say('bob.late', { type: 'edit', id: edited, text: 'hello' })
  await alice.say('bob.late', { type: 'retract', id: gone })
  await isStored(alice)
  const before = bob.alerts.length
  await bob.restart()
  await bob.connected()
  await bob.until(() => bob.alerts.length > before, 'told')

  expect(await bob.textsWith('alice.late')).toEqual(['hello'])
  expect((await rowOf(bob, 'alice.late', gone))?.removed).toBe('hidden')
  expect(bob.alerts.slice(before)).toEqual([
    { type: 'notification', about: 'message', peer: 'alice.late', title: 'alice.late', text: 'hello' },
  ])
  await stop(alice, bob)
})

test('[R-12] [R-26] nobody changes what somebody else has said, nor what is not there', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.own', 'bob.own')
  const id = await alice.send('bob.own', 'mine')
  await hears(bob, 'alice.own', 'mine')
  await bob.say('alice.own', { type: 'edit', id, text: 'not mine' })
  await bob.say('alice.own', { type: 'retract', id })
  await bob.say('alice.own', { type: 'reaction', target: { from: name('bob.own'), id }, emoji: '👍' })
  await bob.send('alice.own', 'and after that')
  await hears(alice, 'bob.own', 'and after that')

  expect(await textOf(alice, 'alice.own', id)).toBe('mine')
  expect((await rowOf(alice, 'alice.own', id))?.reactions).toBeUndefined()
  expect(
    await alice.db.changes
      .where('from')
      .equals('bob.own')
      .count()
      .catch(() => 0),
  ).toBe(0)
  await stop(alice, bob)
})

test('one reaction for each person: the newest holds, an empty one takes it away, and none counts as unread', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.react', 'bob.react')
  const id = await alice.send('bob.react', 'shall we?')
  await hears(bob, 'alice.react', 'shall we?')
  const target = { from: name('alice.react'), id }
  const emojiOf = async (person: Headless, by: string) =>
    (await rowOf(person, 'alice.react', id))?.reactions?.[name(by)]?.emoji
  await bob.say('alice.react', { type: 'reaction', target, emoji: '👍' })
  await alice.until(async () => (await emojiOf(alice, 'bob.react')) === '👍', 'the thumb')
  await bob.say('alice.react', { type: 'reaction', target, emoji: '🎉' })
  await alice.say('bob.react', { type: 'reaction', target, emoji: '❤️' })
  await alice.until(async () => (await emojiOf(alice, 'bob.react')) === '🎉', 'the other one')
  await bob.until(async () => (await emojiOf(bob, 'alice.react')) === '❤️', 'the heart')
  expect(await alice.unread('bob.react')).toBe(0)

  await bob.say('alice.react', { type: 'reaction', target, emoji: '' })
  await alice.until(async () => (await emojiOf(alice, 'bob.react')) === '', 'gone')
  await stop(alice, bob)
})

test('[R-18] a change of a message that has not gone yet waits for it', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.wait', 'bob.wait')
  alice.kill()
  const id = '01890a5d-ac96-774b-bcce-b302099a8057' as EnvelopeId
  const change = '01890a5d-ac96-774b-bcce-b302099a8058' as EnvelopeId
  const row = { peer: name('bob.wait'), at: Date.now() }
  const content = { type: 'text' as const, text: 'first' }
  await alice.db.outbox.bulkAdd([
    { ...row, id, kind: 'message', content, held: true },
    { ...row, id: change, kind: 'control', content: { type: 'edit', id, text: 'second' } },
  ])
  await alice.restart()
  await alice.connected()
  expect(await alice.db.outbox.count()).toBe(2)

  await alice.commands.retry(id)
  await hears(bob, 'alice.wait', 'second')
  await stop(alice, bob)
})

test('[R-27] "delete for me" is for all of my devices, and for nobody else', async () => {
  const [alice, bob, phone] = await withSecondDevice('alice.hide', 'bob.hide')
  const id = await alice.send('bob.hide', 'seen enough')
  await hears(bob, 'alice.hide', 'seen enough')
  await hears(phone, 'alice.hide', 'seen enough')
  await bob.commands.hide(name('alice.hide'), [{ from: name('alice.hide'), id }])

  for (const device of [bob, phone]) {
    await device.until(async () => (await rowOf(device, 'alice.hide', id))?.removed === 'hidden', 'hidden')
    expect(await device.textsWith('alice.hide')).toEqual([])
    expect(await device.unread('alice.hide')).toBe(0)
  }
  await isStored(bob)
  expect(await alice.textsWith('bob.hide')).toEqual(['seen enough'])
  await stop(alice, bob, phone)
})

test('[R-25] a mark that I set myself is on all of my devices, and no number', async () => {
  const [alice, bob, phone] = await withSecondDevice('alice.mark', 'bob.mark')
  const isMarked = async (on: boolean) =>
    ((await conversationOf(phone.db, name('alice.mark'))).isMarked ?? false) === on
  await bob.commands.markUnread(name('alice.mark'), true)
  await phone.until(() => isMarked(true), 'marked')
  expect(await phone.unread('alice.mark')).toBe(0)
  expect(phone.badge.unread).toBe(0)

  await phone.commands.markUnread(name('alice.mark'), false)
  await bob.until(
    async () => (await conversationOf(bob.db, name('alice.mark'))).isMarked === false,
    'not marked',
  )
  await stop(alice, bob, phone)
})

// --- Being asked first ---------------------------------------------------------------------------------------

test('[R-33] in prompt mode one is asked once for a session; an answer on one device is one for all', async () => {
  const [alice, bob, phone] = await withSecondDevice('alice.ask', 'bob.ask')
  await set(bob, { arrival: 'prompt' })
  await phone.until(async () => (await settingsOf(phone.db)).arrival === 'prompt', 'the setting')
  await alice.send('bob.ask', 'may I?')
  for (const device of [bob, phone]) {
    await device.until(async () => (await device.db.prompts.count()) === 1, 'asked')
  }
  // The device that was used last asks; the other one would only if nobody answered.
  await phone.until(() => phone.alerts.some(({ type }) => type === 'prompt'), 'the prompt')
  await alice.send('bob.ask', 'hello?')
  await bob.until(async () => (await bob.db.prompts.get(name('alice.ask')))?.count === 2, 'the second one')

  await phone.commands.answer(name('alice.ask'), 'accepted')
  for (const device of [bob, phone]) {
    await device.until(async () => (await device.db.prompts.count()) === 0, 'not asked any more')
    await device.until(
      async () => (await sessionWith(device, 'alice.ask'))?.answer?.what === 'accepted',
      'accepted',
    )
  }
  await alice.send('bob.ask', 'good')
  await hears(bob, 'alice.ask', 'good')
  expect(await bob.db.prompts.count()).toBe(0)
  for (const device of [bob, phone]) {
    expect(device.alerts.filter(({ type }) => type === 'prompt')).toHaveLength(device === phone ? 1 : 0)
  }
  await stop(alice, bob, phone)
})

test('[R-33] writing is accepting, and reading ends the question too', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.reply', 'bob.reply')
  await set(bob, { arrival: 'prompt' })
  await alice.send('bob.reply', 'may I?')
  await bob.until(async () => (await bob.db.prompts.count()) === 1, 'asked')
  await bob.send('alice.reply', 'of course')
  await bob.until(async () => (await bob.db.prompts.count()) === 0, 'answered')
  await bob.until(
    async () => (await sessionWith(bob, 'alice.reply'))?.answer?.what === 'accepted',
    'accepted',
  )

  await bob.commands.endConversation(name('alice.reply'))
  await alice.until(async () => (await sessionWith(alice, 'bob.reply'))?.end !== undefined, 'left')
  await alice.send('bob.reply', 'one more thing')
  await bob.until(async () => (await bob.db.prompts.count()) === 1, 'asked again')
  await bob.read('alice.reply')
  await bob.until(async () => (await bob.db.prompts.count()) === 0, 'read')
  expect(await bob.unread('alice.reply')).toBe(0)
  await stop(alice, bob)
})

test('a buddy who is rejected is told so with the reason, and what they still write comes in quietly', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.no', 'bob.no')
  await set(bob, { arrival: 'prompt' })
  await alice.send('bob.no', 'may I?')
  await bob.until(async () => (await bob.db.prompts.count()) === 1, 'asked')
  await bob.commands.answer(name('alice.no'), 'rejected', 'in a meeting')
  await alice.until(async () => (await sessionWith(alice, 'bob.no'))?.end?.how === 'rejected', 'told')
  expect((await sessionWith(alice, 'bob.no'))?.end).toMatchObject({ by: 'bob.no', note: 'in a meeting' })

  const before = bob.alerts.length
  await alice.send('bob.no', 'when you have time then')
  await hears(bob, 'alice.no', 'when you have time then')
  expect(await bob.unread('alice.no')).toBe(2)
  expect(await bob.db.prompts.count()).toBe(0)
  // Undone as soon as I write.
  await bob.send('alice.no', 'now')
  await bob.until(async () => (await sessionWith(bob, 'alice.no'))?.end === undefined, 'a new session')
  expect(bob.alerts.slice(before)).toEqual([])
  await stop(alice, bob)
})

test('a prompt is never shown for what was stored while I was away', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.gone', 'bob.gone')
  await set(bob, { arrival: 'prompt' })
  bob.kill()
  await alice.send('bob.gone', 'are you there?')
  await isStored(alice)
  await bob.restart()
  await bob.connected()
  await hears(bob, 'alice.gone', 'are you there?')

  expect(await bob.db.prompts.count()).toBe(0)
  expect(await bob.unread('alice.gone')).toBe(1)
  await stop(alice, bob)
})

// --- Sessions ------------------------------------------------------------------------------------------------

test('[R-32] [R-34] a session begins with the first message and ends for both when one leaves', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.sit', 'bob.sit')
  await alice.say('bob.sit', { type: 'text', text: 'hi', session: 's-1' })
  await hears(bob, 'alice.sit', 'hi')
  await bob.until(async () => (await sessionWith(bob, 'alice.sit'))?.id === 's-1', 'begun')
  expect(await sessionWith(bob, 'alice.sit')).toMatchObject({ id: 's-1', by: 'alice.sit' })

  await alice.until(async () => (await sessionWith(alice, 'bob.sit'))?.id === 's-1', 'begun')
  await alice.commands.endConversation(name('bob.sit'))
  await bob.until(async () => (await sessionWith(bob, 'alice.sit'))?.end?.by === 'alice.sit', 'left')
  expect((await sessionWith(alice, 'bob.sit'))?.end).toMatchObject({ by: 'alice.sit', how: 'left' })
  // Leaving twice tells once.
  await alice.commands.endConversation(name('bob.sit'))
  await alice.send('bob.sit', 'again')
  await hears(bob, 'alice.sit', 'again')
  const leaves = (await bob.history('alice.sit')).filter(({ content }) => content?.type === 'leave')
  expect(leaves).toHaveLength(1)
  await stop(alice, bob)
})

test.each<[string, (person: Headless) => Promise<unknown>]>([
  ['who does not tell such things', (person) => set(person, { tellsLeave: false })],
  ['who is invisible', (person) => person.commands.setPresence({ mode: 'invisible' })],
])('[R-6] [R-34] of one %s, nobody hears that they left', async (what, prepare) => {
  const [a, b] = what.includes('invisible') ? ['alice.veil', 'bob.veil'] : ['alice.mute', 'bob.mute']
  const [alice, bob] = await buddies(relay.url, a, b)
  await alice.send(b, 'hi')
  await hears(bob, a, 'hi')
  await prepare(alice)
  if (what.includes('invisible')) {
    await alice.until(async () => (await alice.ownPresence())?.mode === 'invisible', 'invisible')
  }
  await alice.until(async () => (await sessionWith(alice, b)) !== undefined, 'a session')
  await alice.commands.endConversation(name(b))
  expect((await sessionWith(alice, b))?.end?.how).toBe('left')
  await alice.send(b, 'and on')
  await hears(bob, a, 'and on')

  expect((await bob.history(a)).some(({ content }) => content?.type === 'leave')).toBe(false)
  await stop(alice, bob)
})

test('[R-34] closing the window leaves, but not while another device of mine goes on', async () => {
  let close: ((peer: UserId) => void) | null = null
  const platform = { onChatClosed: (listener: (peer: UserId) => void) => void (close = listener) }
  const [alice, bob] = await buddies(relay.url, 'alice.close', 'bob.close')
  const phone = await headless(relay.url, 'bob.close', { existing: true, platform })
  await alice.send('bob.close', 'hi')
  await hears(phone, 'alice.close', 'hi')
  const answer = await bob.send('alice.close', 'from my laptop')
  await phone.until(async () => (await rowOf(phone, 'bob.close', answer)) !== undefined, 'synced')
  await phone.read('alice.close')
  close!(name('alice.close')) // the laptop goes on

  await phone.send('alice.close', 'still here')
  await hears(alice, 'bob.close', 'still here')
  expect((await sessionWith(alice, 'bob.close'))?.end).toBeUndefined()

  const [dora, carol] = await buddies(relay.url, 'dora.close', 'carol.close', { platform })
  await carol.send('dora.close', 'hi')
  await hears(dora, 'carol.close', 'hi')
  await dora.read('carol.close')
  close!(name('carol.close'))
  await carol.until(async () => (await sessionWith(carol, 'dora.close'))?.end?.by === 'dora.close', 'left')
  await stop(alice, bob, phone, carol, dora)
})

test('[R-36] what is to be forgotten is forgotten when the session ends, and only here', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.forget', 'bob.forget')
  await alice.send('bob.forget', 'an earlier one')
  await hears(bob, 'alice.forget', 'an earlier one')
  await alice.commands.endConversation(name('bob.forget'))
  await bob.until(async () => (await sessionWith(bob, 'alice.forget'))?.end !== undefined, 'over')
  await set(bob, { buddies: { 'alice.forget': { forgets: true } } })
  await alice.send('bob.forget', 'between us')
  await hears(bob, 'alice.forget', 'between us')
  await bob.ring()
  expect(await bob.textsWith('alice.forget')).toContain('between us')

  await bob.read('alice.forget')
  await bob.commands.endConversation(name('alice.forget'))
  await bob.until(async () => !(await bob.textsWith('alice.forget')).includes('between us'), 'forgotten')
  expect(await bob.textsWith('alice.forget')).toEqual(['an earlier one'])
  expect(await alice.textsWith('bob.forget')).toContain('between us')
  await stop(alice, bob)
})

// --- Settings ------------------------------------------------------------------------------------------------

test('settings are the same on all devices, and two devices do not undo each other', async () => {
  const [laptop, phone] = await (async () => {
    const first = await headless(relay.url, 'alice.set')
    return [first, await headless(relay.url, 'alice.set', { existing: true })] as const
  })()
  await Promise.all([
    set(laptop, { sound: false, buddies: { bob: { nickname: 'Bobby' } } }),
    set(phone, { preview: 'name', buddies: { bob: { isFavourite: true } } }),
  ])
  for (const device of [laptop, phone]) {
    await device.until(async () => {
      const { sound, preview, buddies: people } = await settingsOf(device.db)
      return !sound && preview === 'name' && people.bob?.nickname === 'Bobby' && !!people.bob.isFavourite
    }, 'both changes')
  }
  await set(laptop, { buddies: { bob: { nickname: null } } })
  await phone.until(
    async () => (await settingsOf(phone.db)).buddies.bob?.nickname === undefined,
    'the nickname is gone',
  )
  expect((await settingsOf(phone.db)).buddies.bob).toEqual({ isFavourite: true })
  await stop(laptop, phone)
})

test('settings that were changed without a connection hold at once, and reach the others later', async () => {
  const laptop = await headless(relay.url, 'alice.later')
  const phone = await headless(relay.url, 'alice.later', { existing: true })
  laptop.kill()
  await set(phone, { idleMinutes: 10 })
  await phone.until(async () => Array.isArray((await phone.db.settings.get('pending'))?.value), 'noted')
  await laptop.restart()
  await set(laptop, { sound: false })
  expect((await settingsOf(laptop.db)).sound).toBe(false)

  for (const device of [laptop, phone]) {
    await device.until(async () => {
      const { sound, idleMinutes } = await settingsOf(device.db)
      return !sound && idleMinutes === 10
    }, 'both')
  }
  await stop(laptop, phone)
})

test('who wants to know when somebody comes online is told once', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.on', 'bob.on')
  await bob.commands.setPresence({ mode: 'invisible' })
  await alice.until(async () => (await alice.presenceOf('bob.on')) === 'offline', 'offline')
  await set(alice, { buddies: { 'bob.on': { tellOnline: true } } })
  await bob.commands.setPresence({ mode: 'auto' })
  // A change of presence reaches buddies within ten seconds.
  const isTold = () => alice.alerts.some((alert) => 'about' in alert && alert.about === 'presence')
  await alice.until(isTold, 'told', 20_000)

  expect((await settingsOf(alice.db)).buddies['bob.on']).toBeUndefined()
  await stop(alice, bob)
}, 30_000)

// --- Knocks, invitations, blocks -----------------------------------------------------------------------------

test('[R-10] [R-13] a knock carries its reason, a page and the chosen name, and how it came', async () => {
  const [alice, bob] = await Promise.all([
    headless(relay.url, 'alice.reason'),
    headless(relay.url, 'bob.reason'),
  ])
  await set(alice, { displayName: 'Alice Liddell' })
  await alice.commands.knock(name('bob.reason'), {
    text: 'we met at the fair',
    reason: '2 minutes?',
    page: 'https://example.org/a',
  })
  await bob.until(async () => (await bob.relationTo('alice.reason')) === 'asked', 'asked')
  expect((await bob.db.roster.get(name('alice.reason')))?.knock).toMatchObject({
    text: 'we met at the fair',
    reason: '2 minutes?',
    page: 'https://example.org/a',
    name: 'Alice Liddell',
  })
  await set(bob, { displayName: 'Bob' })
  await bob.accept('alice.reason')
  await alice.until(async () => (await alice.db.roster.get(name('bob.reason')))?.name === 'Bob', 'his name')
  expect((await bob.db.roster.get(name('alice.reason')))?.name).toBe('Alice Liddell')
  await stop(alice, bob)
})

test('[R-13] an invite link makes buddies in one step, until there is a newer one', async () => {
  const alice = await headless(relay.url, 'alice.link')
  await alice.commands.setPolicy({ reach: 'invite' })
  await alice.commands.newInvite()
  const { acct } = (await alice.db.account.get('me'))!
  const tokenOf = async () => (await settingsOf(alice.db)).invite!.token
  const token = await tokenOf()

  const bob = await headless(relay.url, 'bob.link')
  await bob.commands.knock(name('alice.link'), { invite: { token, acct } })
  for (const [person, peer] of [
    [alice, 'bob.link'],
    [bob, 'alice.link'],
  ] as const)
    await person.until(async () => (await person.relationTo(peer)) === 'buddies', 'buddies')
  await alice.until(() => alice.alerts.length > 0, 'told')
  expect(alice.alerts[0]).toMatchObject({ title: 'bob.link is your buddy now' })
  expect((await settingsOf(bob.db)).pins).toEqual({ 'alice.link': acct })

  await alice.commands.newInvite()
  const carol = await headless(relay.url, 'carol.link')
  await carol.commands.knock(name('alice.link'), { invite: { token, acct } })
  await carol.until(async () => {
    const rows = await carol.history('alice.link')
    return rows.some(({ failure }) => failure === 'item-not-found')
  }, 'nobody there')
  expect(await alice.relationTo('carol.link')).toBe('none')
  expect(await tokenOf()).not.toBe(token)
  await stop(alice, bob, carol)
})

test('[R-54] a link that was made for another account is refused before anything is sent', async () => {
  const [alice, bob] = await Promise.all([headless(relay.url, 'alice.pin'), headless(relay.url, 'bob.pin')])
  await alice.commands.newInvite()
  const { token } = (await settingsOf(alice.db)).invite!
  const { acct } = (await bob.db.account.get('me'))! // whoever it is, not Alice
  const knock = bob.commands.knock(name('alice.pin'), { invite: { token, acct } })

  await expect(knock).rejects.toMatchObject({ code: expect.stringMatching(/conflict|item-not-found|gone/) })
  expect(await bob.relationTo('alice.pin')).toBe('none')
  expect(await bob.db.outbox.count()).toBe(0)
  await stop(alice, bob)
})

test('[R-13] who takes words from buddies only is knocked at without a word', async () => {
  const [alice, bob] = await Promise.all([headless(relay.url, 'alice.bare'), headless(relay.url, 'bob.bare')])
  await bob.commands.setPolicy({ reach: 'buddies' })
  await alice.knock('bob.bare', 'hello')
  await alice.until(
    async () => (await alice.history('bob.bare')).some(({ failure }) => failure === 'forbidden'),
    'refused',
  )
  await alice.until(async () => (await alice.relationTo('bob.bare')) === 'none', 'nothing is open')
  await alice.commands.knock(name('bob.bare'), { bare: true })
  await bob.until(async () => (await bob.relationTo('alice.bare')) === 'asked', 'asked')
  expect((await bob.db.roster.get(name('alice.bare')))?.knock?.text).toBe('')
  await bob.accept('alice.bare')
  await alice.until(async () => (await alice.relationTo('bob.bare')) === 'buddies', 'buddies')
  await stop(alice, bob)
})

test('[R-15] a block is silent, holds on all devices, closes the window and takes the question back', async () => {
  const closed: UserId[] = []
  const platform = { closeChat: async (peer: UserId) => void closed.push(peer) }
  const [alice, bob] = await buddies(relay.url, 'alice.block', 'bob.block')
  const phone = await headless(relay.url, 'bob.block', { existing: true, platform })
  await phone.until(async () => (await phone.relationTo('alice.block')) === 'buddies', 'buddies')
  await set(bob, { arrival: 'prompt' })
  await phone.until(async () => (await settingsOf(phone.db)).arrival === 'prompt', 'the setting')
  await alice.send('bob.block', 'hello')
  await phone.until(async () => (await phone.db.prompts.count()) === 1, 'asked')
  await bob.commands.roster(name('alice.block'), 'block')
  await phone.until(() => closed.includes(name('alice.block')), 'closed')
  expect(await phone.db.prompts.count()).toBe(0)

  const id = await alice.send('bob.block', 'are you there?')
  await alice.until(async () => (await alice.stateOf(id)) === 'stored', 'stored')
  await bob.commands.roster(name('alice.block'), 'unblock')
  const later = await alice.send('bob.block', 'now?')
  await alice.until(async () => (await alice.stateOf(later)) === 'delivered', 'delivered')
  expect(await alice.stateOf(id)).toBe('stored')
  expect(await bob.textsWith('alice.block')).toEqual(['hello', 'now?'])
  await stop(alice, bob, phone)
})

test('[R-20] who does not show what they have read does not see it of others', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.reads', 'bob.reads')
  await bob.commands.setPolicy({ reads: false })
  const id = await alice.send('bob.reads', 'read this')
  const his = await bob.send('alice.reads', 'and this')
  await hears(bob, 'alice.reads', 'read this')
  await hears(alice, 'bob.reads', 'and this')
  await bob.read('alice.reads')
  await alice.read('bob.reads')
  await bob.until(async () => (await bob.unread('alice.reads')) === 0, 'read')
  await alice.send('bob.reads', 'more')
  await bob.send('alice.reads', 'more of mine')
  await hears(bob, 'alice.reads', 'more')
  await hears(alice, 'bob.reads', 'more of mine')

  expect(await alice.stateOf(id)).toBe('delivered')
  expect(await bob.stateOf(his)).toBe('delivered')
  await stop(alice, bob)
})
