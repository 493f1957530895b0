import { limits, type AnnouncedLimits } from '#shared/limits'

/** What a relay announces when nobody changed anything. */
export const announced: AnnouncedLimits = {
  payloadBytesMax: limits.payloadBytesMax,
  messageCharsMax: limits.messageCharsMax,
  knockCharsMax: limits.knockCharsMax,
  statusCharsMax: limits.statusCharsMax,
  rosterMax: limits.rosterMax,
  devicesMax: limits.devicesMax,
  keepMs: limits.keepMs,
  offline: 'store',
}
