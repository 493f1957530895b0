/**
 * The versions of the wire, newest first: what each changed, in a line. `hello` offers them, `auth` picks one.
 * A relay speaks the newest and the one before it. test/shared/version.test.ts holds a hash of the schemas and
 * fails until a change is entered here.
 */
export const history = { 1: 'the first' } as const

export const protocolVersion = 1
export const supportedVersions: readonly number[] = [1]

/** The greatest version both sides speak, or null. */
export function negotiate(theirs: readonly number[]): number | null {
  const common = supportedVersions.filter((version) => theirs.includes(version))
  return common.length > 0 ? Math.max(...common) : null
}
