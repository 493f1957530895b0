/** What the browser's rules ask of the library: one file, no WebAssembly, no code from text. */
import { globSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { bundle } from '../../../support/bundle.ts'

const root = new URL('../../../..', import.meta.url).pathname
const modules = globSync('extension/crypto/{mls,archive}/*.ts', {
  cwd: root,
})
const code = modules
  .map((path, i) => `import * as m${i} from '/${path}'; globalThis.m${i} = m${i}`)
  .join('\n')

test('all of the cryptography is one script that a service worker may run, below 100 kB zipped', async () => {
  const script = await bundle(code)

  expect(modules.length).toBeGreaterThan(10)
  expect(script).not.toMatch(/\bimport\s*\(|\bimport\s*['"{]/)
  expect(script).not.toMatch(/WebAssembly|\beval\(|new Function/)
  expect(gzipSync(script, { level: 9 }).length).toBeLessThan(100_000)
}, 20_000)

test('nothing that is shipped accepts any credential', () => {
  const sources = globSync('extension/**/*.ts', { cwd: root })

  expect(sources.filter((path) => readFileSync(root + path, 'utf8').includes('unsafeTesting'))).toEqual([])
})
