/** One blob of the account that its devices share and that whoever signs in gets: sealed, opaque to the relay. */
import type { ClientFrameOf } from '#shared/frames'
import { ProtocolError } from '#shared/errors'
import type { Vault } from '#shared/keys'
import type { ConnectionId } from './ports.ts'
import { keys } from './rows.ts'
import { send, type Turn } from './turn.ts'

/** Reads it, or writes what was made from `version`: when another device was faster, the answer is `conflict` (KY11). */
export async function onVault(
  { request, version, payload }: ClientFrameOf<'vault'>,
  connection: ConnectionId,
  turn: Turn,
) {
  const known = await vaultOf(turn)
  if (payload === undefined) return send(turn, connection, { type: 'vault', request, ...known })
  if (version === undefined) throw new ProtocolError('bad-request', 'made from which version?')
  // Whoever lost the answer to the very same write gets it again.
  const isRepeated = known.version === version + 1 && known.payload === payload
  if (!isRepeated) await writeVault(turn, { version, payload })
  send(turn, connection, { type: 'ok', request })
}

const vaultOf = async ({ tx }: Turn): Promise<Vault> =>
  (await tx.get<Vault>(keys.vault)) ?? { version: 0, payload: '' }

/** In place of the one of that version. @throws ProtocolError `conflict` */
export async function writeVault(turn: Turn, { version, payload }: Vault) {
  const known = await vaultOf(turn)
  if (version !== known.version) throw new ProtocolError('conflict', `the version is ${known.version}`)
  turn.tx.put(keys.vault, { version: version + 1, payload } satisfies Vault)
}
