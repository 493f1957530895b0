/** What happens in the various kinds of histories, and what has to be so in the end. */
import { hashOf } from '#shared/account'
import { fromBase64 } from '#shared/bytes'
import { reaches } from '#shared/frames'
import type { UserId } from '#shared/ids'
import { keys } from '../../relay/core/rows.ts'
import { must } from './checks.ts'
import { day, minute, otherToken, second, token, type Backup, type History } from './history.ts'
import type { SimRoom } from './room.ts'
import { calm, type Faults } from './faults.ts'
import { checkAll, checkDrained, checkPresence, checkRelations, checkSpace, relationIn } from './peace.ts'
import type { Device } from './people.ts'

/** `restores`: rooms are put back to backups. `knocks`: people meet and part. `farewell`: one of them goes for good. */
export const modes = ['plain', 'restores', 'knocks', 'farewell', 'engine'] as const
export type Mode = (typeof modes)[number]

export interface Plan {
  operations: number
  faults: Faults
  /** Operations that are left out, by number. */
  skip: ReadonlySet<number>
}

export async function live(history: History, mode: Mode, { faults, ...plan }: Plan) {
  const { relay } = history
  await history.begin({ strangers: mode === 'knocks', old: faults.newer > 0 })
  relay.faults = faults
  history.setClocks()
  await stories[mode](history, plan)
}

type Story = (history: History, plan: Omit<Plan, 'faults'>) => Promise<void>

const stories: Record<Mode, Story> = {
  async plain(history, plan) {
    await misfortune(history, plan, anything)
    await comeRight(history)
    await grow(history)
  },
  async engine(history, plan) {
    await misfortune(history, plan, anything)
    await comeRight(history)
  },
  async restores(history, plan) {
    const backups: Backups = new Map()
    await misfortune(history, plan, async (device, peer) => {
      await anything(device, peer, history, { blocks: false })
      await maybeRestore(history, backups)
    })
    // A version of presence is a time: with a clock set back and nobody who says so, watchers know a later one.
    const isBack = history.world.counts.has('silent restore') && history.world.counts.has('clock jump')
    await comeRight(history, { seen: !isBack })
  },
  async knocks(history, plan) {
    await misfortune(history, plan, acquaintance, 3 * second)
    history.relay.faults = calm
    await history.settleKnocks((device, peer) => presume(history, device, peer))
    for (const device of history.devices) checkDrained(history, device)
    checkRelations(history)
  },
  async farewell(history, plan) {
    await misfortune(history, { ...plan, operations: plan.operations / 3 }, anything)
    const { world } = history
    const leaver = world.pick(history.people)
    await history.deleteAccount(leaver)
    await misfortune(history, { ...plan, operations: plan.operations / 3 }, anything)
    history.relay.faults = calm
    await mourn(history, leaver)
    await comeRight(history)
    await succeed(history, leaver)
  },
}

// --- Misfortune --------------------------------------------------------------------------------------------

type Operation = (device: Device, peer: UserId, history: History) => Promise<void> | void

async function misfortune(
  history: History,
  { operations, skip }: Omit<Plan, 'faults'>,
  operate: Operation,
  pauseMs = 2 * second,
) {
  const { world, relay } = history
  for (let i = 0; i < operations; i++) {
    await history.run(world.upTo(world.chance(0.1) ? 30 * second : pauseMs))
    if (skip.has(i)) continue
    if (world.chance(relay.faults.clockJump)) {
      world.note('clock jump')
      world.pick(history.rooms).setClock(world.upTo(10 * minute) - 5 * minute)
    }
    const device = world.pick(history.devices.filter(({ user }) => !relay.gone.has(user)))
    const peer = world.pick(history.people.filter((user) => user !== device.user))
    await operate(device, peer, history)
  }
}

async function anything(device: Device, peer: UserId, history: History, { blocks = true } = {}) {
  const { world } = history
  if (world.chance(0.1)) device.claim(world.pick(history.people))
  const dice = world.random()
  if (dice < 0.06) device.send(device.user, 'control')
  else if (dice < 0.09) device.policy({ reads: world.chance(0.5) })
  else if (dice < 0.62) for (let n = world.upTo(world.chance(0.1) ? 40 : 3); n >= 0; n--) device.send(peer)
  else if (dice < 0.74) device.read(peer)
  else if (dice < 0.8) device.wire.turnOff()
  else if (dice < 0.9) device.wire.turnOn()
  else if (dice < 0.94) device.mode(world.pick(['auto', 'away', 'dnd', 'invisible']))
  else if (!blocks) device.read(peer) // a block that comes and goes with backups says nothing about what is lost
  else device.roster(dice < 0.97 ? 'block' : 'unblock', peer)
}

/** What people who may not know each other do, by what each device believes of the other person. */
function acquaintance(device: Device, peer: UserId, history: History) {
  const { world } = history
  const dice = world.random()
  if (dice < 0.08) device.wire.turnOff()
  else if (dice < 0.22) device.wire.turnOn()
  else if (dice < 0.28) device.policy({ reach: world.pick(reaches) })
  else if (dice < 0.32) device.policy({ invite: world.pick([null, hashOf(fromBase64(token))]) })
  else if (dice < 0.38) device.roster(world.pick(['block', 'unblock']), peer)
  else meet(history, device, peer)
}

