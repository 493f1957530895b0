/**
 * The names of things. Branded where a mix-up would compile silently: all of these are strings.
 * `Seq` and `Millis` stay plain numbers, because they are reckoned with.
 */
declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** A canonical user name (names.ts); also the id of the user's room. */
export type UserId = Branded<'user'>
/** base64url of 16 bytes, derived from the account identity key: see account.ts. */
export type AccountId = Branded<'account'>
/** base64url of 8 random bytes; `@` is the account's virtual mailbox device. */
export type DeviceId = Branded<'device'>
/** UUIDv7, made by the sending device. Unique together with the sender. */
export type EnvelopeId = Branded<'envelope'>
/** base64url of 16 random bytes: whoever knows it may fetch the sealed bytes of a file. */
export type BlobId = Branded<'blob'>
/** A log's incarnation: zero-padded milliseconds and random hex, so that a later one sorts after an earlier one. */
export type Epoch = Branded<'epoch'>
/** One numbering of a lane: made like an epoch, and only ever replaced by a greater one. */
export type LaneId = Branded<'lane'>

/** Position in a room's log, from 1, without gaps. 0 is "before the first". */
export type Seq = number
/** Milliseconds since 1970 by the relay's clock, unless the name says otherwise. */
export type Millis = number
