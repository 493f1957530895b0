/** The background's end of the bus: one request in, one answer out, and never an exception. */
import * as v from 'valibot'
import { slotNames } from '#shared/account'
import { Target } from '#shared/content'
import { Mode } from '#shared/frames'
import { accountId, bytes, count, deviceId, envelopeId, millis, statusText, userId } from '#shared/schema'
import { SettingsChange } from '../db/settings.ts'
import { CommandError, type CommandName, type Commands, type Response } from './commands.ts'

const sign = {
  relay: v.pipe(v.string(), v.maxLength(300)),
  relayId: bytes(32),
  user: userId,
  root: bytes(32),
  deviceName: v.pipe(v.string(), v.maxLength(60)),
}
const proof = v.object({ root: sign.root, slot: v.picklist(slotNames) })
const text = v.pipe(v.string(), v.maxLength(4000))

/** What each command may be called with. Only our own pages can call, but a page may be older than we are. */
const argumentsOf = {
  wake: v.tuple([]),
  connectNow: v.tuple([]),
  relayInfo: v.tuple([sign.relay]),
  signUp: v.tuple([v.object({ ...sign, invite: v.optional(v.pipe(v.string(), v.maxLength(100))) })]),
  signIn: v.tuple([v.object({ ...sign, slot: v.picklist(slotNames) })]),
  signInAgain: v.tuple([proof]),
  deleteAccount: v.tuple([proof]),
  signOut: v.tuple([]),
  devices: v.tuple([]),
  removeDevice: v.tuple([deviceId, proof]),
  devicesSeen: v.tuple([]),
  changePassword: v.tuple([proof, sign.root]),
  newRecoveryCode: v.tuple([proof]),
  nudge: v.tuple([]),
  retry: v.tuple([envelopeId]),
  discard: v.tuple([envelopeId]),
  knock: v.tuple([
    userId,
    v.object({
      text: v.optional(text),
      reason: v.optional(text),
      page: v.optional(text),
      bare: v.optional(v.boolean()),
      invite: v.optional(v.object({ token: bytes(16), acct: accountId })),
    }),
  ]),
  accept: v.tuple([userId]),
  answer: v.union([
    v.strictTuple([userId, v.picklist(['accepted', 'later', 'rejected'])]),
    v.tuple([userId, v.literal('rejected'), text]),
  ]),
  endConversation: v.tuple([userId]),
  hide: v.tuple([userId, v.array(Target)]),
  markUnread: v.tuple([userId, v.boolean()]),
  changeSettings: v.tuple([SettingsChange]),
  setPolicy: v.tuple([
    v.object({
      reach: v.optional(v.picklist(['everyone', 'buddies', 'invite'])),
      reads: v.optional(v.boolean()),
    }),
  ]),
  newInvite: v.tuple([]),
  dropInvite: v.tuple([]),
  safetyNumber: v.tuple([userId]),
  trustAccount: v.tuple([userId, accountId]),
  askForMessage: v.tuple([userId, envelopeId]),
  roster: v.tuple([
    userId,
    v.picklist(['withdraw', 'reject', 'remove', 'block', 'unblock', 'mute', 'unmute']),
  ]),
  setPresence: v.tuple([
    v.object({
      mode: v.optional(Mode),
      status: v.optional(statusText),
      until: v.optional(v.nullable(millis)),
    }),
  ]),
  file: v.tuple([
    v.pipe(v.string(), v.maxLength(100)),
    v.picklist(['fetch', 'pause', 'cancel', 'decline', 'free']),
  ]),
  read: v.tuple([userId, count]),
  typing: v.tuple([userId, v.picklist(['composing', 'paused'])]),
  openChat: v.tuple([userId]),
} satisfies Record<CommandName, v.GenericSchema>

const isCommand = (name: unknown): name is CommandName =>
  typeof name === 'string' && Object.hasOwn(argumentsOf, name)

/** Whether a message is meant for the bus: other messages may come one day. */
export const isRequest = (message: unknown): message is { command: unknown; args: unknown } =>
  typeof message === 'object' && message !== null && 'command' in message

export async function answer(
  commands: Commands,
  request: { command: unknown; args: unknown },
): Promise<Response> {
  const { command, args } = request
  if (!isCommand(command)) return { ok: false, code: 'bad-request', detail: `no command ${String(command)}` }
  const parsed = v.safeParse(argumentsOf[command], args)
  if (!parsed.success) {
    return { ok: false, code: 'bad-request', detail: `${command}: ${parsed.issues[0].message}` }
  }
  try {
    const run = commands[command] as (...values: unknown[]) => Promise<unknown>
    return { ok: true, value: (await run(...parsed.output)) ?? null }
  } catch (error) {
    if (!(error instanceof CommandError)) {
      console.error(error)
      return { ok: false, code: 'internal-server-error', detail: String(error) }
    }
    const { code, message, retryAfterMs } = error
    return { ok: false, code, detail: message, ...(retryAfterMs !== undefined && { retryAfterMs }) }
  }
}
