/**
 * Who may talk to the relay from inside a browser. A second fence only: nothing here is decided by cookies, and
 * a program that is no browser sends what it likes. It keeps web pages from making people's browsers work for them.
 */
const extension = /^(chrome-extension|moz-extension):\/\/[a-z0-9-]+$/

export const isExtension = (origin: string): boolean => extension.test(origin)

/** An extension, the relay's own page, or no browser at all. */
export function mayAsk(origin: string | null | undefined, own: string): boolean {
  return origin === null || origin === undefined || origin === own || isExtension(origin)
}
