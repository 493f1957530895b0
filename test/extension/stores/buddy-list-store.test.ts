import {
  buddy,
  conversation,
  message,
  now,
  pageEnds,
  present,
  relay,
  user,
  type PageEnds,
} from '../../support/page-ends.ts'
import { afterEach, expect, test, vi } from 'vitest'
import { limits } from '#shared/limits'
import { BuddyListStore } from '../../../extension/stores/buddy-list-store.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

/** The store over what `fill` puts into the database, once it has read it. */
async function start(fill: (ends: PageEnds) => Promise<unknown> = async () => {}) {
  const ends = await pageEnds()
  await fill(ends)
  const store = new BuddyListStore(ends.db, ends.commands, ends.clock)
  open.push(() => {
    store[Symbol.dispose]()
    ends.db.close()
  })
  await vi.waitUntil(() => store.isReady.value && store.me.value)
  return { ...ends, store }
}
/** The groups as one reads them. */
const groups = ({ sections }: BuddyListStore) =>
  sections.value.map(({ type, title, buddies }) => [title || type, ...buddies.map(({ name }) => name)])
const settles = (assert: () => void) => vi.waitFor(assert, { timeout: 3000 })

const roster = (...names: string[]) => names.map((name) => buddy(name))

test('inside a group who is there comes first, then by name', async () => {
  const { store } = await start(async ({ db, set }) => {
    await db.roster.bulkPut(roster('zoe', 'ann', 'bob', 'carol'))
    await db.presence.bulkPut([present('zoe'), present('carol', 'dnd')])
    await set({
      groups: ['Friends'],
      buddies: Object.fromEntries(['zoe', 'ann', 'bob', 'carol'].map((name) => [name, { group: 'Friends' }])),
    })
  })

  expect(groups(store)).toEqual([['Friends', 'zoe', 'carol', 'ann', 'bob']])
})

test('favourites are on top, own groups in their order, everybody else by presence', async () => {
  const { store } = await start(async ({ db, set }) => {
    await db.roster.bulkPut(roster('ann', 'bob', 'carol', 'dora', 'eve'))
    await db.presence.bulkPut([present('dora'), present('eve', 'away')])
    await set({
      groups: ['Work', 'Friends'],
      buddies: {
        ann: { isFavourite: true, group: 'Work' },
        bob: { group: 'Friends' },
        // A group that is gone: as if there were none.
        carol: { group: 'Choir' },
      },
    })
  })

  expect(groups(store)).toEqual([
    ['favourites', 'ann'],
    ['Work'],
    ['Friends', 'bob'],
    ['online', 'dora'],
    ['away', 'eve'],
    ['offline', 'carol'],
  ])
})

test('[R-23] what counts is listed on top, the newest first; what is muted stays in its place', async () => {
  const { store } = await start(async ({ db }) => {
    await db.roster.bulkPut([...roster('ann', 'bob'), buddy('carol', { muted: true })])
    const last = { id: 'x' as never, direction: 'in', text: 'hi' } as const
    await db.conversations.bulkPut([
      conversation('ann', { unread: 1, last: { ...last, ts: now - 2000 } }),
      conversation('bob', { unread: 2, last: { ...last, ts: now - 1000 } }),
      conversation('carol', { unread: 3 }),
    ])
  })

  expect(groups(store)).toEqual([
    ['unread', 'bob', 'ann'],
    ['offline', 'carol'],
  ])
})

test('[R-23] everything is marked read up to the newest message, and nobody who is muted', async () => {
  const { store, asked } = await start(async ({ db }) => {
    await db.roster.bulkPut([...roster('ann', 'bob'), buddy('carol', { muted: true })])
    await db.conversations.bulkPut(['ann', 'bob', 'carol'].map((name) => conversation(name, { unread: 1 })))
    await db.messages.bulkPut([
      message('ann', { ts: now - 5 }),
      message('ann', { ts: now - 3 }),
      message('bob', { ts: now - 1 }),
      message('carol'),
    ])
  })

  await store.markAllRead()

  expect(asked('read')).toEqual([
    ['ann', now - 3],
    ['bob', now - 1],
  ])
})

