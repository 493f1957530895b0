/** Every number of the protocol. A relay announces those that a client must know (`announcedLimits`). */
const KiB = 1024
const MiB = 1024 * KiB
const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

export const limits = {
  // Frames and what is in them
  frameInBytesMax: 128 * KiB,
  frameOutBytesMax: 256 * KiB,
  /** Nobody has said who they are yet: enough for `auth`, too little to be worth sending. */
  frameBeforeAuthBytesMax: 4 * KiB,
  /** base64url; holds a ratchet's Welcome (up to about 64 KiB) beside a message. */
  payloadBytesMax: 96 * KiB,
  knockPayloadBytesMax: 96 * KiB,
  preferencesBytesMax: 64 * KiB,
  /** Base64url of about 2.7 kB. */
  keyPackageCharsMax: 6000,
  /** So many fit into a frame. */
  keyPackagesPerUploadMax: 20,
  /** With a new device's first list: they share an HTTP body with everything else. */
  firstKeyPackagesMax: 8,
  vaultCharsMax: 96 * KiB,
  /** Device lists and packages in one answer; leaves room in a frame. */
  claimBytesMax: 200 * KiB,
  statusCharsMax: 140,
  messageCharsMax: 4000,
  knockCharsMax: 500,
  quoteCharsMax: 200,
  displayNameCharsMax: 50,
  /** How long one may change or take back what one has said. */
  editMs: 24 * hour,
  retractMs: 48 * hour,
  connectUrlBytesMax: 500,
  connectionStateBytesMax: 300,

  // People
  devicesMax: 8,
  rosterMax: 1000,
  blocksMax: 5000,
  knocksWaitingMax: 100,
  knocksPerDayMax: 20,
  knocksPerDayYoungMax: 5,
  youngAccountMs: day,
  unknownNamesPerHourMax: 20,
  rejectMs: 30 * day,

  // Rates: sustained per second, and how many may come at once
  deviceSendsPerSecond: 10,
  deviceSendsBurst: 40,
  pairSendsPerSecond: 5,
  pairSendsBurst: 40,
  accountSendsPerHourMax: 5000,
  typingIntervalMs: 3 * second,
  presenceInIntervalMs: 3 * second,
  presenceOutIntervalMs: 10 * second,
  badFramesMax: 3,
  deviceClaimsPerSecond: 2,
  deviceClaimsBurst: 20,
  /** Claims of people who are no buddies. */
  lookupsPerHourMax: 60,

  // Delivery
  sendsInFlightMax: 32,
  entriesInFlightMax: 256,
  entriesInFlightBytesMax: 256 * KiB,
  /** At least twice what may be in flight, or a retry could find its id forgotten. */
  dedupeRingMax: 64,
  outboxPerPeerMax: 1000,
  outboxMax: 5000,
  keepMs: 30 * day,
  logEntriesMax: 20_000,
  logBytesMax: 64 * MiB,
  logKeepMs: 3 * day,
  laneBatchItemsMax: 32,
  laneBatchBytesMax: 128 * KiB,
  laneTimeoutMs: 5 * second,
  lanesParallelMax: 4,
  linkBackoffBaseMs: second,
  linkBackoffMaxMs: 5 * minute,
  mailboxEventsMax: 256,

  // Connection
  authDeadlineMs: 5 * second,
  nonceAgeMsMax: 5 * second,
  heartbeatMs: 20 * second,
  heartbeatAnswerMs: 10 * second,
  silenceMs: 65 * second,
  unackedMs: 60 * second,
  reconnectBaseMs: second,
  reconnectMaxMs: 60 * second,
  reconnectLongMaxMs: 5 * minute,
  unauthenticatedPerRoomMax: 16,

  // Keys
  /** One-time packages that wait for a device; a client refills below `keyPackagesLow`. */
  keyPackagesMax: 50,
  keyPackagesLow: 20,
  /** Each person gets one one-time package of each device in this time, and the last resort beyond that. */
  keyPackageEveryMs: 10 * minute,

  // The archive
  /** base64url; with its head it is one value of a store. */
  segmentCharsMax: 90 * KiB,
  /** Of an account, in characters of its segments; and how many these may be. */
  archiveCharsMax: 64 * MiB,
  segmentsMax: 20_000,
  /** Lines of the index in one answer, about 200 bytes each. */
  segmentsPerPage: 500,
  segmentsPerDeleteMax: 50,

  // Files
  /** Of one file, before it is sealed; an operator may set another. */
  fileBytesMax: 100 * MiB,
  /** What all of an account's files at the relay may take, sealed; an operator may set another. */
  filesBytesMax: 1024 * MiB,
  filesMax: 2000,
  /** Of what is uploaded and fetched at a time. */
  partBytes: MiB,
  /** An upload that is not whole by then is forgotten. */
  uploadMs: day,
  reservesPerHourMax: 300,
  /** A picture from a buddy that comes by itself. */
  imageBytesAlone: 5 * MiB,
  fileNameCharsMax: 200,
  thumbnailBytesMax: 8 * KiB,
  captionCharsMax: 1000,
  /** Of a picture that is decoded at all. */
  pixelsMax: 50_000_000,

  // Presence
  presenceLeaseMs: 30 * minute,
  presenceRenewMs: 10 * minute,
  presenceGraceMs: 45 * second,
  presenceStaleMs: 60 * second,
  presencePostsPerEventMax: 40,
  presencePostsParallelMax: 6,
  typingShownMs: 15 * second,

  // Accounts
  loginTicketMs: 10 * minute,
  loginNonceMs: 2 * minute,
  powBits: 18,
  powMs: 10 * minute,
  registrationsPerAddressPerDayMax: 5,
  nameQuarantineMs: 90 * day,
  /** The least work a relay may ask a password to be hashed with: a client refuses less. */
  argonMemoryKiBMin: 46 * KiB,
} as const

/** What an operator may set, in the form in which it is announced in `welcome` and in `/v1/info`. */
export interface AnnouncedLimits {
  payloadBytesMax: number
  messageCharsMax: number
  knockCharsMax: number
  statusCharsMax: number
  rosterMax: number
  devicesMax: number
  keepMs: number
  fileBytesMax: number
  filesBytesMax: number
  /** `refuse`: this relay keeps nothing for people who are offline, and says so at once. */
  offline: 'store' | 'refuse'
}
