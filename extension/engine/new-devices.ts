/** Other devices of mine that this one had not heard of before: a sign-in that the person should know about. */
import type { Device, DeviceList } from '#shared/account'
import type { Db, DevicesRow } from '../db/db.ts'

const real = ({ devices }: DeviceList): Device[] => devices.filter(({ id }) => id !== '@')

/** At sign-in: whatever is there already is no news. */
export const devicesKnown = (list: DeviceList): DevicesRow => ({
  key: 'devices',
  known: real(list).map(({ id }) => id),
  isNew: [],
})

/**
 * Compares the list with what was known, which is stored: so it does not matter how the list came here, nor whether
 * this device was there then. Each is told once.
 */
export const noteNewDevices = (db: Db): Promise<Device[]> =>
  db.transaction('rw', [db.account, db.status], async () => {
    const account = await db.account.get('me')
    if (!account) return []
    const row = (await db.status.get('devices')) as DevicesRow | undefined
    const devices = real(account.list)
    const added = row ? devices.filter(({ id }) => !row.known.includes(id)) : []
    const isThere = (id: string) => devices.some((device) => device.id === id)
    const isNew = [...(row?.isNew ?? []), ...added.map(({ id }) => id)].filter(isThere)
    await db.status.put({ ...devicesKnown(account.list), isNew })
    return added
  })
