/** Only for tests of cold alarms: the real room, with its ways to other rooms taken away, and time that passes faster. */
import type * as Party from 'partykit/server'
import type { Due, PresenceRow } from '../../../relay/core/rows.ts'
import UserRoom from '../../../relay/partykit/server.ts'

const isTest = (request: Party.Request) => new URL(request.url).pathname.includes('/test/')

export default class ColdRoom extends UserRoom {
  static override onBeforeRequest(request: Party.Request, lobby: Party.Lobby) {
    return isTest(request) ? Promise.resolve(request) : super.onBeforeRequest(request, lobby)
  }

  /** `isolate`: as it is. Otherwise an instance that an alarm has woken is as alone as it may be when deployed. */
  override peers(): Party.Context['parties'] | null {
    return this.cold && this.room.env.TEST_WAY !== 'isolate' ? null : super.peers()
  }

  override async onAlarm(): Promise<void> {
    await super.onAlarm()
    if (this.cold) console.log(`woken: ${this.name}`)
  }

  override async onRequest(request: Party.Request): Promise<Response> {
    if (!isTest(request)) return super.onRequest(request)
    const { storage } = this.room
    if (request.url.endsWith('/sleep')) {
      await storage.setAlarm(Date.now() + 13_000) // a room with sockets falls asleep after ten seconds
      return Response.json(true)
    }
    // Brings the end of the grace period near and ends this instance, so that the alarm makes the next one.
    const presence = JSON.parse((await storage.get<string>('presence')) ?? '{}') as PresenceRow
    const due = JSON.parse((await storage.get<string>('due')) ?? '{}') as Due
    if (presence.offlineAt === undefined) return Response.json(false)
    const soon = Date.now() + 1000
    await storage.put({
      presence: JSON.stringify({ ...presence, offlineAt: soon }),
      due: JSON.stringify({ ...due, presence: soon }),
    })
    await storage.setAlarm(soon)
    await storage.sync()
    setTimeout(() => void this.reset(), 100)
    return Response.json(true)
  }
}
