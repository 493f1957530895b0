import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

/**
 * Who may import whom: a layer (a folder, or one module without its ending) and what it may import beside itself
 * and `shared`. `type` in front means types only: nothing of it is there at run time.
 */
const layers: Record<string, string[]> = {
  shared: [],

  'relay/core': [],
  'relay/http': ['relay/core'],
  'relay/partykit': ['relay/http', 'relay/core'],
  'relay/node': ['relay/http', 'relay/core'],

  'extension/db': [],
  'extension/crypto': ['extension/db'],
  'extension/account': ['extension/crypto', 'extension/db', 'extension/bus/commands'],
  'extension/bus': ['type extension/db', 'extension/db/settings'],
  'extension/platform': ['extension/bus/commands', 'type extension/engine/ports', 'type extension/db'],
  'extension/engine': [
    'extension/bus/commands',
    'extension/crypto',
    'extension/db',
    'type extension/bus',
    'type extension/platform',
  ],
  'extension/stores': ['extension/bus', 'extension/db', 'extension/crypto/files', 'extension/crypto/refusal'],
  'extension/ui': ['extension/stores', 'extension/public/_locales'],

  'extension/entrypoints/background': [
    'extension/engine',
    'extension/bus',
    'extension/crypto',
    'extension/db',
    'extension/platform',
    'extension/account',
  ],
  'extension/entrypoints/offscreen': ['extension/platform'],
  ...Object.fromEntries(
    ['popup', 'chat', 'options', 'prompt', 'offscreen', 'welcome', 'sidepanel'].map((page) => [
      `extension/entrypoints/${page}`,
      [
        'extension/ui',
        'extension/stores',
        'extension/bus/client',
        'extension/bus/commands',
        'extension/db',
        'extension/platform',
        'extension/account',
      ],
    ]),
  ),
}

/** What is sealed inside an envelope is none of the relay's business. */
const sealedFromRelay = 'shared/content'

/** The layers that run without a platform, and the packages they may use (a prefix). */
const packagesOf: Record<string, string[]> = {
  shared: ['valibot', '@noble/hashes/', '@scure/base'],
  'relay/core': ['valibot', '@noble/hashes/', '@scure/base'],
  'relay/http': ['hono', 'valibot', '@noble/hashes/', '@scure/base'],
}

/** The layers that know nothing of the browser's extension interface: they run in Node as well. */
const withoutBrowser = [
  'shared',
  'relay',
  'extension/db',
  'extension/crypto',
  'extension/engine',
  'extension/stores',
]

const sources = globSync('{shared,relay,extension}/**/*.{ts,tsx}', {
  exclude: (path) => path.endsWith('.d.ts') || path.includes('.partykit'),
}).map((path) => path.replaceAll('\\', '/'))
const moduleOf = (path: string) => path.replace(/\.tsx?$/, '')
const isWithin = (path: string, layer: string) => path === layer || path.startsWith(`${layer}/`)
const filesOf = (layer: string) => sources.filter((file) => isWithin(moduleOf(file), layer))