test('[R-25] a mark of my own is a dot that counts for nothing', async () => {
  const { store, asked } = await start(async ({ db }) => {
    await db.roster.put(buddy('ann'))
    await db.conversations.put(conversation('ann', { isMarked: true }))
  })
  const [ann] = store.sections.value[0]!.buddies

  expect(groups(store)).toEqual([['offline', 'ann']])
  expect(ann).toMatchObject({ isMarked: true, unread: 0 })

  await store.markRead(ann!)
  expect(asked('markUnread')).toEqual([['ann', false]])
})

test('a filter finds the user name, the nickname and what they call themselves, and opens folded groups', async () => {
  const { store } = await start(async ({ db, set }) => {
    await db.roster.bulkPut([buddy('ann'), buddy('x.ray', { name: 'Zoë' }), buddy('bob')])
    await set({ buddies: { bob: { nickname: 'Röschen' } } })
  })
  await store.fold('offline', true)
  await settles(() => expect(store.sections.value[0]!.isFolded).toBe(true))

  const found = (typed: string) => {
    store.filter.value = typed
    return groups(store).flatMap(([, ...names]) => names)
  }
  expect(found('an')).toEqual(['ann'])
  expect(found('rosch')).toEqual(['bob'])
  expect(found('bob')).toEqual(['bob'])
  expect(found(' ZOE')).toEqual(['x.ray'])
  expect(store.sections.value[0]!.isFolded).toBe(false)
  expect(found('nobody')).toEqual([])
})

test('somebody who asks to write is under "Asking" and not under "Unread" as well', async () => {
  const { store, asked } = await start(async ({ db, set }) => {
    await db.roster.put(buddy('ann'))
    await db.conversations.put(conversation('ann', { unread: 2 }))
    await db.prompts.put({ peer: user('ann'), session: 's', count: 2, text: 'psst', at: now, isFolded: true })
    await set({ buddies: { ann: { nickname: 'Annie' } } })
  })

  expect(store.prompts.value).toEqual([{ name: 'ann', nickname: 'Annie', count: 2, said: { text: 'psst' } }])
  expect(groups(store)).toEqual([['offline', 'ann']])
  expect(store.hasUnread.value).toBe(true)

  await store.answer(user('ann'), 'later')
  expect(asked('answer')).toEqual([['ann', 'later']])
})

test('a prompt shows no text where prompts shall not', async () => {
  const { store } = await start(async ({ db, set }) => {
    await db.prompts.put({
      peer: user('ann'),
      session: 's',
      count: 1,
      text: 'psst',
      at: now,
      isFolded: false,
    })
    await set({ promptText: false })
  })

  expect(store.prompts.value).toMatchObject([{ said: null }])
})

test('[R-10] [R-53] a request says who, how they found me, and whom they could be taken for', async () => {
  const { store } = await start(async ({ db }) => {
    await db.roster.bulkPut([
      buddy('bob'),
      buddy('b0b', {
        relation: 'asked',
        knock: {
          text: 'it is me',
          at: now - 1,
          name: 'Bob',
          reason: 'No hurry',
          page: 'https://a.example',
          via: 'invite',
        },
      }),
      buddy('carol', { relation: 'asked', knock: { text: '', at: now - 2 } }),
      buddy('mallory', { relation: 'asked', blocked: true }),
    ])
  })

  expect(store.requests.value).toEqual([
    {
      name: 'b0b',
      ownName: 'Bob',
      text: 'it is me',
      reason: 'No hurry',
      page: 'https://a.example',
      via: 'invite',
      looksLike: 'bob',
      at: now - 1,
    },
    {
      name: 'carol',
      ownName: '',
      text: '',
      reason: '',
      page: '',
      via: 'name',
      looksLike: null,
      at: now - 2,
    },
  ])
})

test('[R-13] a knock goes with its text, reason and page, and the field is empty again', async () => {
  const { store, asked } = await start()
  store.filter.value = ' Oskar '
  store.knockText.value = ' hi '
  store.knockReason.value = '2 minutes?'
  store.knockPage.value = 'https://a.example/b'

  await store.add()

  expect(asked('knock')).toEqual([
    ['oskar', { text: 'hi', reason: '2 minutes?', page: 'https://a.example/b' }],
  ])
  expect(store.filter.value).toBe('')
  expect(store.knockText.value).toBe('')
})

