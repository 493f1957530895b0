/** Packed extensions, as a host that has them offers them for download. */
export const browsers = ['chrome', 'firefox'] as const
export type Browser = (typeof browsers)[number]

export interface Build {
  bytes: number
  open(): ReadableStream<Uint8Array>
}
export type Builds = Partial<Record<Browser, Build>>

export const fileOf = (browser: Browser): string => `parley-${browser}.zip`
