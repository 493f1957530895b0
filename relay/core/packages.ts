/**
 * Key packages that wait for whoever wants to write to a device. Each has a row of its own, so that giving one away
 * is cheap; a device's row says which wait. A one-time package is given away once: the commit that shows it to
 * somebody is the one that removes it.
 */
import { hashOf, type DeviceList } from '#shared/account'
import { fromBase64, utf8 } from '#shared/bytes'
import { ProtocolError } from '#shared/errors'
import type { ClientFrameOf } from '#shared/frames'
import type { DeviceId, Millis, UserId } from '#shared/ids'
import { keyPackageUpBytes, type ClaimedPackage, type KeyPackageUp } from '#shared/keys'
import { limits } from '#shared/limits'
import type { ConnectionId, Env } from './ports.ts'
import { keys, type DropsRow, type PackagesRow } from './rows.ts'
import { deviceOf, done, saveMeta, send, wake, type Turn } from './turn.ts'

/** What there is of a turn also while an account is being made. */
type Place = Pick<Turn, 'tx' | 'meta'>

// --- Uploading -------------------------------------------------------------------------------------------

/** A device brings packages for itself or for `@` (KY1, KY2). */
export async function onKeys(
  { request, up, replace }: ClientFrameOf<'keys'>,
  connection: ConnectionId,
  turn: Turn,
) {
  const { env, meta } = turn
  const device = (await deviceOf(turn, turn.sockets.get(connection)!.device!))!
  const isOwn = up.device === device.id || (up.device === '@' && (await deviceOf(turn, up.device)))
  if (!isOwn) throw new ProtocolError('forbidden', 'packages of another device')
  const isSigned = await env.verify(
    fromBase64(device.dak),
    keyPackageUpBytes(meta.acct, up),
    fromBase64(up.sig),
  )
  if (!isSigned) throw new ProtocolError('forbidden', 'signature')
  checkExpiry(up, env)
  await dropLater(turn, await putPackages(turn, up, replace))
  saveMeta(turn)
  send(turn, connection, { type: 'ok', request })
}

function checkExpiry({ exp }: KeyPackageUp, { now }: Env) {
  if (exp <= now) throw new ProtocolError('bad-request', 'expired already')
}

/** What comes with a list is of devices in that list, and signed by one of them (KY4). */
export async function checkFirstPackages(ups: readonly KeyPackageUp[], list: DeviceList, env: Env) {
  for (const up of ups) {
    if (!list.devices.some(({ id }) => id === up.device))
      throw new ProtocolError('bad-request', 'packages of a device that is not in the list')
    // `@` cannot sign: any device of the account does it for it.
    const signers = list.devices.filter(
      ({ id, dak }) => dak !== '' && (id === up.device || up.device === '@'),
    )
    const message = keyPackageUpBytes(list.acct, up)
    const signed = await Promise.all(
      signers.map(({ dak }) => env.verify(fromBase64(dak), message, fromBase64(up.sig))),
    )
    if (!signed.includes(true)) throw new ProtocolError('forbidden', 'signature of the packages')
    checkExpiry(up, env)
  }
}

/** As many as an answer that was lost may make a device upload again. */
const printsMax = 128

/**
 * Adds packages to those that wait, or puts them in their place. What was accepted lately is not accepted again, so
 * an upload may be repeated and nothing is given away a second time. The caller saves `meta`.
 * @returns The numbers of packages that no longer wait.
 */
export async function putPackages(
  { tx, meta }: Place,
  { device, oneTime, lastResort, exp }: KeyPackageUp,
  replace: boolean,
): Promise<number[]> {
  const row = await tx.get<PackagesRow>(keys.packages(device))
  const before = row?.waiting ?? []
  const prints = oneTime.map(printOf)
  const accepted = new Set(row?.accepted)
  const waiting = before.filter(([, , print]) => !replace || prints.includes(print))
  for (const [i, text] of oneTime.entries()) {
    const print = prints[i]!
    if (accepted.has(print)) continue
    accepted.add(print)
    const n = (meta.packages ?? 0) + 1
    meta.packages = n
    tx.put(keys.package(n), text)
    waiting.push([n, exp, print])
  }
  const kept = waiting.slice(-limits.keyPackagesMax) // the oldest go: the newest are good for longest
  const next: PackagesRow = {
    lastResort,
    waiting: kept,
    accepted: [...accepted].slice(-printsMax),
    given: row?.given ?? [],
  }
  tx.put(keys.packages(device), next)
  const numbers = new Set(kept.map(([n]) => n))
  return before.map(([n]) => n).filter((n) => !numbers.has(n))
}