test.each([
  ['a text', () => ({ knockText: 'x'.repeat(limits.knockCharsMax + 1) })],
  ['a reason', () => ({ knockReason: 'x'.repeat(41) })],
  ['an address', () => ({ knockPage: `https://a.example/${'x'.repeat(500)}` })],
  ['something that is no address', () => ({ knockPage: 'javascript:alert(1)' })],
])('[R-13] %s that cannot be sent is not', async (_, typed) => {
  const { store, asked } = await start()
  store.filter.value = 'oskar'
  const { knockText = '', knockReason = '', knockPage = '' }: Partial<Record<string, string>> = typed()
  store.knockText.value = knockText
  store.knockReason.value = knockReason
  store.knockPage.value = knockPage

  await store.add()

  expect(asked('knock')).toEqual([])
})

const link = (name: string, from = relay) => `${from}/u/${name}#${'B'.repeat(21)}A.${'C'.repeat(21)}Q`

test('an invite link is read with its capitals, and completes in one step', async () => {
  const { store, asked } = await start()
  store.filter.value = link('oskar')
  expect(store.candidate.value).toMatchObject({ type: 'invite', name: 'oskar' })

  await store.add()

  expect(asked('knock')).toEqual([
    ['oskar', { invite: { acct: `${'B'.repeat(21)}A`, token: `${'C'.repeat(21)}Q` } }],
  ])
})

test.each([
  ['my own link', link('alice'), 'self'],
  ['the link of a buddy', link('bob'), 'known'],
  ['the link of another relay', link('oskar', 'https://other.example'), 'other-relay'],
  ['an address that is no invite', 'https://relay.example/', 'link'],
  ['my own name', 'Alice', 'self'],
  ['a buddy', 'bob', 'known'],
  ['a name at another relay', 'oskar@other.example', 'other-relay'],
  ['what is no name', 'a b', 'grammar'],
  ['a name too short', 'ab', 'short'],
])('%s leads nowhere: it is told', async (_, typed, problem) => {
  const { store } = await start(({ db }) => db.roster.put(buddy('bob')))

  store.filter.value = typed

  expect(store.candidate.value).toEqual({ type: 'problem', problem })
})

test('a refused knock is told where it was typed, until something else is typed', async () => {
  const { store, refuse } = await start()
  refuse('knock', 'conflict')
  store.filter.value = link('oskar')

  await store.add()
  expect(store.knockProblem.value).toEqual({ code: 'conflict' })
  expect(store.problem.value).toBeNull()

  store.filter.value = 'carol'
  expect(store.knockProblem.value).toBeNull()
})

const knockRow = (name: string, rest: object = {}) =>
  message(name, {
    from: user('alice'),
    direction: 'out',
    kind: 'knock',
    content: { type: 'knock', text: 'hi' },
    state: 'failed',
    failure: 'forbidden',
    ...rest,
  })

test('[R-10] my own knocks are shown from the moment they are typed', async () => {
  const { store, db } = await start(async ({ db: before }) => {
    await before.outbox.put({
      id: 'o1' as never,
      peer: user('oskar'),
      kind: 'knock',
      content: { type: 'knock', text: '' },
      at: now,
    })
  })
  await settles(() => expect(store.sentKnocks.value).toMatchObject([{ name: 'oskar', state: 'leaving' }]))

  await db.outbox.clear()
  await db.roster.put(buddy('oskar', { relation: 'asking' }))
  await settles(() => expect(store.sentKnocks.value).toMatchObject([{ name: 'oskar', state: 'sent' }]))

  await db.roster.put(buddy('oskar'))
  await settles(() => expect(store.sentKnocks.value).toEqual([]))
})

test('a knock that my own relay refused is told, though the roster knows nothing of it', async () => {
  const { store, db, answer, asked } = await start()
  answer('knock', (peer: string) => db.messages.put(knockRow(peer, { failure: 'not-acceptable' })))
  store.filter.value = 'mallory'

  await store.add()

  await settles(() =>
    expect(store.sentKnocks.value).toMatchObject([
      { name: 'mallory', state: 'failed', failure: { code: 'not-acceptable' } },
    ]),
  )
  await store.dismiss(store.sentKnocks.value[0]!.failed)
  expect(asked('discard')).toEqual([[knockRow('mallory').id]])
})

test('after "buddies only" one may knock without a text, and the refused one is forgotten', async () => {
  const { store, asked } = await start(async ({ db }) => {
    await db.roster.put(buddy('carol', { relation: 'none' }))
    await db.messages.put(knockRow('carol'))
  })
  await settles(() => expect(store.sentKnocks.value).toMatchObject([{ failure: { code: 'forbidden' } }]))
  const { name, failed } = store.sentKnocks.value[0]!

  await store.knockBare(name, failed)

  expect(asked('knock')).toEqual([['carol', { bare: true }]])
  expect(asked('discard')).toEqual([[knockRow('carol').id]])
})

