/** What the screens of screens.ts show: made-up people, and everything that can happen to them. */
import type { Page } from '@playwright/test'
import type { AccountId, EnvelopeId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type {
  ConnectionRow,
  ConversationRow,
  Db,
  MessageRow,
  OutboxRow,
  PresenceRow,
  PromptRow,
  RosterRow,
} from '../../extension/db/db.ts'
import { pendingTs } from '../../extension/db/db.ts'

type Tables = {
  [Name in keyof Db]: Db[Name] extends { toArray(): PromiseLike<(infer Row)[]> } ? Row[] : never
}
/** Rows by table; of some, like keys, only what a page looks at. */
export type Rows = { [Name in keyof Tables as Tables[Name] extends never ? never : Name]?: object[] }

export interface Screen {
  name: string
  path: string
  size: { width: number; height: number }
  now: number
  rows: Rows
  dark?: boolean
  forced?: boolean
  rtl?: boolean
  /** The error with which IndexedDB refuses to open. */
  brokenDatabase?: string
  act?: (page: Page) => Promise<unknown>
}

export const now = Date.UTC(2026, 2, 17, 13, 23)
export const day = 24 * 60 * 60_000
export const minutes = (count: number) => now - count * 60_000
const popup = { width: 360, height: 560 }
const chat = { width: 380, height: 560 }
const tab = { width: 1100, height: 800 }

export const me = 'alice' as UserId
export const user = (name: string) => name as UserId
let count = 0
const id = () => `01957e00-0000-7000-8000-${String(++count).padStart(12, '0')}` as EnvelopeId

const account = {
  key: 'me',
  user: me,
  acct: 'AAAAAAAAAAAAAAAAAAAAAA',
  relay: 'https://relay.example',
  device: 'AAAAAAAAAAA',
  relayId: 'A'.repeat(43),
  list: { devices: [{ id: 'AAAAAAAAAAA', name: 'Firefox on Linux' }] },
}
const connection = (rest: Partial<ConnectionRow> = {}): ConnectionRow => ({
  key: 'connection',
  state: 'connected',
  heardAt: now,
  skew: 0,
  live: true,
  ...rest,
})
const announced = (offline: 'store' | 'refuse') => ({
  key: 'relay',
  limits: { ...limits, offline },
})
const status = (line = connection(), offline: 'store' | 'refuse' = 'store') => [
  line,
  { key: 'self', mode: 'auto', status: 'Reading, slowly', show: 'online' },
  announced(offline),
]

const buddy = (name: string, rest: Partial<RosterRow> = {}): RosterRow => ({
  peer: user(name),
  relation: 'buddies',
  muted: false,
  blocked: false,
  version: 1,
  ...rest,
})
const present = (name: string, show: PresenceRow['show'], rest: Partial<PresenceRow> = {}): PresenceRow => ({
  peer: user(name),
  show,
  until: now + 60_000_000,
  version: 1,
  ...rest,
})
const talk = (
  name: string,
  text: string,
  ago: number,
  unread = 0,
  direction: 'in' | 'out' = 'in',
): ConversationRow => ({
  peer: user(name),
  readTs: minutes(ago + 1),
  readSentTs: 0,
  delivered: 0,
  read: 0,
  except: [],
  last: { id: id(), ts: minutes(ago), direction, text },
  unread,
})

export const people: Rows = {
  account: [account],
  status: status(),
  roster: [
    buddy('bob'),
    buddy('carol.dee'),
    buddy('dmitri'),
    buddy('eve'),
    buddy('farid', { muted: true }),
    buddy('grace-hopper'),
    buddy('hana'),
    buddy('ines'),
    buddy('jonas'),
    buddy('mallory', {
      relation: 'asked',
      knock: { text: 'Hi Alice, it is Mallory from the reading group. We met on Thursday.', at: minutes(12) },
    }),
    buddy('nadia', { relation: 'asking' }),
  ],
  presence: [
    present('bob', 'online', { status: 'Working from the kitchen' }),
    present('carol.dee', 'idle', { since: minutes(12) }),
    present('dmitri', 'dnd', { status: 'Exam until Friday' }),
    present('eve', 'away', { status: 'Lunch' }),
    present('farid', 'online'),
    present('grace-hopper', 'online'),
  ],
  typing: [{ peer: user('grace-hopper'), until: now + 10_000 }],
  drafts: [{ peer: user('eve'), text: 'About Saturday: I think we', at: now }],
  conversations: [
    talk('bob', 'Did you see the second chapter? The part with the lighthouse is wonderful', 2, 3),
    talk('carol.dee', 'See you tomorrow then', 64, 0, 'out'),
    talk('dmitri', 'Thanks!', 60 * 26),
    talk('farid', 'https://example.org/a/very/long/address/that/goes/on', 30, 12),
    talk('hana', 'Good night', 60 * 24 * 3, 0),
    talk('ines', 'I sent you the recipe', 60 * 24 * 40, 0),
  ],
}

/** What is to be asked about, and everything of one's own that a list can have. */
export const sorted: Rows = {
  ...people,
  settings: [
    {
      key: 'current',
      value: {
        groups: ['Book club', 'Work'],
        quietHours: { from: 1320, to: 420 },
        invite: { token: 'b-_9b-_9b-_9b-_9b-_9xw', at: now },
        displayName: 'Alice',
        buddies: {
          bob: { group: 'Book club' },
          'carol.dee': { nickname: 'Carolina from the second floor', isFavourite: true },
          'grace-hopper': { nickname: 'Grace', tellOnline: true, group: 'Work' },
          hana: { group: 'Work', arrival: 'badge', sound: false },
          ines: { group: 'Book club', arrival: 'prompt' },
        },
      },
    },
  ],
  status: [...status(), { key: 'policy', reach: 'everyone', invite: 'hash', reads: true }],
  roster: [
    ...people.roster!,
    buddy('mel.gibbs', { blocked: true, relation: 'none' }),
    buddy('spam.er', { blocked: true, relation: 'none' }),
  ],
  prompts: [
    {
      peer: user('jonas'),
      session: 's',
      count: 2,
      text: 'Have you got a minute? It is about the invoice.',
      at: minutes(1),
      isFolded: false,
    },
  ],
  conversations: [
    ...people.conversations!.filter((row) => (row as ConversationRow).peer !== 'bob'),
    talk('jonas', 'Have you got a minute? It is about the invoice.', 1, 2),
    { ...talk('bob', 'I have put the book into your letterbox', 55), isMarked: true },
  ],
}

const stranger = (name: string, knock: Partial<NonNullable<RosterRow['knock']>> = {}) =>
  buddy(name, { relation: 'asked', knock: { text: '', at: minutes(3), ...knock } })

/** Knocks of all kinds, and what became of my own. */
const knocks: Rows = {
  account: [account],
  status: status(),
  roster: [
    buddy('bob'),
    stranger('b0b', {
      name: 'Bob',
      text: 'It is me, I lost my phone. Can you have a look?',
      reason: '2 minutes?',
      page: 'https://example.org/a/rather/long/address?of=a&page=that-is-not-followed',
      at: minutes(1),
    }),
    stranger('yasmin', { name: 'ياسمين', via: 'invite' }),
    buddy('nadia', { relation: 'asking' }),
    buddy('viktor', { relation: 'none' }),
    buddy('nobody.at-all', { relation: 'none' }),
  ],
  messages: [failedKnock('viktor', 'forbidden'), failedKnock('nobody.at-all', 'item-not-found')],
}

function failedKnock(name: string, failure: MessageRow['failure']) {
  const row = { from: me, id: id(), peer: user(name), ts: minutes(5), direction: 'out', kind: 'knock' }
  return { ...row, content: { type: 'knock', text: 'Hi' }, state: 'failed', failure, at: minutes(5) }
}

const names =
  'ada ben cleo dag emma finn gita hugo ida jan kim leo mia nora ole pia quin rosa sam tess uma vera will xena yann zoe'
const crowd: Rows = {
  account: [account],
  status: status(),
  roster: Array.from({ length: 200 }, (_, at) =>
    buddy(`${names.split(' ')[at % 26]}.${Math.floor(at / 26) + 1}`),
  ),
  presence: Array.from({ length: 90 }, (_, at) =>
    present(
      `${names.split(' ')[at % 26]}.${Math.floor(at / 26) + 1}`,
      (['online', 'idle', 'away', 'dnd'] as const)[at % 4]!,
    ),
  ),
}

const longNames: Rows = {
  account: [{ ...account, user: 'a-very-long-user-name.of-32-chars' }],
  status: [
    connection(),
    {
      key: 'self',
      mode: 'dnd',
      status: 'A status message that is much longer than the header of the popup is wide, and then some',
      show: 'dnd',
    },
    announced('store'),
  ],
  roster: [
    buddy('maximilian-alexander.von-und-zu-x'),
    buddy('wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww', { muted: true }),
    buddy('konstantin_konstantinopolski-iii', {
      relation: 'asked',
      knock: { text: 'x'.repeat(300) + ' and https://example.org', at: now },
    }),
  ],
  presence: [
    present('maximilian-alexander.von-und-zu-x', 'idle', {
      since: minutes(400),
      status: 'Donaudampfschifffahrtsgesellschaftskapitänsmütze',
    }),
    present('wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww', 'online'),
  ],
  conversations: [
    talk(
      'maximilian-alexander.von-und-zu-x',
      'Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen',
      60 * 24 * 400,
      143,
    ),
  ],
}

const rightToLeft: Rows = {
  ...people,
  status: [
    connection(),
    { key: 'self', mode: 'away', status: 'חוזרת בעוד שעה', show: 'away' },
    announced('store'),
  ],
  presence: [
    present('bob', 'online', { status: 'أعمل من البيت' }),
    present('carol.dee', 'idle', { since: minutes(12), status: 'Back soon' }),
  ],
  conversations: [
    talk('bob', 'هل قرأت الفصل الثاني؟ إنه رائع', 2, 2),
    talk('carol.dee', 'להתראות מחר', 64, 0, 'out'),
  ],
}

/** One line of a conversation: who, how many minutes ago, what. */
type Line = [direction: 'in' | 'out', ago: number, text: string, rest?: Partial<MessageRow>]
export const log = (peer: string, lines: Line[]): MessageRow[] =>
  lines.map(([direction, ago, text, rest]) => ({
    from: direction === 'in' ? user(peer) : me,
    id: id(),
    peer: user(peer),
    ts: minutes(ago),
    direction,
    kind: 'message' as const,
    content: { type: 'text' as const, text },
    ...(direction === 'out' ? { state: 'stored' as const } : {}),
    at: minutes(ago),
    ...rest,
  }))

const marks = (
  peer: string,
  read: number,
  delivered: number,
  readTs: number,
  unread = 0,
): ConversationRow => ({
  peer: user(peer),
  readTs: minutes(readTs),
  readSentTs: 0,
  delivered: minutes(delivered),
  read: minutes(read),
  except: [],
  unread,
})

const chatLines: Line[] = [
  ['in', 60 * 26, 'Are you coming on Thursday?'],
  ['out', 60 * 26 - 3, 'Yes. I will bring the book back.'],
  ['out', 60 * 26 - 4, 'And cake.'],
  ['in', 42, 'I have just finished the second chapter.'],
  [
    'in',
    41,
    'The part with the lighthouse is wonderful, I read it twice: https://example.org/books/lighthouse?page=14',
  ],
  ['out', 38, 'I know. I could hear the sea.'],
  ['in', 37, '👋'],
  [
    'out',
    12,
    'Shall we ask Carol too? She wrote about it once, it must have been last spring, and I think she would like to hear what you make of the ending.',
  ],
  ['out', 11, 'Or is that too many?'],
]
export const conversation = (rest: Rows = {}): Rows => ({
  account: [account],
  status: status(),
  roster: [buddy('bob')],
  presence: [present('bob', 'online', { status: 'Working from the kitchen' })],
  messages: log('bob', chatLines),
  conversations: [marks('bob', 30, 11.5, 0)],
  typing: [{ peer: user('bob'), until: now + 10_000 }],
  ...rest,
})

const withStatus = (rows: Rows, ...more: object[]): Rows => ({ ...rows, status: [...rows.status!, ...more] })
/** Of a new device: two fifths of what was said are here. */
const coming = (rows: Rows): Rows =>
  withStatus(rows, { key: 'restore', done: 2, total: 5, left: ['c', 'd', 'e'] })
const problemOfArchive = (rows: Rows, problem: string): Rows =>
  withStatus(rows, { key: 'archive', problem, at: now })
const keepHistory = async (page: Page) => {
  await page.getByRole('button', { name: /^carol/ }).click({ button: 'right' })
  await page.getByRole('menuitem', { name: 'Keep history' }).click()
}

const stuck: Rows = conversation({
  presence: [],
  typing: [],
  messages: log('bob', [
    ['out', 60 * 24 * 31, 'Did you get my card?', { state: 'expired' }],
    ['in', 60 * 5, 'Hello'],
    [
      'out',
      60 * 2,
      'This one is too much',
      { state: 'failed', failure: 'resource-constraint', ts: pendingTs, at: minutes(120) },
    ],
    ['out', 3, 'On its way', { state: 'stored' }],
  ]),
  outbox: [
    {
      id: id(),
      peer: user('bob'),
      kind: 'message',
      content: { type: 'text', text: 'Lunch today?' },
      at: minutes(60 * 26),
      held: true,
    } satisfies OutboxRow,
    {
      id: id(),
      peer: user('bob'),
      kind: 'message',
      content: { type: 'text', text: 'Just typed' },
      at: now,
    } satisfies OutboxRow,
  ],
})

const hostile: Rows = conversation({
  typing: [],
  messages: log('bob', [
    ['in', 60, '<img src=x onerror=alert(1)> <b>bold?</b> &amp; {{x}}'],
    [
      'in',
      50,
      'javascript:alert(1) data:text/html,x https://xn--pple-43d.com/login https://аррӏе.com/ https://paypal.com@evil.example/a',
    ],
    ['in', 40, '\u202Egpj.exe\u202C and \u202Ehttps://moc.elpmaxe/\u202C'],
    ['in', 30, 'w'.repeat(600)],
    ['in', 20, Array.from({ length: 60 }, (_, at) => `line ${at + 1}`).join('\n')],
    ['in', 10, 'مرحبا bob، انظر https://example.org/a هنا'],
    ['in', 9, 'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞'],
    ['out', 5, 'שלום, מה שלומך? All good.'],
  ]),
})

const fewNew: Rows = conversation({
  typing: [],
  conversations: [marks('bob', 30, 11, 39, 3)],
  messages: log('bob', [
    ...chatLines.slice(0, 4),
    ...Array.from({ length: 14 }, (_, at): Line => [
      'in',
      38 - at,
      `New line ${at + 1}, which is about as long as lines are`,
    ]),
  ]),
})

const long: Rows = conversation({
  typing: [],
  messages: log(
    'bob',
    Array.from({ length: 1000 }, (_, at): Line => [
      at % 3 ? 'in' : 'out',
      3000 - at * 3,
      `Message ${at + 1}`,
    ]),
  ),
})

/** Who has written and waits to be asked about. */
const asks = (name: string, messages: number, text: string, ago: number): PromptRow => ({
  peer: user(name),
  session: `session of ${name}`,
  count: messages,
  text,
  at: minutes(ago),
  isFolded: false,
})
const promptLines: Line[] = [
  ['in', 2, 'Hi Alice, do you have a minute?'],
  ['in', 1, 'It is about the second chapter. I think the part with the lighthouse needs another page.'],
]
const prompted = (rest: Rows = {}): Rows =>
  conversation({
    typing: [],
    messages: log('bob', promptLines),
    conversations: [marks('bob', 0, 0, 60, 2)],
    prompts: [asks('bob', 2, 'It is about the second chapter.', 1)],
    ...rest,
  })
const threePrompts = prompted({
  roster: [buddy('bob'), buddy('carol.dee'), buddy('maximilian-alexander.von-und-zu-x')],
  prompts: [
    asks('bob', 2, 'It is about the second chapter.', 1),
    asks('carol.dee', 1, 'Lunch?', 1),
    asks('maximilian-alexander.von-und-zu-x', 1, 'Good morning', 1),
  ],
})
const quickReply = prompted({ prompts: [] })
const knocking = prompted({
  prompts: [],
  roster: [
    buddy('bob'),
    buddy('b0b', {
      relation: 'asked',
      knock: {
        text: 'Hi Alice, it is me from the reading group. We met on Thursday, do you remember?',
        at: minutes(3),
        reason: '2 minutes?',
        page: 'https://example.org/books/lighthouse?page=14',
        name: 'Bob the builder',
      },
    }),
  ],
})
const longPrompt = prompted({
  roster: [buddy('maximilian-alexander.von-und-zu-x')],
  presence: [],
  messages: log('maximilian-alexander.von-und-zu-x', [
    ['in', 1, 'Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen '.repeat(6)],
  ]),
  conversations: [marks('maximilian-alexander.von-und-zu-x', 0, 0, 60, 1)],
  prompts: [asks('maximilian-alexander.von-und-zu-x', 1, 'x', 1)],
})
const rtlPrompt = prompted({
  messages: log('bob', [['in', 1, 'هل لديك دقيقة؟ هل قرأت الفصل الثاني؟ إنه رائع']]),
  conversations: [marks('bob', 0, 0, 60, 1)],
  settings: [{ key: 'current', value: { buddies: { bob: { nickname: 'בוב מהעבודה' } } } }],
})

/** One line, with the session it belongs to. */
const inSession = (
  session: string,
  direction: 'in' | 'out',
  ago: number,
  text: string,
  rest: Partial<MessageRow> = {},
): Line => [direction, ago, '', { content: { type: 'text', text, session }, ...rest }]
const left = (direction: 'in' | 'out', ago: number, how: 'left' | 'rejected', note?: string): Line => [
  direction,
  ago,
  '',
  {
    kind: 'control',
    content: { type: 'leave', session: how === 'left' ? 's1' : 's3', how, ...(note && { note }) },
  },
]
const thumb = (from: UserId, emoji: string) => ({ [from]: { id: id(), ts: now, emoji } })
const quoted = { from: user('bob'), id: id() }

/** Everything that can be done with words: sessions, answers, edits, reactions, deletion, formatting. */
const rich: Rows = conversation({
  typing: [],
  settings: [{ key: 'current', value: { buddies: { bob: { nickname: 'Bobby', forgets: true } } } }],
  messages: log('bob', [
    inSession('s1', 'in', 60 * 26, 'Are you coming on Thursday?', { id: quoted.id }),
    inSession('s1', 'out', 60 * 26 - 3, 'Yes. I will bring the book back.', {
      reactions: { ...thumb(me, '🎉'), ...thumb(user('bob'), '🎉') },
    }),
    left('in', 60 * 26 - 8, 'left'),
    inSession('s2', 'in', 60 * 4, 'Never mind, I *found* it'),
    inSession('s2', 'in', 60 * 4 - 1, '', { content: null, removed: 'retracted' }),
    inSession('s3', 'in', 22, '/me waves at _everybody_'),
    inSession(
      's3',
      'in',
      21,
      'Use `npm start`, or *really* this:\n```\nnpm ci --omit=dev\nnpm run relay\n```',
    ),
    [
      'out',
      19,
      '',
      {
        content: {
          type: 'text',
          session: 's3',
          text: 'I said so, and I still mean it.',
          reply: { ...quoted, text: 'Are you coming on Thursday?' },
        },
        reactions: thumb(user('bob'), '❤️'),
        edited: {
          id: id(),
          ts: minutes(18),
          before: [{ text: 'I said so, and i still men it.', ts: minutes(19) }],
        },
      },
    ],
    [
      'in',
      17,
      '',
      {
        content: {
          type: 'text',
          session: 's3',
          text: 'See you then',
          reply: {
            from: me,
            id: id(),
            text: 'A message that is not on this device, and is quite long: it goes on and on',
          },
        },
        reactions: thumb(me, '👍'),
      },
    ],
    left('in', 3, 'rejected', 'In a meeting'),
  ]),
  conversations: [
    {
      ...marks('bob', 2, 2, 0),
      session: { id: 's3', by: user('bob'), startTs: minutes(22), lastTs: minutes(17) },
    },
  ],
})
const last = (page: Page) => page.getByRole('article').last()

const signedOut: Rows = {}
const fillSignUp =
  (name: string, relay = '') =>
  async (page: Page) => {
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.getByRole('textbox', { name: 'User name' }).fill(name)
    await page.getByRole('textbox', { name: 'Password' }).fill('correct horse battery')
    if (relay) {
      await page.getByText('Relay', { exact: true }).click()
      await page.getByRole('textbox', { name: 'Relay address' }).fill(relay)
    }
    await page.getByRole('button', { name: 'Create account' }).click()
  }
const refused = async (page: Page) => {
  await page.getByRole('alert').first().waitFor({ timeout: 20_000 })
}
const fails =
  (name: string, relay = '') =>
  async (page: Page) => {
    await fillSignUp(name, relay)(page)
    await refused(page)
  }

const base = { now }
export const inPopup = (name: string, rows: Rows, rest: Partial<Screen> = {}): Screen => ({
  ...base,
  name: `popup-${name}`,
  path: 'popup.html',
  size: popup,
  rows,
  ...rest,
})
export const inChat = (name: string, rows: Rows, rest: Partial<Screen> = {}): Screen => ({
  ...base,
  name: `chat-${name}`,
  path: 'chat.html?with=bob',
  size: chat,
  rows,
  ...rest,
})
const inPrompt = (name: string, rows: Rows, rest: Partial<Screen> = {}): Screen => ({
  ...base,
  name: `prompt-${name}`,
  path: 'prompt.html?by=network',
  size: { width: 360, height: 200 },
  rows,
  ...rest,
})
const leftOut: Rows = {
  ...sorted,
  settings: [
    {
      key: 'current',
      value: { buddies: { bob: { keepsHistory: false }, 'carol.dee': { keepsHistory: false } } },
    },
  ],
}

export const inTab = (name: string, rows: Rows, rest: Partial<Screen> = {}): Screen => ({
  ...base,
  name: `options-${name}`,
  path: 'options.html',
  size: tab,
  rows,
  ...rest,
})

const compare = async (page: Page) => {
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Safety number' }).click()
}
const identity = { peer: user('bob'), acct: 'B'.repeat(22) as AccountId, ver: 1, hash: 'h' }
const verified: Rows = {
  ...rich,
  identities: [identity],
  settings: [{ key: 'current', value: { buddies: { bob: { verified: identity.acct } } } }],
}
const keysChanged: Rows = conversation({
  identities: [{ ...identity, other: { acct: 'C'.repeat(22) as AccountId, ver: 1, hash: 'i' } }],
  notices: [
    { peer: user('bob'), ts: minutes(40), what: 'device-added', isLoud: false },
    { peer: user('bob'), ts: minutes(39), what: 'device-removed', isLoud: true },
    { peer: user('bob'), ts: minutes(2), what: 'account-changed', isLoud: true },
  ],
  messages: [
    ...log('bob', chatLines.slice(3)),
    ...log('bob', [
      ['in', 8, '', { content: null, payload: 'sealed' }],
      ['in', 7, '', { content: null, unknown: {} }],
    ]),
  ],
})
/** Three browsers, one of which nobody has looked at yet. */
const devices: Rows = {
  ...people,
  account: [
    {
      ...account,
      list: {
        devices: [
          { id: 'AAAAAAAAAAA', name: 'Firefox on Linux', created: now - 40 * day },
          { id: '@', created: now - 40 * day },
          { id: 'BBBBBBBBBBB', name: 'Chrome on Windows', created: now - 3 * day },
          { id: 'CCCCCCCCCCC', name: 'Edge on this computer', created: now - 60_000 },
        ],
      },
    },
  ],
  settings: [{ key: 'current', value: { deviceNames: { AAAAAAAAAAA: 'My laptop, in the kitchen' } } }],
  status: [...(people.status ?? []), { key: 'devices', known: [], isNew: ['CCCCCCCCCCC'] }],
}

export const screens: Screen[] = [
  inPopup('list', people),
  inPopup('list-dark', people, { dark: true }),
  inPopup('list-forced', people, { forced: true }),
  inPopup('list-rtl', rightToLeft, { rtl: true }),
  inPopup('status', people, { act: (page) => page.getByRole('button', { name: 'My status' }).click() }),
  inPopup('status-dark', people, {
    dark: true,
    act: (page) => page.getByRole('button', { name: 'My status' }).click(),
  }),
  inPopup('history', coming(people)),
  inPopup('history-dark', coming(people), { dark: true }),
  inPopup('history-rtl', coming(people), { rtl: true }),
  inPopup('history-forced', coming(people), { forced: true }),
  inPopup('history-full', problemOfArchive(people, 'full')),
  inPopup('history-unreadable-dark', problemOfArchive(people, 'unreadable'), { dark: true }),
  inPopup('history-choice', people, { act: keepHistory }),
  inPopup('history-choice-dark', people, { dark: true, act: keepHistory }),
  inPopup('menu', people, {
    act: async (page) => {
      await page.getByRole('button', { name: /^carol/ }).hover()
      await page.getByRole('button', { name: 'More for carol.dee' }).click()
    },
  }),
  inPopup('scrolled', people, {
    act: (page) => page.locator('.popup-people').evaluate((element) => element.scrollTo(0, 9999)),
  }),
  inPopup('filter', people, { act: (page) => page.getByRole('textbox', { name: 'Find or add' }).fill('a') }),
  inPopup('add', people, { act: (page) => page.getByRole('textbox', { name: 'Find or add' }).fill('oskar') }),
  inPopup('add-wrong', people, {
    act: (page) => page.getByRole('textbox', { name: 'Find or add' }).fill('1!'),
  }),
  inPopup('refused', people, {
    act: async (page) => {
      await page.getByRole('textbox', { name: 'Find or add' }).fill('oskar')
      await page.getByRole('button', { name: 'Add buddy' }).click()
      await page.getByRole('alert').waitFor()
    },
  }),
  inPopup('empty', { account: [account], status: status() }),
  inPopup('empty-dark', { account: [account], status: status() }, { dark: true }),
  inPopup('crowd', crowd),
  inPopup('long-names', longNames),
  inPopup('connecting', { ...people, status: status(connection({ state: 'connecting', heardAt: 0 })) }),
  inPopup('reconnecting', {
    ...people,
    status: status(
      connection({ state: 'waiting', nextTryAt: now + 12_000, reason: 'unreachable', heardAt: now - 20_000 }),
    ),
  }),
  inPopup('stale', {
    ...people,
    status: status(
      connection({
        state: 'waiting',
        nextTryAt: now + 42_000,
        reason: 'unreachable',
        heardAt: now - 200_000,
      }),
    ),
  }),
  inPopup(
    'refused-connection',
    { ...people, status: status(connection({ state: 'refused', reason: 'account-disabled' })) },
    { dark: true },
  ),
  inPopup('sorted', sorted),
  inPopup('sorted-dark', sorted, {
    dark: true,
    act: (page) => page.locator('.popup-people').evaluate((element) => element.scrollTo(0, 300)),
  }),
  inPopup('sorted-rtl', sorted, { rtl: true }),
  inPopup('sorted-menu', sorted, {
    act: async (page) => {
      await page.getByRole('button', { name: /^carol/ }).hover()
      await page.getByRole('button', { name: 'More for carol.dee' }).click()
    },
  }),
  inPopup('group', sorted, {
    act: async (page) => {
      await page.getByRole('button', { name: /^carol/ }).click({ button: 'right' })
      await page.getByRole('menuitem', { name: 'Move to group' }).click()
      await page.getByRole('radio', { name: 'New group' }).click()
    },
  }),
  inPopup('arrival', sorted, {
    dark: true,
    act: async (page) => {
      await page.getByRole('button', { name: /^hana/ }).click({ button: 'right' })
      await page.getByRole('menuitem', { name: 'How messages arrive' }).click()
    },
  }),
  inPopup('knocks', knocks),
  inPopup('knocks-end', knocks, {
    dark: true,
    act: (page) => page.locator('.popup-people').evaluate((element) => element.scrollTo(0, 9999)),
  }),
  inPopup('knocks-rtl', knocks, { rtl: true }),
  inPopup('knocks-forced', knocks, { forced: true }),
  inPopup('add-more', people, {
    act: async (page) => {
      await page.getByRole('textbox', { name: 'Find or add' }).fill('oskar')
      await page.getByRole('textbox', { name: 'A few words' }).fill('It is me, from the book club')
      await page.getByText('Reason or page').click()
      await page.getByRole('button', { name: '2 minutes?' }).click()
    },
  }),
  inPopup('add-invite', people, {
    act: (page) =>
      page
        .getByRole('textbox', { name: 'Find or add' })
        .fill('https://relay.example/u/oskar#AAAAAAAAAAAAAAAAAAAAAA.b-_9b-_9b-_9b-_9b-_9xw'),
  }),
  inPopup('remove', people, {
    act: async (page) => {
      await page.getByRole('button', { name: /^carol/ }).click({ button: 'right' })
      await page.getByRole('menuitem', { name: 'Remove buddy' }).click()
    },
  }),
  inPopup('focus', people, {
    act: async (page) => {
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('ArrowDown')
    },
  }),
  inPopup('zoom-200', people, { size: { width: 180, height: 280 } }),
  inPopup('database', signedOut, { brokenDatabase: 'InvalidStateError' }),

  inPopup('welcome', signedOut),
  inPopup('welcome-create', signedOut, { act: fails('a b') }),
  inPopup('welcome-dark', signedOut, {
    dark: true,
    act: (page) => page.getByRole('button', { name: 'Sign in' }).click(),
  }),
  inPopup('welcome-recovery', signedOut, {
    act: async (page) => {
      await fillSignUp('alice')(page)
      await page.getByRole('heading', { name: 'Your recovery code' }).waitFor({ timeout: 30_000 })
    },
  }),
  inTab('welcome', signedOut),
  inTab('welcome-progress', signedOut, {
    act: async (page) => {
      await fillSignUp('slow')(page)
      await page.waitForTimeout(900)
    },
  }),
  inTab('welcome-taken', signedOut, { act: fails('taken') }),
  inTab('welcome-often', signedOut, { act: fails('again') }),
  inTab('welcome-away', signedOut, { act: fails('alice', 'https://away.example') }),
  inTab('welcome-shop', signedOut, { dark: true, act: fails('alice', 'https://shop.example') }),
  inTab('welcome-insecure', signedOut, { act: fails('alice', 'http://insecure.example') }),
  inTab('messages', sorted, { size: { width: 1100, height: 1300 } }),
  inTab('messages-dark', sorted, { dark: true, size: { width: 1100, height: 1300 } }),
  inTab('messages-narrow', sorted, { size: { width: 360, height: 1500 } }),
  inTab('privacy', sorted, { path: 'options.html#privacy', size: { width: 1100, height: 1400 } }),
  inTab('privacy-history', problemOfArchive(leftOut, 'full'), {
    path: 'options.html#privacy',
    size: { width: 1100, height: 1500 },
  }),
  inTab('privacy-history-narrow', problemOfArchive(leftOut, 'unsupported'), {
    dark: true,
    path: 'options.html#privacy',
    size: { width: 360, height: 1900 },
  }),
  inTab('privacy-rtl', sorted, {
    rtl: true,
    path: 'options.html#privacy',
    size: { width: 1100, height: 1400 },
  }),
  inTab('privacy-forced', sorted, {
    forced: true,
    path: 'options.html#privacy',
    size: { width: 1100, height: 1400 },
  }),
  inTab(
    'privacy-offline',
    { ...people, status: status(connection({ state: 'waiting', heardAt: now })) },
    { path: 'options.html#privacy' },
  ),
  inTab('profile', sorted, { path: 'options.html#profile' }),
  inTab('search', sorted, {
    act: (page) => page.getByRole('searchbox', { name: 'Search settings' }).fill('rea'),
  }),
  inTab('devices', devices, { path: 'options.html#devices' }),
  inTab('devices-dark', devices, {
    path: 'options.html#devices',
    dark: true,
    act: (page) => page.getByRole('button', { name: 'Remove Chrome on Windows…' }).click(),
  }),
  inTab('devices-narrow', devices, { path: 'options.html#devices', size: { width: 400, height: 900 } }),
  inTab('devices-rtl', devices, { path: 'options.html#devices', rtl: true }),
  inTab('password', people, {
    path: 'options.html#account',
    async act(page) {
      await page.getByRole('button', { name: 'Change password' }).click()
      await page.getByLabel('New password').fill('short')
      await page.getByRole('dialog').getByRole('button', { name: 'Change password' }).click()
    },
  }),
  inTab('delete', people, {
    path: 'options.html#account',
    act: (page) => page.getByRole('button', { name: 'Delete account' }).click(),
  }),
  inTab(
    'lost',
    { ...people, status: status(connection({ state: 'refused', reason: 'credentials-expired' })) },
    {
      path: 'options.html#account',
    },
  ),
  inTab('account', people, { path: 'options.html#account' }),
  inTab('account-dark', people, {
    path: 'options.html#account',
    dark: true,
    act: (page) => page.getByRole('button', { name: 'Sign out' }).click(),
  }),
  inTab('about', people, { path: 'options.html#about' }),
  inTab('about-narrow', people, { path: 'options.html#about', size: { width: 400, height: 800 } }),

  inPrompt('waiting', prompted()),
  inPrompt('dark', prompted(), { dark: true }),
  inPrompt('forced', prompted(), { forced: true }),
  inPrompt('rtl', rtlPrompt, { rtl: true }),
  inPrompt('narrow', prompted(), { size: { width: 240, height: 200 } }),
  inPrompt('firefox', prompted(), { size: { width: 360, height: 180 } }),
  inPrompt('hidden', prompted({ settings: [{ key: 'current', value: { promptText: false } }] })),
  inPrompt('long', longPrompt),
  inPrompt('three', threePrompts),
  inPrompt('three-dark', threePrompts, { dark: true }),
  inPrompt('focus', prompted(), {
    act: async (page) => {
      await page.keyboard.press('Tab')
      await page.keyboard.press('Tab')
      await page.keyboard.press('Tab')
    },
  }),
  inPrompt('reply', prompted(), { act: (page) => page.getByRole('button', { name: 'Reply' }).click() }),
  inPrompt('reasons', prompted(), {
    act: (page) => page.getByRole('button', { name: 'Give a reason' }).click(),
  }),
  inPrompt('reasons-rtl', rtlPrompt, {
    rtl: true,
    dark: true,
    act: (page) => page.getByRole('button', { name: 'Give a reason' }).click(),
  }),
  inPrompt('line', quickReply, { path: 'prompt.html?with=bob&by=user' }),
  inPrompt('line-dark', quickReply, { path: 'prompt.html?with=bob&by=user', dark: true }),
  inPrompt('knock', knocking, { path: 'prompt.html?with=b0b&by=user' }),
  inPrompt('knock-dark', knocking, { path: 'prompt.html?with=b0b&by=user', dark: true }),
  inPrompt('knock-narrow', knocking, {
    path: 'prompt.html?with=b0b&by=user',
    size: { width: 240, height: 260 },
  }),
  inPrompt('knock-rtl', knocking, { path: 'prompt.html?with=b0b&by=user', rtl: true }),

  inChat('open', conversation()),
  inChat('open-dark', conversation(), { dark: true }),
  inChat('open-forced', conversation(), { forced: true }),
  inChat('open-rtl', conversation(), { rtl: true }),
  inChat('narrow', conversation(), { size: { width: 300, height: 320 } }),
  inChat('firefox', conversation(), { size: { width: 360, height: 394 } }),
  inChat('tab', conversation(), { size: { width: 1100, height: 700 } }),
  inChat('stuck', stuck),
  inChat('stuck-dark', stuck, { dark: true }),
  inChat('hostile', hostile),
  inChat('hostile-end', hostile, {
    act: (page) => page.getByRole('log').evaluate((element) => element.scrollTo(0, 99999)),
  }),
  inChat('new', fewNew),
  inChat('long', long),
  inChat('long-up', long, {
    act: async (page) => {
      await page.getByRole('log').evaluate((element) => element.scrollTo(0, 0))
      await page.waitForTimeout(300)
    },
  }),
  inChat('guarded', conversation(), { path: 'chat.html?with=bob&by=network' }),
  inChat('typed', conversation({ presence: [] }), {
    act: (page) =>
      page
        .getByRole('textbox', { name: 'Message' })
        .fill(Array.from({ length: 9 }, (_, at) => `Line ${at + 1} of what I want to say`).join('\n')),
  }),
  inChat('too-long', conversation(), {
    act: (page) => page.getByRole('textbox', { name: 'Message' }).fill('x'.repeat(4012)),
  }),
  inChat('nearly', conversation({ status: status(connection(), 'refuse'), presence: [] }), {
    act: (page) => page.getByRole('textbox', { name: 'Message' }).fill('x'.repeat(3950)),
  }),
  inChat('empty', conversation({ messages: [], conversations: [], typing: [] })),
  inChat(
    'not-connected',
    conversation({ status: status(connection({ state: 'waiting', heardAt: now - 200_000 })) }),
  ),
  inChat('none', conversation({ roster: [], presence: [], typing: [] })),
  inChat(
    'asking',
    conversation({ roster: [buddy('bob', { relation: 'asking' })], messages: [], presence: [], typing: [] }),
  ),
  inChat(
    'asked',
    conversation({
      roster: [buddy('bob', { relation: 'asked', knock: { text: 'It is me, Bob', at: now } })],
      messages: [],
      presence: [],
      typing: [],
    }),
    { dark: true },
  ),
  inChat('rich', rich),
  inChat('rich-dark', rich, { dark: true }),
  inChat('rich-forced', rich, { forced: true }),
  inChat('rich-rtl', rich, { rtl: true }),
  inChat('rich-up', rich, {
    act: (page) => page.getByRole('log').evaluate((element) => element.scrollTo(0, 0)),
  }),
  inChat('rich-narrow', rich, { size: { width: 300, height: 320 } }),
  inChat('rich-bar', rich, { act: (page) => last(page).hover() }),
  inChat('rich-focus', rich, {
    act: async (page) => {
      await page.getByRole('log').focus()
      await page.keyboard.press('ArrowUp')
    },
  }),
  inChat('message-menu', rich, {
    act: async (page) => {
      await page.getByRole('log').focus()
      await page.keyboard.press('ArrowUp')
      await page.keyboard.press('ArrowUp')
      await page.keyboard.press('Enter')
    },
  }),
  inChat('message-menu-dark', rich, {
    dark: true,
    act: async (page) => {
      await last(page).hover()
      await last(page).getByRole('button', { name: 'Message menu' }).click()
    },
  }),
  inChat('session-menu', rich, {
    act: async (page) => {
      await page.getByRole('heading', { name: /13:01|14:01|2:01/ }).hover()
      await page
        .getByRole('button', { name: /^Session/ })
        .last()
        .click()
    },
  }),
  inChat('earlier', rich, { act: (page) => page.getByRole('button', { name: 'edited' }).click() }),
  inChat('retract', rich, {
    act: async (page) => {
      const mine = page.getByRole('article').filter({ hasText: 'I said so' })
      await mine.hover()
      await mine.getByRole('button', { name: 'Message menu' }).click()
      await page.getByRole('menuitem', { name: 'Delete for everyone' }).click()
    },
  }),
  inChat('replying', rich, {
    act: async (page) => {
      await last(page).hover()
      await last(page).getByRole('button', { name: 'Reply', exact: true }).click()
      await page.locator('.composer textarea:focus').waitFor()
    },
  }),
  inChat('editing', rich, {
    act: async (page) => {
      await page.getByRole('textbox', { name: 'Message' }).focus()
      await page.keyboard.press('ArrowUp')
    },
  }),
  inChat('completion', rich, {
    act: async (page) => {
      await page.getByRole('textbox', { name: 'Message' }).pressSequentially('well :sm')
      await page.getByRole('listbox').waitFor()
    },
  }),
  inChat('emoji', rich, {
    act: async (page) => {
      await page.getByRole('button', { name: 'Emoji' }).click()
      await page.getByRole('button', { name: 'grinning face', exact: true }).waitFor()
    },
  }),
  inChat('emoji-dark', rich, {
    dark: true,
    act: async (page) => {
      await page.getByRole('button', { name: 'Emoji' }).click()
      await page.getByRole('textbox', { name: 'Search emoji' }).fill('cat')
    },
  }),
  inChat('emoji-narrow', rich, {
    size: { width: 300, height: 320 },
    act: (page) => page.getByRole('button', { name: 'Emoji' }).click(),
  }),
  inChat('safety-number', rich, { act: compare }),
  inChat('safety-number-dark', verified, { dark: true, act: compare }),
  inChat('safety-number-narrow', rich, { size: { width: 300, height: 320 }, act: compare }),
  inChat('safety-number-rtl', verified, { rtl: true, act: compare }),
  inChat('keys', keysChanged),
  inChat('keys-dark', keysChanged, { dark: true }),
  inChat('keys-narrow', keysChanged, { size: { width: 300, height: 420 } }),
  inChat('keys-rtl', keysChanged, { rtl: true }),
  inChat('block', rich, {
    act: async (page) => {
      await page.getByRole('button', { name: 'More' }).click()
      await page.getByRole('menuitem', { name: 'Block' }).click()
    },
  }),
  inChat('blocked', conversation({ roster: [buddy('bob', { blocked: true })], typing: [] })),
  inChat('history', coming(conversation())),
  inChat('history-dark', coming(conversation()), { dark: true }),
  inChat('history-rtl', coming(conversation()), { rtl: true }),
  inChat('history-small', coming(conversation()), { size: { width: 300, height: 320 } }),
  inChat('menu', conversation(), { act: (page) => page.getByRole('button', { name: 'More' }).click() }),
  inChat('database', signedOut, { brokenDatabase: 'QuotaExceededError', dark: true }),
  inChat('signed-out', signedOut),
]