/** Forty-eight bits are enough to know one's own again; they need not withstand anybody. */
const printOf = (text: string) => hashOf(utf8(text)).slice(0, 8)

/** How many one-time packages each of these devices has left. */
export async function packagesLeft({ tx, env }: Turn, ...devices: DeviceId[]): Promise<number[]> {
  const rows = await tx.getMany<PackagesRow>(devices.map(keys.packages))
  return devices.map((device) => {
    const { waiting = [] } = rows.get(keys.packages(device)) ?? {}
    return waiting.filter(([, exp]) => exp > env.now).length
  })
}

// --- Giving away -----------------------------------------------------------------------------------------

/**
 * One package for each device that has any: a one-time one, which is then gone, or else the last resort. Nobody gets
 * more than one one-time package of a device in a while: so nobody uses them up alone (KY8).
 */
export async function takePackages(
  turn: Turn,
  devices: readonly DeviceId[],
  claimer: UserId,
): Promise<ClaimedPackage[]> {
  const { tx, env } = turn
  const rows = await tx.getMany<PackagesRow>(devices.map(keys.packages))
  const taken: { device: DeviceId; lastResort: string; n: number | null }[] = []
  const expired: number[] = []
  for (const device of devices) {
    const row = rows.get(keys.packages(device))
    if (!row) continue
    const before = row.waiting.length
    const n = takeFrom(row, claimer, env.now, expired)
    taken.push({ device, lastResort: row.lastResort, n })
    if (row.waiting.length < before) tx.put(keys.packages(device), row)
  }
  const numbers = taken.flatMap(({ n }) => (n === null ? [] : [keys.package(n)]))
  const found = numbers.length > 0 ? await tx.getMany<string>(numbers) : new Map<string, string>()
  for (const key of numbers) tx.delete(key)
  await dropLater(turn, expired)
  return taken.map(({ device, lastResort, n }) => ({
    device,
    package: (n === null ? undefined : found.get(keys.package(n))) ?? lastResort,
  }))
}

/** The number of the package that the claimer gets; null when it is the last resort. */
function takeFrom(row: PackagesRow, claimer: UserId, now: Millis, expired: number[]): number | null {
  for (const [n, exp] of row.waiting) if (exp <= now) expired.push(n)
  row.waiting = row.waiting.filter(([, exp]) => exp > now)
  row.given = row.given.filter(([, at]) => at > now - limits.keyPackageEveryMs)
  if (row.given.some(([user]) => user === claimer)) return null
  const first = row.waiting.shift()
  if (!first) return null
  row.given.push([claimer, now])
  return first[0]
}

// --- Dropping --------------------------------------------------------------------------------------------

/** The device is no longer in the list, or is another one under the same name: its packages are nobody's (KY5). */
export async function dropPackages(turn: Turn, device: DeviceId) {
  const row = await turn.tx.get<PackagesRow>(keys.packages(device))
  if (!row) return
  turn.tx.delete(keys.packages(device))
  await dropLater(
    turn,
    row.waiting.map(([n]) => n),
  )
}

/** After a restore nobody knows which were given away since the backup: none of them is given again (KY6). */
export async function dropOneTimePackages(turn: Turn) {
  const rows = await turn.tx.list<PackagesRow>({ prefix: 'keys:', limit: limits.devicesMax + 1 })
  for (const [key, row] of rows) {
    turn.tx.put(key, { ...row, waiting: [] } satisfies PackagesRow)
    await dropLater(
      turn,
      row.waiting.map(([n]) => n),
    )
  }
}

/** They wait no longer; their rows go some at a time, because a batch is not large enough for all of them. */
export async function dropLater(turn: Turn, numbers: readonly number[]) {
  if (numbers.length === 0) return
  const before = (await turn.tx.get<DropsRow>(keys.drops)) ?? []
  turn.tx.put(keys.drops, [...before, ...numbers] satisfies DropsRow)
  wake(turn, 'packages', turn.env.now)
}

const dropsPerEvent = 40

export async function dropRest(turn: Turn) {
  done(turn, 'packages')
  const numbers = (await turn.tx.get<DropsRow>(keys.drops)) ?? []
  for (const n of numbers.slice(0, dropsPerEvent)) turn.tx.delete(keys.package(n))
  const rest = numbers.slice(dropsPerEvent)
  if (rest.length === 0) return turn.tx.delete(keys.drops)
  turn.tx.put(keys.drops, rest satisfies DropsRow)
  wake(turn, 'packages', turn.env.now)
}
