/** The account's shapes as the core uses them, gathered here so that ports.ts reads from top to bottom. */
import type { DeviceList, Slot, SlotName, Verify, WrappedBundle } from '#shared/account'
import type { Register } from '#shared/api'
import type { AccountId } from '#shared/ids'
import type { ClaimedPackage, KeyPackageUp, Vault } from '#shared/keys'

export type { ClaimedPackage, DeviceList, KeyPackageUp, Register, Slot, SlotName, Vault, Verify }

/** What a room knows and the login route adds a ticket to. */
export interface LoggedInPart {
  acct: AccountId
  bundle: WrappedBundle
  list: DeviceList
  change: number
  vault?: Vault
}
