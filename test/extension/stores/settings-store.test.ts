import { buddy, now, pageEnds, user, type PageEnds } from '../../support/page-ends.ts'
import { afterEach, expect, test, vi } from 'vitest'
import { SettingsStore } from '../../../extension/stores/settings-store.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

interface Start {
  fill?: (ends: PageEnds) => Promise<unknown>
  canOpenUnfocused?: boolean
}
async function start({ fill = async () => {}, canOpenUnfocused = true }: Start = {}) {
  const ends = await pageEnds()
  await fill(ends)
  const store = new SettingsStore(ends.db, ends.commands, ends.clock, canOpenUnfocused)
  open.push(() => {
    store[Symbol.dispose]()
    ends.db.close()
  })
  await vi.waitUntil(() => store.isConnected.value)
  return { ...ends, store }
}
const settles = (assert: () => void) => vi.waitFor(assert, { timeout: 3000 })

test('a change is saved at once, and says so for a while', async () => {
  const { store, asked, passTime } = await start()

  await store.change('sound', { sound: false })

  expect(asked('changeSettings')).toEqual([[{ sound: false }]])
  expect(store.saved.value).toBe('sound')
  await settles(() => expect(store.settings.value.sound).toBe(false))
  passTime()
  expect(store.saved.value).toBeNull()
})

test('what another device has changed appears', async () => {
  const { store, set } = await start()
  expect(store.settings.value.idleMinutes).toBe(5)

  await set({ idleMinutes: 10 })

  await settles(() => expect(store.settings.value.idleMinutes).toBe(10))
})

test('what could not be saved is told, and nothing is said to be saved', async () => {
  const { store, refuse } = await start()
  refuse('changeSettings', 'database')

  await store.change('sound', { sound: false })

  expect(store.saved.value).toBeNull()
  expect(store.problem.value).toEqual({ code: 'database' })
})

test.each([
  { canOpenUnfocused: true, usual: 'window', other: 'prompt' },
  { canOpenUnfocused: false, usual: 'prompt', other: 'window' },
] as const)(
  '[R-44] where windows open unfocused ($canOpenUnfocused), $usual is the default',
  async (browser) => {
    const { store, asked } = await start(browser)
    expect(store.browser.value.defaultArrival).toBe(browser.usual)

    await store.setArrival(browser.other)
    await store.setArrival(browser.usual)

    // The default is no choice: another browser has another one.
    expect(asked('changeSettings')).toEqual([[{ arrival: browser.other }], [{ arrival: null }]])
  },
)

test('[R-13] [R-20] what the relay enforces is asked of it, and read from what it has said', async () => {
  const { store, db, asked } = await start()
  expect(store.policy.value).toEqual({ reach: 'everyone', reads: true })

  await store.setReach('buddies')
  await store.setReads(false)
  expect(asked('setPolicy')).toEqual([[{ reach: 'buddies' }], [{ reads: false }]])

  await db.status.put({ key: 'policy', reach: 'invite', invite: null, reads: false })
  await settles(() => expect(store.policy.value).toEqual({ reach: 'invite', reads: false }))
})

test('an invite link holds while the relay has its hash', async () => {
  const token = `${'C'.repeat(21)}Q`
  const { store, db } = await start({ fill: ({ set }) => set({ invite: { token, at: now } }) })
  await settles(() => expect(store.settings.value.invite).not.toBeNull())
  expect(store.invite.value).toBeNull()

  await db.status.put({ key: 'policy', reach: 'everyone', invite: 'hash', reads: true })
  await settles(() =>
    expect(store.invite.value).toBe(`https://relay.example/u/alice#${'A'.repeat(22)}.${token}`),
  )

  await db.status.put({ key: 'policy', reach: 'everyone', invite: null, reads: true })
  await settles(() => expect(store.invite.value).toBeNull())
})

test('what differs for a buddy is listed, and goes back to general as a whole', async () => {
  const { store, asked } = await start({
    fill: ({ set }) =>
      set({
        buddies: {
          zoe: { arrival: 'badge', nickname: 'Z' },
          ann: { sound: false },
          bob: { nickname: 'no exception' },
        },
      }),
  })
  await settles(() =>
    expect(store.exceptions.value).toEqual([
      { name: 'ann', nickname: '', arrival: null, sound: false },
      { name: 'zoe', nickname: 'Z', arrival: 'badge', sound: null },
    ]),
  )

  await store.backToGeneral(user('zoe'))

  expect(asked('changeSettings')).toEqual([
    [{ buddies: { zoe: { arrival: null, sound: null, preview: null } } }],
  ])
  await settles(() => expect(store.settings.value.buddies.zoe).toEqual({ nickname: 'Z' }))
})

test('[R-15] who is blocked is listed and can be unblocked', async () => {
  const { store, db, asked } = await start({
    fill: ({ db: before }) => before.roster.bulkPut([buddy('ann'), buddy('bob', { blocked: true })]),
  })
  await settles(() => expect(store.blocked.value).toEqual(['bob']))

  await store.unblock(user('bob'))
  expect(asked('roster')).toEqual([['bob', 'unblock']])

  await db.roster.put(buddy('bob'))
  await settles(() => expect(store.blocked.value).toEqual([]))
})

test('[R-55] a display name is put right before it is stored, and only when it is another one', async () => {
  const { store, asked } = await start()

  expect(await store.setDisplayName('  Ali\u200bce ')).toBe(true)
  await settles(() => expect(store.settings.value.displayName).toBe('Alice'))
  await store.setDisplayName('Alice ')
  expect(await store.setDisplayName('x'.repeat(51))).toBe(false)

  expect(asked('changeSettings')).toEqual([[{ displayName: 'Alice' }]])
})

test('conversations that are not kept are listed, and kept again', async () => {
  const { store, asked, set } = await start()

  await set({
    buddies: { carol: { keepsHistory: false }, bob: { keepsHistory: false }, dan: { sound: false } },
  })
  await settles(() => expect(store.leftOut.value).toEqual(['bob', 'carol']))
  await store.keepHistory(user('bob'))

  expect(asked('changeSettings')).toEqual([[{ buddies: { bob: { keepsHistory: null } } }]])
})
