/**
 * The way to the other rooms. PartyKit gives it to whatever a request reaches, but not to a room that an alarm has
 * woken (`context.parties` throws, for the whole life of that instance). All of an isolate's rooms and routes are
 * given the same one, so it is kept here for those that were given none.
 */
import type * as Party from 'partykit/server'

type Parties = Party.Context['parties']

let known: Parties | null = null

export function rememberPeers(parties: Parties): void {
  known ??= parties
}

export const knownPeers = (): Parties | null => known
