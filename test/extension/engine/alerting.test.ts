/** From news to what the browser is told to do: over a real database, with a clock by hand. */
import { v7 } from 'uuid'
import { afterEach, expect, test } from 'vitest'
import type { OfferedFile } from '#shared/content'
import type { Lead, Mode } from '#shared/frames'
import type { EnvelopeId, UserId } from '#shared/ids'
import type { ViewState } from '../../../extension/bus/commands.ts'
import { conversationOf, recount } from '../../../extension/db/conversations.ts'
import type { MessageRow } from '../../../extension/db/db.ts'
import type { SettingsChange } from '../../../extension/db/settings.ts'
import { createAlerting } from '../../../extension/engine/alerting.ts'
import type { Alert, Incoming, Platform, Words } from '../../../extension/engine/ports.ts'
import { changeSettings } from '../../../extension/engine/preferences.ts'
import { createStatus } from '../../../extension/engine/status.ts'
import { offeredFile } from '../../support/offered-file.ts'
import { until } from '../../support/until.ts'
import { alice, bob, carol, memoryEngine } from './memory.ts'

const words: Words = {
  title: (name) => name,
  many: (count) => `${count} new messages`,
  knock: (name) => `${name} knocks`,
  joined: (name) => `${name} came by the link`,
  asks: (name) => `message from ${name}`,
  online: (name) => `${name} is online`,
  signIn: (device) => `sign-in ${device}`,
  notYou: () => 'not you?',
  somebody: () => 'Parley',
  aMessage: () => 'a message',
  photo: () => 'Photo',
  file: (name) => `File: ${name}`,
  missed: (messages, people) => `${messages} from ${people}`,
}
const minute = 60_000
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

function atHome() {
  const me = memoryEngine()
  const { db } = me
  const done: Alert[] = []
  let views: ViewState[] = []
  let lead: Lead = 'here'
  let activity: 'active' | 'idle' = 'active'
  let isFullScreen = false
  const platform = {
    canOpenUnfocused: true,
    alert: async (alert: Alert) => void done.push(alert),
    badge: async () => {},
    clear: async () => {},
    views: () => views,
    isFullScreen: async () => isFullScreen,
  } as unknown as Platform
  const alerting = createAlerting({
    db,
    platform,
    timers: me.signed.timers,
    words,
    status: createStatus(db, platform),
    activity: () => activity,
    lead: () => lead,
    relayNow: me.now,
  })
  stops.push(() => alerting.stop())

  return {
    ...me,
    alerting,
    done,
    kinds: () => done.map(({ type }) => type),
    setViews: (at: ViewState[]) => (views = at),
    setLead: (is: Lead) => (lead = is),
    setActivity: (is: 'active' | 'idle') => (activity = is),
    fillScreen: () => (isFullScreen = true),
    set: (change: SettingsChange) => changeSettings(db, change),
    setMode: (mode: Mode) => db.status.put({ key: 'self', mode, status: '', show: 'online' }),
    /** As the inbox does it, and then it is news. */
    async comes(
      peer: UserId,
      text: string,
      { late = false, direction = 'in' as 'in' | 'out', file = undefined as OfferedFile | undefined } = {},
    ) {
      const id = v7() as EnvelopeId
      const ts = me.now()
      const row: MessageRow = {
        from: direction === 'in' ? peer : alice,
        id,
        peer,
        ts,
        direction,
        kind: 'message',
        content: file ? { type: 'file', file, text } : { type: 'text', text },
        at: ts,
      }
      await db.messages.put(row)
      const conversation = await conversationOf(db, peer)
      await db.conversations.put({ ...conversation, last: { id, ts, direction, text } })
      await recount(db, peer)
      const news: Incoming = { peer, id, ts, text, ...(file && { file }), kind: 'message', late }
      if (direction === 'in' && !late) alerting.news([news])
      return news
    },
    async knocks(peer: UserId, text = '') {
      await db.roster.put({ peer, relation: 'asked', muted: false, blocked: false, version: 1 })
      alerting.news([{ peer, id: v7() as EnvelopeId, ts: me.now(), text, kind: 'knock', late: false }])
    },
    /** So many alerts have been shown, and no more are to come. */
    async shown(count: number) {
      await until(async () => done.length >= count, `${count} alerts`)
      await alerting.settled()
      expect(done).toHaveLength(count)
    },
    settled: () => alerting.settled(),
  }
}

const notification = (peer: UserId, title: string, text: string, about = 'message') => ({
  type: 'notification',
  peer,
  about,
  title,
  text,
})

test('[R-41] a message opens its window, and is heard', async () => {
  const me = atHome()
  await me.comes(bob, 'hello')
  await me.shown(2)

  expect(me.done).toEqual([{ type: 'window', peer: bob }, { type: 'sound' }])
})

