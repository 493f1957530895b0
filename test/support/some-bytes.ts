/** The same bytes every time for the same seed, none like its neighbours. */
export function someBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let at = 0; at < length; at++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223
    bytes[at] = state >>> 24
  }
  return bytes
}
