/** A part of the extension as WXT builds a background: one script, whatever is imported how. */
import { build } from 'vite'

const root = new URL('../..', import.meta.url).pathname
/** There is no such file: what it says is `code`. */
const entry = 'part-of-the-extension.ts'

/** `code` imports by paths from the top: `/extension/…`. */
export async function bundle(code: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    root,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id.endsWith(entry) ? id : null),
        load: (id) => (id.endsWith(entry) ? code : null),
      },
    ],
    build: { write: false, target: 'es2022', lib: { entry, formats: ['iife'], name: 'part' } },
  })
  const [{ output }] = result as unknown as [{ output: { code: string }[] }]
  if (output.length !== 1) throw new Error(`${output.length} scripts instead of one`)
  return output[0]!.code
}