test('[R-43] 200 messages in two seconds are one sound and one notification, and one more says how many', async () => {
  const me = atHome()
  me.setViews([{ page: 'chat', peer: bob, focused: true, active: true }])
  me.setActivity('idle')
  for (let i = 0; i < 200; i++) {
    await me.comes(bob, `${i}`)
    me.pass(10)
  }
  await me.shown(2)
  expect(me.kinds()).toEqual(['notification', 'sound'])

  me.pass(3000)
  await me.shown(3)
  expect(me.done[2]).toEqual(notification(bob, 'bob', '200 new messages'))
})

test('[R-43] somebody who goes on writing is heard again, no more than every three seconds', async () => {
  const me = atHome()
  me.setViews([{ page: 'chat', peer: bob, focused: true, active: true }])
  me.setActivity('idle')
  for (let i = 0; i < 8; i++) {
    await me.comes(bob, `${i}`)
    await me.settled()
    me.pass(2500)
    await me.settled()
  }

  const sounds = me.kinds().filter((kind) => kind === 'sound').length
  expect(sounds).toBeGreaterThan(2)
  expect(sounds).toBeLessThanOrEqual(20_000 / 3000 + 1)
})

test('[R-43] two people at once are two notifications and one sound', async () => {
  const me = atHome()
  await me.set({ arrival: 'prompt' })
  me.setViews([])
  await me.comes(bob, 'one')
  await me.comes(carol, 'two')
  await until(async () => me.kinds().filter((kind) => kind === 'prompt').length === 2, 'both')
  await me.settled()

  expect(me.kinds().filter((kind) => kind === 'sound')).toHaveLength(1)
})

test('[R-41] the person’s own settings decide: badge only, for one buddy or for all', async () => {
  const me = atHome()
  await me.set({ buddies: { [bob]: { arrival: 'badge' } } })
  await me.comes(bob, 'quiet')
  await me.comes(carol, 'hello')
  await me.shown(2)
  expect(me.done[0]).toEqual({ type: 'window', peer: carol })

  await me.set({ arrival: 'badge', buddies: { [bob]: { arrival: 'prompt' } } })
  me.pass(minute)
  await me.comes(carol, 'quiet now')
  await me.comes(bob, 'may I?')
  await me.shown(4)
  expect(me.done[2]).toEqual({ type: 'prompt' })
})

test.each<[string, (me: ReturnType<typeof atHome>) => unknown]>([
  ['do not disturb', (me) => me.setMode('dnd')],
  ['quiet hours', (me) => me.set({ quietHours: { from: 0, to: 24 * 60 - 1 } })],
  ['the browser fills the screen', (me) => me.fillScreen()],
  [
    'muted',
    (me) =>
      me.db.roster.bulkPut(
        [bob, carol].map((peer) => ({ peer, relation: 'asked', muted: true, blocked: false, version: 9 })),
      ),
  ],
])('[R-41] %s: nothing is shown or heard, neither of messages nor of knocks', async (_, prepare) => {
  const me = atHome()
  await prepare(me)
  const news = await me.comes(bob, 'hello')
  me.alerting.missed([news])
  me.alerting.news([{ ...news, peer: carol, kind: 'knock' }])
  me.alerting.online(bob)
  await me.settled()

  expect(me.done).toEqual([])
})

test('[R-42] another device is in use: this one waits, and is silent when it was read there', async () => {
  const me = atHome()
  me.setLead('active')
  const { ts } = await me.comes(bob, 'hello')
  await until(async () => me.timers() > 0, 'it waits')
  me.pass(29_000)
  expect(me.done).toEqual([])

  await me.db.conversations.update(bob, { readTs: ts })
  await recount(me.db, bob)
  me.pass(1000)
  await me.settled()
  expect(me.done).toEqual([])
})

test('[R-42] another device is in use, and nobody reads it there: after 30 s this one tells', async () => {
  const me = atHome()
  me.setLead('active')
  await me.comes(bob, 'hello')
  await until(async () => me.timers() > 0, 'it waits')
  me.pass(30_000)
  await me.shown(2)

  expect(me.done[0]).toEqual({ type: 'window', peer: bob })
})

test('[R-42] who answers on another device is not called here', async () => {
  const me = atHome()
  me.setLead('active')
  await me.comes(bob, 'hello')
  await until(async () => me.timers() > 0, 'it waits')
  me.pass(10_000)
  await me.comes(bob, 'my answer from there', { direction: 'out' })
  me.pass(20_000)
  await me.settled()

  expect(me.done).toEqual([])
})

test('[R-42] the other device is left alone: after two seconds this one tells', async () => {
  const me = atHome()
  me.setLead('idle')
  await me.comes(bob, 'hello')
  await until(async () => me.timers() > 0, 'it waits')
  me.pass(2000)
  await me.shown(2)
  expect(me.kinds()).toEqual(['window', 'sound'])
})

