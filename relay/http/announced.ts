import { limits, type AnnouncedLimits } from '#shared/limits'

/** What a relay tells its clients about limits: the protocol's own, and what its operator decided. */
export function announcedLimits(
  decided: Partial<Pick<AnnouncedLimits, 'keepMs' | 'offline' | 'fileBytesMax' | 'filesBytesMax'>> = {},
): AnnouncedLimits {
  const { payloadBytesMax, messageCharsMax, knockCharsMax, statusCharsMax, rosterMax, devicesMax, keepMs } =
    limits
  const { fileBytesMax, filesBytesMax } = limits
  const own = {
    payloadBytesMax,
    messageCharsMax,
    knockCharsMax,
    statusCharsMax,
    rosterMax,
    devicesMax,
    keepMs,
    fileBytesMax,
    filesBytesMax,
  }
  return { ...own, offline: 'store', ...decided }
}