/** Does what one may do with a person of that relation, or tries. */
function meet({ relay, world }: History, device: Device, peer: UserId) {
  relay.rooms.get(device.user)!.rows.delete(keys.quota) // every one of these is another day
  const relation = device.kept.relations.get(peer) ?? 'none'
  const dice = world.random()
  if (relation === 'buddies' && dice < 0.3) device.roster('remove', peer)
  else if (relation === 'buddies') device.send(peer)
  else if (relation === 'asked' && dice < 0.4) device.send(peer, 'accept')
  else if (relation === 'asked' && dice < 0.7) device.roster('reject', peer)
  else if (relation === 'asking' && dice < 0.5) device.roster('withdraw', peer)
  else {
    const payload = world.chance(0.3) ? { payload: '' } : {}
    const invite = world.chance(0.4) ? { invite: world.pick([token, otherToken]) } : {}
    device.send(peer, 'knock', { ...payload, ...invite })
  }
}

/** Of a room; of all rooms together under the name of the first, where they are in one process. */
type Backups = Map<UserId, Backup[][]>

/** Takes a backup now and then, and more seldom puts one back. */
async function maybeRestore(history: History, backups: Backups) {
  const { world, rooms } = history
  const chosen = history.relay.process ? rooms : [world.pick(rooms)]
  const [{ user }] = chosen as [SimRoom]
  const kept = backups.get(user) ?? []
  if (world.chance(0.1))
    backups.set(user, [...kept, chosen.map((room) => ({ room, rows: new Map(room.rows) }))])
  if (kept.length === 0 || !world.chance(0.03)) return
  const which = world.upTo(kept.length - 1)
  // Backups that are newer belong to a history that never was: to put one of those back later can lose something.
  backups.set(user, kept.slice(0, which + 1))
  const silent = world.chance(0.3)
  world.note(silent ? 'silent restore' : 'restore', user)
  await history.restore(kept[which]!, silent)
}

// --- Peace -------------------------------------------------------------------------------------------------

async function comeRight(history: History, { seen = true } = {}) {
  history.relay.faults = calm
  await history.settleDown()
  checkAll(history)
  if (seen) await checkPresence(history)
}

/** Acts on what is believed: whoever is wrong learns it by that. */
function presume({ relay }: History, device: Device, peer: UserId) {
  const relation = relationIn(relay, device.user, peer)
  if (relation === 'buddies') device.send(peer)
  if (relation === 'asked') device.send(peer, 'accept')
}

/** Days later nothing is left that nobody needs (L5), and it goes on where it ended. */
async function grow(history: History) {
  const { world, devices } = history
  for (const device of devices) device.wire.turnOn()
  await history.run(minute)
  for (const device of devices) device.wire.turnOff()
  await history.run(4 * day)
  checkSpace(history)
  world.note('trimmed')
  for (const device of devices) device.wire.turnOn()
  await history.run(minute)
  const [[a, b]] = history.pairs() as [[UserId, UserId]]
  history.first(a).send(b)
  await history.run(minute)
  checkAll(history, { withReads: false })
}

// --- Going for good ----------------------------------------------------------------------------------------

/** Everybody has heard of it. */
async function mourn(history: History, leaver: UserId) {
  for (const user of history.present()) for (const device of history.of(user)) device.wire.turnOn()
  await history.run(10 * minute)
  for (const user of history.present()) {
    const relation = relationIn(history.relay, user, leaver)
    must(relation === 'none', 'S11', () => `${user} still has ${leaver} as ${relation}`)
  }
}

/** Nobody gets the name for a while; who has it then knows nothing of who had it before. */
async function succeed(history: History, name: UserId) {
  for (const device of history.devices) device.wire.turnOff()
  await history.run(30 * day)
  const early = await history.takeName(name, 1)
  must(early.type === 'error', 'S11', () => `the name of ${name} is free too early`)
  await history.run(61 * day)
  const rows = [...history.relay.rooms.get(name)!.rows.keys()]
  must(rows.length === 0, 'L5', () => `of ${name} is left: ${rows}`)
  const late = await history.takeName(name, 2)
  must(late.type === 'registered', 'S11', () => `the name of ${name} is not free: ${JSON.stringify(late)}`)
  history.world.note('another life')
  for (const device of history.devices) device.wire.turnOn()
  await history.run(minute)
  const [other] = history.present().filter((user) => user !== name)
  const { kept } = history.first(name)
  const before = kept.messages.size + kept.relations.size
  must(before === 0, 'S11', () => `the new ${name} has something of the old one`)
  await history.befriend(name, other!)
  history.first(other!).send(name)
  await history.run(minute)
  must(kept.messages.size === 3, 'S11', () => `the new ${name} has ${kept.messages.size} messages, not 3`)
}