/** Imports, re-exports and dynamic imports of a file: whether types only, and from where. */
function importsOf(file: string) {
  const text = readFileSync(file, 'utf8')
  return [
    ...text.matchAll(/^(?:import|export)\s+(?<type>type\s)?[^'"`;]*?from\s+'(?<from>[^']+)'/gm),
    ...text.matchAll(/^import\s+'(?<from>[^']+)'/gm),
    ...text.matchAll(/\bimport\(\s*'(?<from>[^']+)'/g),
  ].map(({ groups }) => ({ typesOnly: groups?.type !== undefined, from: groups!.from! }))
}

/** `#shared/frames` and `../core/room.ts` as `shared/frames` and `relay/core/room`; undefined for a package. */
function targetOf(file: string, from: string) {
  if (from.startsWith('#')) return from.slice(1)
  if (from.startsWith('.')) return moduleOf(join(dirname(file), from).replaceAll('\\', '/'))
  return undefined
}

/** Comments may name what code may not use. */
const codeOf = (file: string) => readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '')

/** Every place where the pattern occurs in the code of the files, as `file: match`. */
const findings = (files: string[], pattern: RegExp) =>
  files.flatMap((file) => [...codeOf(file).matchAll(pattern)].map(([match]) => `${file}: ${match}`))

test.each(Object.keys(layers))('%s imports only what it may', (layer) => {
  const mayImport = [layer, 'shared', ...layers[layer]!]
  const isAllowed = (path: string, typesOnly: boolean) =>
    mayImport.some((rule) =>
      rule.startsWith('type ') ? typesOnly && isWithin(path, rule.slice(5)) : isWithin(path, rule),
    )

  const strays = filesOf(layer).flatMap((file) =>
    importsOf(file)
      .map(({ from, typesOnly }) => ({ path: targetOf(file, from), typesOnly }))
      .filter(({ path, typesOnly }) => path !== undefined && !isAllowed(path, typesOnly))
      .map(({ path, typesOnly }) => `${file} imports ${typesOnly ? 'types of ' : ''}${path}`),
  )

  expect(strays).toEqual([])
})

test('every source file belongs to a layer', () => {
  const homeless = sources.filter(
    (file) => !Object.keys(layers).some((layer) => isWithin(moduleOf(file), layer)),
  )

  expect(homeless).toEqual([])
})

test('the relay never sees what is sealed', () => {
  const curious = filesOf('relay').filter((file) =>
    importsOf(file).some(({ from }) => targetOf(file, from) === sealedFromRelay),
  )

  expect(curious).toEqual([])
})

test.each(Object.keys(packagesOf))('%s uses only packages that run anywhere', (layer) => {
  const strays = filesOf(layer).flatMap((file) =>
    importsOf(file)
      .filter(({ from }) => targetOf(file, from) === undefined)
      .filter(({ from }) => !packagesOf[layer]!.some((name) => from.startsWith(name)))
      .map(({ from }) => `${file} imports ${from}`),
  )

  expect(strays).toEqual([])
})

test('what runs in Node too does not touch the browser', () => {
  const files = withoutBrowser.flatMap(filesOf)

  expect(findings(files, /\b(?:browser|chrome)\.\w+|'wxt\/[^']+'/g)).toEqual([])
})

test('shared and the relay core take time and randomness as arguments', () => {
  const files = [...filesOf('shared'), ...filesOf('relay/core')]

  expect(findings(files, /Date\.now|new Date\(\)|Math\.random|set(?:Timeout|Interval)/g)).toEqual([])
})

test('pages are built from elements, never from strings of HTML', () => {
  expect(findings(filesOf('extension'), /(?:inner|outer)HTML|insertAdjacentHTML|document\.write/gi)).toEqual(
    [],
  )
})

test('there are no barrels', () => {
  expect(sources.filter((file) => /\/index\.tsx?$/.test(file))).toEqual([])
})

const builtBackgrounds = globSync('.output/{chrome,firefox}-mv3/background.js')

test.skipIf(builtBackgrounds.length === 0)('the built background is one file', () => {
  // A static import could not even be parsed there; the word alone stands in partysocket's advice to developers.
  const split = builtBackgrounds.filter((file) => /\bimport\s*\(/.test(readFileSync(file, 'utf8')))

  expect(split).toEqual([])
})

const protocol = 'shared/PROTOCOL.md'
const rule = /[A-Z]{2}\d+/g

/** Rules that `- **ML2** …` states. */
const statedRules = () =>
  [
    ...(existsSync(protocol) ? readFileSync(protocol, 'utf8') : '').matchAll(/^- \*\*([A-Z]{2}\d+)\*\*/gm),
  ].map(([, name]) => name!)

/** Rules that a test's title cites in brackets, several in a row where a test shows several. */
function citedRules() {
  const tests = globSync('test/**/*.{test,contract,e2e}.{ts,tsx}')
  return tests.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/['"`]((?:\[[A-Z]{2}\d+\]\s?)+)/g)].flatMap(([, titles]) =>
      [...titles!.matchAll(rule)].map(([name]) => ({ file, name })),
    ),
  )
}

test('every rule of the protocol is stated once', () => {
  const stated = statedRules()

  expect(stated.filter((name, position) => stated.indexOf(name) !== position)).toEqual([])
})

test('every rule of the protocol has a test', () => {
  const cited = new Set(citedRules().map(({ name }) => name))

  expect(statedRules().filter((name) => !cited.has(name))).toEqual([])
})

test('every rule that a test cites exists', () => {
  const stated = new Set(statedRules())

  expect(
    citedRules()
      .filter(({ name }) => !stated.has(name))
      .map(({ file, name }) => `${file} cites ${name}`),
  ).toEqual([])
})
