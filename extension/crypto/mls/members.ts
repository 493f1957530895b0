/** Who may be in a session: the devices of the two lists that the envelope names, and nobody else. */
import { defaultCredentialTypes, type AuthenticationService, type Credential, type LeafNode } from 'ts-mls'
import type { DeviceList } from '#shared/account'
import { toBase64, utf8 } from '#shared/bytes'
import type { AccountId, DeviceId } from '#shared/ids'
import { Refusal } from '../refusal.ts'

export interface Member {
  acct: AccountId
  device: DeviceId
  /** Its signing key out of the pinned list, base64url. */
  dsk: string
}

/** All devices of the lists, mailbox devices included. Only lists that were checked and pinned belong here. */
export const membersOf = (...lists: readonly DeviceList[]): Member[] =>
  lists.flatMap((list) => list.devices.map(({ id, dsk }) => ({ acct: list.acct, device: id, dsk })))

export const nameOf = ({ acct, device }: Pick<Member, 'acct' | 'device'>): string => `${acct}|${device}`

export const credentialOf = (member: Pick<Member, 'acct' | 'device'>) => ({
  credentialType: defaultCredentialTypes.basic,
  identity: utf8(nameOf(member)),
})

/** The name in a credential; undefined for any other kind of credential. Compare it, do not take it apart. */
export function nameIn(credential: Credential): string | undefined {
  if (credential.credentialType !== defaultCredentialTypes.basic || !('identity' in credential))
    return undefined
  return new TextDecoder().decode(credential.identity)
}

const isMember = (members: readonly Member[], credential: Credential, key: Uint8Array) => {
  const name = nameIn(credential)
  const dsk = toBase64(key)
  return members.some((member) => nameOf(member) === name && member.dsk === dsk)
}

/** The one security decision that MLS leaves to us. `onStranger` is told, since the library only says no. */
export const pinned = (members: readonly Member[], onStranger: () => void): AuthenticationService => ({
  validateCredential: async (credential, key) => {
    const known = isMember(members, credential, key)
    if (!known) onStranger()
    return known
  },
})

/** For calls in which no credential may come up at all. */
export const nobody: AuthenticationService = { validateCredential: async () => false }

/**
 * The leaves of a session, its owner first, are exactly the members: nobody more, nobody twice, nobody left out.
 * Only mailbox devices may be missing: whoever keeps no history leaves them out.
 * @throws Refusal `members`
 */
export function requireMembers(
  leaves: readonly LeafNode[],
  owner: Pick<Member, 'acct' | 'device'>,
  members: readonly Member[],
): void {
  const names = leaves.map((leaf) => nameIn(leaf.credential))
  if (names[0] !== nameOf(owner)) throw new Refusal('members', `the session is ${names[0]}'s`)
  if (new Set(names).size !== names.length) throw new Refusal('members', 'a device is in it twice')
  for (const { credential, signaturePublicKey } of leaves) {
    if (!isMember(members, credential, signaturePublicKey)) {
      throw new Refusal('members', `${nameIn(credential)} is on neither list`)
    }
  }
  const missing = members.filter((member) => member.device !== '@' && !names.includes(nameOf(member)))
  if (missing.length > 0) throw new Refusal('members', `${missing.map(nameOf).join(', ')} left out`)
}