test('groups are made, renamed, moved and deleted, and take their buddies with them', async () => {
  const { store } = await start(({ db }) => db.roster.bulkPut(roster('ann', 'bob')))

  await store.putInGroup(user('ann'), '  Book   club ')
  await settles(() =>
    expect(groups(store)).toEqual([
      ['Book club', 'ann'],
      ['offline', 'bob'],
    ]),
  )
  expect(store.groupProblem('Book club')).toBe('taken')
  expect(store.groupProblem('Book club', 'Book club')).toBeNull()
  expect(store.groupProblem(' ')).toBe('empty')
  expect(store.groupProblem('x'.repeat(51))).toBe('long')

  await store.putInGroup(user('bob'), 'Work')
  await settles(() => expect(store.groups.value).toEqual(['Book club', 'Work']))
  await store.moveGroup('Work', -1)
  await settles(() =>
    expect(groups(store)).toEqual([
      ['Work', 'bob'],
      ['Book club', 'ann'],
    ]),
  )

  await store.renameGroup('Book club', 'Readers')
  await settles(() =>
    expect(groups(store)).toEqual([
      ['Work', 'bob'],
      ['Readers', 'ann'],
    ]),
  )

  await store.deleteGroup('Work')
  await settles(() =>
    expect(groups(store)).toEqual([
      ['Readers', 'ann'],
      ['offline', 'bob'],
    ]),
  )
  await store.putInGroup(user('ann'), null)
  await settles(() => expect(groups(store)).toEqual([['Readers'], ['offline', 'ann', 'bob']]))
})

test('[R-55] a nickname is put right, and an empty one is none', async () => {
  const { store, asked } = await start(({ db }) => db.roster.put(buddy('ann')))

  expect(await store.setNickname(user('ann'), ' An\u202enie ')).toBe(true)
  await settles(() => expect(store.sections.value[0]!.buddies[0]!.nickname).toBe('Annie'))
  expect(await store.setNickname(user('ann'), 'x'.repeat(51))).toBe(false)
  await store.setNickname(user('ann'), '')

  expect(asked('changeSettings').at(-1)).toEqual([{ buddies: { ann: { nickname: null } } }])
})

test('[R-15] who is blocked is nowhere on the list', async () => {
  const { store, asked } = await start(async ({ db }) => {
    await db.roster.bulkPut([
      buddy('ann', { blocked: true }),
      buddy('bob', { relation: 'none', blocked: true }),
    ])
    await db.conversations.put(conversation('bob', { unread: 1 }))
  })
  expect(groups(store)).toEqual([])

  await store.block(user('carol'))
  expect(asked('roster')).toEqual([['carol', 'block']])
})

test('[R-5] nobody is shown as being there while the relay has not been heard', async () => {
  const { store, db } = await start(async (ends) => {
    await ends.db.roster.bulkPut(roster('ann'))
    await ends.db.presence.put(present('ann'))
  })
  expect(groups(store)).toEqual([['online', 'ann']])

  await db.status.put({
    key: 'connection',
    state: 'waiting',
    heardAt: now - limits.presenceStaleMs - 1000,
    skew: 0,
    live: false,
  })

  await settles(() => expect(groups(store)).toEqual([['unknown', 'ann']]))
})

test('what the background refuses is told, until it is closed', async () => {
  const { store, refuse } = await start()
  refuse('accept', 'unreachable')

  await store.accept(user('ann'))
  expect(store.problem.value).toEqual({ code: 'unreachable' })

  store.clearProblem()
  expect(store.problem.value).toBeNull()
})

test('who is as before is the same object, so that hundreds of rows are not drawn for one', async () => {
  const { store, db } = await start(({ db: before }) => before.roster.bulkPut(roster('ann', 'bob')))
  const [ann, bob] = store.sections.value[0]!.buddies

  await db.conversations.put(conversation('bob', { isMarked: true }))
  await settles(() => expect(store.sections.value[0]!.buddies[1]).toMatchObject({ isMarked: true }))

  expect(store.sections.value[0]!.buddies[0]).toBe(ann)
  expect(store.sections.value[0]!.buddies[1]).not.toBe(bob)
})
