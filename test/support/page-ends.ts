/** What a page talks to, without a browser: a database in memory, a background that notes what it is asked, a clock. */
// First: Dexie looks for an IndexedDB while it is loaded.
import 'fake-indexeddb/auto'
import { signal } from '@preact/signals'
import type { AccountId, UserId } from '#shared/ids'
import {
  CommandError,
  type CommandCode,
  type CommandName,
  type Commands,
} from '../../extension/bus/commands.ts'
import {
  openDb,
  type AccountRow,
  type ConnectionRow,
  type ConversationRow,
  type MessageRow,
  type PresenceRow,
  type RosterRow,
} from '../../extension/db/db.ts'
import { changed, settingsKey, type SettingsChange } from '../../extension/db/settings.ts'

export const now = 1_800_000_000_000
export const user = (name: string) => name as UserId
export const relay = 'https://relay.example'

export const account = {
  key: 'me',
  user: user('alice'),
  acct: 'A'.repeat(22) as AccountId,
  relay,
  device: 'AAAAAAAAAAA',
  list: { devices: [{ id: 'AAAAAAAAAAA', name: 'Firefox on Linux' }] },
} as unknown as AccountRow

export const connected: ConnectionRow = {
  key: 'connection',
  state: 'connected',
  heardAt: now,
  skew: 0,
  live: true,
}
export const buddy = (name: string, rest: Partial<RosterRow> = {}): RosterRow => ({
  peer: user(name),
  relation: 'buddies',
  muted: false,
  blocked: false,
  version: 1,
  ...rest,
})
export const present = (name: string, show: PresenceRow['show'] = 'online'): PresenceRow => ({
  peer: user(name),
  show,
  until: now + 60_000,
  version: 1,
})
export const conversation = (name: string, rest: Partial<ConversationRow> = {}): ConversationRow => ({
  peer: user(name),
  readTs: 0,
  readSentTs: 0,
  delivered: 0,
  read: 0,
  except: [],
  unread: 0,
  ...rest,
})
export const message = (name: string, rest: Partial<MessageRow> = {}): MessageRow => ({
  from: user(name),
  id: `${name} ${rest.ts ?? now}` as MessageRow['id'],
  peer: user(name),
  ts: now,
  direction: 'in',
  kind: 'message',
  content: { type: 'text', text: 'hello' },
  at: now,
  ...rest,
})

/** A call of a command, as its name and what came with it. */
export type Call = [CommandName, ...unknown[]]

let count = 0

/** `signedIn`: Alice is, and connected. */
export async function pageEnds({ signedIn = true } = {}) {
  const db = openDb(`page ${++count}`)
  if (signedIn) {
    await db.account.put(account)
    await db.status.put(connected)
  }
  const calls: Call[] = []
  const answers: Partial<Record<CommandName, (...args: never[]) => unknown>> = {
    devices: () => [],
    // The one thing that a page waits for in the database.
    changeSettings: async (change: SettingsChange) => {
      const before = (await db.settings.get(settingsKey))?.value
      await db.settings.put({ key: settingsKey, value: changed(before, change) })
    },
  }
  const commands = new Proxy({} as Commands, {
    get:
      (_, name: CommandName) =>
      async (...args: unknown[]) => {
        calls.push([name, ...args])
        return (answers[name] as ((...given: unknown[]) => unknown) | undefined)?.(...args)
      },
  })
  const timers: (() => void)[] = []
  return {
    db,
    commands,
    calls,
    /** What was asked for under this name, each time. */
    asked: (name: CommandName) => calls.filter(([called]) => called === name).map(([, ...args]) => args),
    answer(name: CommandName, how: (...args: never[]) => unknown) {
      answers[name] = how
    },
    refuse(name: CommandName, code: CommandCode) {
      answers[name] = () => Promise.reject(new CommandError(code))
    },
    set: (change: SettingsChange) => commands.changeSettings(change).then(() => void calls.pop()),
    clock: {
      now: () => now,
      seconds: signal(now),
      after(_: number, run: () => void) {
        timers.push(run)
        return () => void timers.splice(timers.indexOf(run), 1)
      },
    },
    /** Whatever waits for time to pass, has waited long enough. */
    passTime() {
      for (const run of timers.splice(0)) run()
    },
  }
}
export type PageEnds = Awaited<ReturnType<typeof pageEnds>>
