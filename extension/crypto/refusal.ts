/**
 * Why something sealed was not accepted. All of it is somebody else's doing (or an old row of ours), so the engine
 * decides by `reason`: wait, try the mailbox device, ask again, warn. The text is for developers.
 */
export type RefusalReason =
  /** Not the form that this version knows: cut off, trailing bytes, unknown flags, not JSON. */
  | 'malformed'
  | 'too-large'
  /** Another cipher suite than ours. There is only one: nothing to negotiate, nothing to downgrade. */
  | 'suite'
  /** A key package that is not that device's, or past its time. */
  | 'key-package'
  /** The Welcome names none of our key packages: we are no member of this session. */
  | 'not-for-us'
  /** Members that the two device lists do not have, or lack; or another owner than the envelope's sender. */
  | 'members'
  /** Somebody else than the session's owner spoke in it. */
  | 'sender'
  /** The envelope around it is not the one it was sealed for. */
  | 'envelope'
  /** Opened once already: keys of a message are used once. */
  | 'replay'
  /** Numbered higher than any session goes: reckoning up to it would be an attack. */
  | 'too-far'
  /** Not sealed with the key that should have been used, or changed on the way. */
  | 'undecryptable'
  | 'signature'
  /** Lists of devices that no honest relay shows. */
  | 'identity'
  /** Another account behind a name than before: a person decides. */
  | 'account'
  /** A stored session of another version of the library: drop it; it is disposable. */
  | 'state'

export class Refusal extends Error {
  readonly reason: RefusalReason

  constructor(reason: RefusalReason, detail: string, options?: ErrorOptions) {
    super(`${reason}: ${detail}`, options)
    this.name = 'Refusal'
    this.reason = reason
  }
}
