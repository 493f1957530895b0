/** What the browser's rules ask of the library: one file, no WebAssembly, no code from text. */
import { globSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { expect, test } from 'vitest'

const root = new URL('../../../..', import.meta.url).pathname
/** There is no such file: what it says is `code`. */
const entry = 'all-of-the-cryptography.ts'
const modules = globSync('extension/crypto/{mls,archive}/*.ts', {
  cwd: root,
})
const code = modules
  .map((path, i) => `import * as m${i} from '/${path}'; globalThis.m${i} = m${i}`)
  .join('\n')

/** As WXT builds a background: one script, whatever is imported how. */
async function bundle(): Promise<string> {
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
    build: { write: false, target: 'es2022', lib: { entry, formats: ['iife'], name: 'crypto' } },
  })
  const [{ output }] = result as unknown as [{ output: { code: string }[] }]
  expect(output).toHaveLength(1)
  return output[0]!.code
}

test('all of the cryptography is one script that a service worker may run, below 100 kB zipped', async () => {
  const script = await bundle()

  expect(modules.length).toBeGreaterThan(10)
  expect(script).not.toMatch(/\bimport\s*\(|\bimport\s*['"{]/)
  expect(script).not.toMatch(/WebAssembly|\beval\(|new Function/)
  expect(gzipSync(script, { level: 9 }).length).toBeLessThan(100_000)
}, 20_000)

test('nothing that is shipped accepts any credential', () => {
  const sources = globSync('extension/**/*.ts', { cwd: root })

  expect(sources.filter((path) => readFileSync(root + path, 'utf8').includes('unsafeTesting'))).toEqual([])
})
