/** Only for tests of evictions: the real room, which is thrown out of memory when it is told to. */
import type * as Party from 'partykit/server'
import UserRoom from '../../../relay/partykit/server.ts'

const isTest = (request: Party.Request) => new URL(request.url).pathname.endsWith('/test/evict')

export default class MortalRoom extends UserRoom {
  static override onBeforeRequest(request: Party.Request, lobby: Party.Lobby) {
    return isTest(request) ? Promise.resolve(request) : super.onBeforeRequest(request, lobby)
  }

  /** Nobody is told and nothing is finished: sockets are cut, what is under way ends where it is. */
  override async onRequest(request: Party.Request): Promise<Response> {
    if (!isTest(request)) return super.onRequest(request)
    await this.room.blockConcurrencyWhile(async () => {
      throw new Error('evicted')
    })
    return Response.json(null)
  }
}
