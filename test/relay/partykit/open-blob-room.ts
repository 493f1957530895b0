/** Only for tests: a file's room that is reached from outside, and tells what it keeps. */
import type * as Party from 'partykit/server'
import BlobRoom from '../../../relay/partykit/blob-room.ts'

export default class OpenBlobRoom extends BlobRoom {
  static override onBeforeRequest = ((request: Party.Request) => request) as unknown as () => Response

  override async onRequest(request: Party.Request): Promise<Response> {
    if (request.method !== 'GET') return super.onRequest(request)
    const { storage } = this.room
    const values = [...(await storage.list<unknown>())].map(([key, value]) => {
      return [key, value instanceof Uint8Array ? value.length : 0]
    })
    return Response.json({ values, alarm: await storage.getAlarm() })
  }
}
