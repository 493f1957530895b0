/** Which browser this is, where that changes what may be done. The build knows; the system is asked for its name. */
export const isFirefox = import.meta.env.FIREFOX

const systems: [pattern: RegExp, name: string][] = [
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux|X11/, 'Linux'],
]

export function systemName(userAgent: string): string {
  return systems.find(([pattern]) => pattern.test(userAgent))?.[1] ?? 'this computer'
}

function browserName(userAgent: string): string {
  if (isFirefox) return 'Firefox'
  return /Edg\//.test(userAgent) ? 'Edge' : 'Chrome'
}

/** "Firefox on Linux": what this device is called in the list of devices. */
export const deviceName = (userAgent: string): string =>
  `${browserName(userAgent)} on ${systemName(userAgent)}`

/**
 * Whether a window can be opened without taking the keyboard. Firefox ignores `focused: false`, and Chrome on macOS
 * does too.
 */
export const canOpenUnfocused = (userAgent: string): boolean =>
  !isFirefox && systemName(userAgent) !== 'macOS'