test.each([
  ['text', 'bob', 'hello'],
  ['name', 'bob', 'a message'],
  ['nothing', 'Parley', 'a message'],
] as const)('a notification that shows %s', async (preview, title, text) => {
  const me = atHome()
  await me.set({ preview, sound: false })
  me.setViews([{ page: 'chat', peer: bob, focused: false, active: false, minimised: true }])
  await me.comes(bob, 'hello')
  await me.shown(2)

  expect(me.done[1]).toEqual(notification(bob, title, text))
})

test.each([
  ['a picture', { mime: 'image/png' }, '', 'Photo'],
  ['a file', { name: 'report.pdf' }, '', 'File: report.pdf'],
  ['a file that lies about its name', { name: 'photo\u202Egnp.exe\n' }, '', 'File: photo gnp.exe'],
  ['a file with a caption', { name: 'report.pdf' }, 'read this', 'read this'],
])('a notification about %s', async (_, file, caption, text) => {
  const me = atHome()
  await me.set({ sound: false })
  me.setViews([{ page: 'chat', peer: bob, focused: false, active: false, minimised: true }])
  await me.comes(bob, caption, { file: offeredFile(file) })
  await me.shown(2)

  expect(me.done[1]).toEqual(notification(bob, 'bob', text))
})

test('[R-26] a message that was edited before it was told is told as it is now', async () => {
  const me = atHome()
  me.setLead('idle')
  me.setViews([{ page: 'chat', peer: bob, focused: false, active: false, minimised: true }])
  const { id } = await me.comes(bob, 'helo')
  await until(async () => me.timers() > 0, 'it waits')
  await me.db.messages.update([bob, id], { content: { type: 'text', text: 'hello' } })
  me.pass(2000)
  await me.shown(3)

  expect(me.done[1]).toEqual(notification(bob, 'bob', 'hello'))
})

test('sound and notifications are switches of their own; a nickname is what I call them', async () => {
  const me = atHome()
  me.setViews([{ page: 'chat', peer: bob, focused: true, active: true }])
  me.setActivity('idle')
  await me.set({ sound: false, buddies: { [bob]: { nickname: 'Bobby' } } })
  await me.comes(bob, 'hello')
  await me.shown(1)
  expect(me.done).toEqual([notification(bob, 'Bobby', 'hello')])

  me.pass(minute)
  await me.set({ sound: true, notifications: false })
  await me.comes(bob, 'again')
  await me.shown(2)
  expect(me.done[1]).toEqual({ type: 'sound' })

  me.pass(minute)
  await me.set({ buddies: { [bob]: { sound: false } } })
  await me.comes(bob, 'and again')
  await me.settled()
  expect(me.done).toHaveLength(2)
})

test('[R-13] knocks are heard once an hour, whoever knocks; each is shown', async () => {
  const me = atHome()
  await me.knocks(bob, 'we met at the fair')
  await me.shown(2)
  expect(me.done).toEqual([notification(bob, 'bob knocks', 'we met at the fair', 'knock'), { type: 'sound' }])

  me.pass(59 * minute)
  await me.knocks(carol)
  await me.shown(3)
  me.pass(minute)
  await me.knocks(bob)
  await me.shown(5)
  expect(me.kinds().slice(2)).toEqual(['notification', 'notification', 'sound'])
})

test('[R-10] a knock that was withdrawn meanwhile is not told', async () => {
  const me = atHome()
  me.setLead('idle')
  await me.knocks(bob)
  await until(async () => me.timers() > 0, 'it waits')
  await me.db.roster.update(bob, { relation: 'none' })
  me.pass(2000)
  await me.settled()

  expect(me.done).toEqual([])
})

test('[R-41] after an absence: one notification for all of it, and nothing of what is read or taken back', async () => {
  const me = atHome()
  const first = await me.comes(bob, 'one', { late: true })
  me.pass(1)
  const gone = await me.comes(carol, 'two', { late: true })
  await me.db.messages.update([carol, gone.id], { removed: 'hidden', content: null })
  await recount(me.db, carol)
  me.alerting.missed([first, gone])
  await me.shown(1)
  expect(me.done).toEqual([notification(bob, 'bob', 'one')])

  me.pass(1)
  const [second, third] = [
    await me.comes(bob, 'three', { late: true }),
    await me.comes(carol, 'four', { late: true }),
  ]
  me.alerting.missed([second, third])
  await me.shown(2)
  expect(me.done[1]).toEqual(notification(carol, '2 from 2', ''))
})

test('who wanted to know that somebody is online is told, on the device that is in use', async () => {
  const me = atHome()
  me.alerting.online(bob)
  await until(async () => me.done.length === 1, 'told')
  expect(me.done).toEqual([notification(bob, 'bob is online', '', 'presence')])

  me.setLead('active')
  me.alerting.online(carol)
  await me.settled()
  expect(me.done).toHaveLength(1)
})
