/** How people come to have accounts. Signatures are not what is simulated: they hold, whatever they are. */
import { accountOf, zeroHash, type DeviceList } from '#shared/account'
import type { Register } from '#shared/api'
import { fromBase64, toBase64 } from '#shared/bytes'
import type { AccountReply } from '../../relay/core/ports.ts'
import { limits } from '#shared/limits'
import { keys, type Meta } from '../../relay/core/rows.ts'
import { portionOf, type Device } from './people.ts'
import type { SimRoom } from './room.ts'
import type { World } from './world.ts'

const signature = 'A'.repeat(86)

/** Young accounts may knock so seldom that nothing would happen. */
export function makeOld({ rows }: SimRoom) {
  const meta = JSON.parse(rows.get(keys.meta)!) as Meta
  rows.set(
    keys.meta,
    JSON.stringify({ ...meta, created: meta.created - limits.youngAccountMs } satisfies Meta),
  )
}

export async function register(
  world: World,
  room: SimRoom,
  devices: readonly Device[],
  life = 0,
): Promise<AccountReply> {
  const aik = toBase64(new Uint8Array(32).fill(room.user.charCodeAt(0) + life))
  const list: DeviceList = {
    v: 1,
    acct: accountOf(fromBase64(aik)),
    aik,
    rkpub: '',
    suite: 'none',
    minProto: 1,
    ver: 1,
    prev: zeroHash,
    ts: world.now,
    devices: devices.map(({ id }) => ({ id, dsk: aik, dak: aik, created: world.now, self: signature })),
    sig: signature,
  }
  const bundle = {
    v: 1 as const,
    kdf: { a: 'argon2id' as const, m: 1, t: 1, p: 1 },
    iv: 'A'.repeat(16),
    ct: '',
  }
  const body: Register = {
    user: room.user,
    slots: [{ slot: 'pw', loginKey: aik, bundle }],
    list,
    pow: { salt: 'A'.repeat(22), bits: 0, exp: 0, mac: 'A'.repeat(43), answer: 0 },
    signatures: { login: signature, account: signature },
    keys: devices.map(({ id }) => portionOf(id, 1)),
  }
  return meanwhile(room.core().account({ type: 'register', body }), () => world.runUntil(world.now + 20))
}

/** Lets time pass until the promise has resolved: what a room does takes virtual time. */
export async function meanwhile<T>(doing: Promise<T>, pass: () => Promise<void>): Promise<T> {
  const progress: { result?: { value: T } } = {}
  void doing.then((value) => {
    progress.result = { value }
  })
  while (!progress.result) await pass()
  return progress.result.value
}
