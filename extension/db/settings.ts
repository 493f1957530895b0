/**
 * Everything a person has chosen, for all of their devices. It travels through the room as one sealed blob with a
 * version (compare and set). What was changed here and is not confirmed yet is kept as a list of changes: whatever
 * another device made of the settings meanwhile, ours come on top.
 *
 * What a newer Parley has added is kept as it is, and what cannot be right is replaced by its default.
 */
import * as v from 'valibot'
import type { UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { accountId, bytes } from '#shared/schema'
import type { Db } from './db.ts'

/** How a message arrives: a window holds it, a prompt asks first, or only the badge tells. */
export const arrivals = ['window', 'prompt', 'badge'] as const
export type Arrival = (typeof arrivals)[number]
/** What a notification gives away. */
export const previews = ['text', 'name', 'nothing'] as const
export type Preview = (typeof previews)[number]

/** MB of files on this device. */
export const filesKept = [100, 500, 2000, 10_000] as const

/** Minutes since midnight, by the clock of the device. */
const minuteOfDay = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(24 * 60 - 1))
const shortText = v.pipe(v.string(), v.maxLength(4 * limits.displayNameCharsMax))

/** What may differ for one buddy; whatever is not there follows the general settings. */
const buddyFields = {
  /** What I call them; nobody else sees it. */
  nickname: v.optional(shortText),
  isFavourite: v.optional(v.boolean()),
  group: v.optional(shortText),
  arrival: v.optional(v.picklist(arrivals)),
  preview: v.optional(v.picklist(previews)),
  sound: v.optional(v.boolean()),
  /** Tell me once when they come online. */
  tellOnline: v.optional(v.boolean()),
  /** Every session is forgotten here when it ends. */
  forgets: v.optional(v.boolean()),
  /** False: what is said with them is kept on the devices that are there, and nowhere for those that come later. */
  keepsHistory: v.optional(v.boolean()),
  /** The account whose safety number was compared: of another one behind the same name it says nothing. */
  verified: v.optional(accountId),
}
export type BuddySettings = v.InferOutput<v.ObjectSchema<typeof buddyFields, undefined>>
const forBuddy: v.GenericSchema<unknown, BuddySettings> = v.fallback(v.looseObject(buddyFields), {})

const fields = {
  /** What I call myself. Goes with my knocks and answers. */
  displayName: v.fallback(shortText, ''),
  /** Null: what suits this browser (`defaultArrival`). */
  arrival: v.fallback(v.nullable(v.picklist(arrivals)), null),
  /** Does the prompt show what they wrote? */
  promptText: v.fallback(v.boolean(), true),
  preview: v.fallback(v.picklist(previews), 'text'),
  sound: v.fallback(v.boolean(), true),
  notifications: v.fallback(v.boolean(), true),
  quietHours: v.fallback(v.nullable(v.object({ from: minuteOfDay, to: minuteOfDay })), null),
  /** How long my other devices wait while I am at one of them. */
  otherDevicesWaitS: v.fallback(v.picklist([0, 30, 144]), 30),
  /** Minutes without a touch until I am idle; 0 is never. */
  idleMinutes: v.fallback(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(30)), 5),
  /** Do others see that I type, and do I see it of them? */
  typing: v.fallback(v.boolean(), true),
  /** Are they told that I have left a conversation? */
  tellsLeave: v.fallback(v.boolean(), true),
  /** Is what was said kept at the relay, sealed, for a device that I add later? */
  keepsHistory: v.fallback(v.boolean(), true),
  /** Do pictures of buddies come by themselves, up to 5 MB? */
  picturesCome: v.fallback(v.boolean(), true),
  /** So many MB of files are kept here; those that were not looked at for longest make room. */
  filesKeptMb: v.fallback(v.picklist(filesKept), 500),
  /** Own groups of the list, in their order. */
  groups: v.fallback(v.array(shortText), []),
  /** My invite link's secret half; the relay knows its hash only. */
  invite: v.fallback(v.nullable(v.object({ token: bytes(16), at: v.number() })), null),
  /** What I call my devices, by their ids: the list's own names are nobody's word. */
  deviceNames: v.fallback(v.record(v.string(), shortText), {}),
  /** Whose account a name is, by an invite link or by my own decision: no other one is believed. */
  pins: v.fallback(v.record(v.string(), accountId), {}),
  buddies: v.fallback(v.record(v.string(), forBuddy), {}),
}
export type Settings = v.InferOutput<v.ObjectSchema<typeof fields, undefined>>
const Settings: v.GenericSchema<unknown, Settings> = v.looseObject(fields)

/** A change: of general settings, and of single fields for single buddies; `undefined` and null take a field away. */
export interface SettingsChange extends Partial<Omit<Settings, 'buddies'>> {
  buddies?: Record<string, { [Field in keyof BuddySettings]?: BuddySettings[Field] | null }>
}

export const SettingsChange: v.GenericSchema<unknown, SettingsChange> = v.partial(
  v.looseObject({
    ...fields,
    buddies: v.record(v.string(), v.record(v.string(), v.unknown())),
  }),
) as never

export const defaultSettings: Settings = v.parse(Settings, {})

/** What is stored, made whole. */
export const readSettings = (value: unknown): Settings =>
  v.parse(Settings, typeof value === 'object' && value !== null ? value : {})

/** The settings with a change applied; what the change does not name stays as it is. */
export function changed(settings: unknown, { buddies = {}, ...general }: SettingsChange): Settings {
  const before = readSettings(settings)
  const after: Record<string, BuddySettings> = { ...before.buddies }
  for (const [peer, change] of Object.entries(buddies)) {
    const kept = Object.entries({ ...after[peer], ...change }).filter(([, value]) => value != null)
    if (kept.length === 0) delete after[peer]
    else after[peer] = Object.fromEntries(kept)
  }
  return readSettings({ ...(settings as object), ...general, buddies: after })
}

/** Key of `settings`: what all devices agree on as far as this one knows, with this one's own changes on top. */
export const settingsKey = 'current'

export const settingsOf = async (db: Db): Promise<Settings> =>
  readSettings((await db.settings.get(settingsKey))?.value)

/** Whether what is said with them goes into the archive, and my mailbox device into the sessions with them. */
export const isArchived = ({ keepsHistory, buddies }: Settings, peer: UserId): boolean =>
  keepsHistory && buddies[peer]?.keepsHistory !== false && !buddies[peer]?.forgets

/** How messages of this person arrive: as chosen for them, or in general, or as it suits the browser. */
export const arrivalOf = (settings: Settings, peer: UserId, defaultArrival: Arrival): Arrival =>
  settings.buddies[peer]?.arrival ?? settings.arrival ?? defaultArrival
