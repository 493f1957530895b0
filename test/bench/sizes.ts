/** What people download and what each of their pages loads, from the builds in `.output`. */
import { globSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Table } from './main.ts'

const output = resolve(import.meta.dirname, '../../.output')
const pages = ['popup', 'chat', 'options']

export function benchSizes(): Table {
  return {
    title: 'Sizes of the builds, kB of 1000 bytes',
    notes: [
      '"alone" is the script of that name; "loaded" is all that its page loads, what it shares with others included.',
      'Packed: each file by gzip -9; stores and browsers pack in their own ways.',
    ],
    rows: ['chrome', 'firefox'].flatMap(sizesOf),
  }
}

function sizesOf(browser: string): Table['rows'] {
  const build = join(output, `${browser}-mv3`)
  const background = sizes([join(build, 'background.js')])
  const all = globSync('**/*', { cwd: build, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  const [zip] = globSync(join(output, `*-${browser}.zip`).replaceAll('\\', '/'))
  return [
    { browser, what: 'background', ...named('alone', background), ...named('loaded', background) },
    ...pages.map((page) => ({ browser, what: page, ...pageSizes(build, page) })),
    { browser, what: 'all, unpacked', ...named('loaded', sizes(all)) },
    { browser, what: 'all, as zip', 'loaded, packed kB': kilobytes(zip ? statSync(zip).size : NaN) },
  ]
}

function pageSizes(build: string, page: string) {
  const html = readFileSync(join(build, `${page}.html`), 'utf8')
  const loaded = [...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map(([, file]) =>
    join(build, file!),
  )
  const alone = loaded.filter((file) => /[\\/](\w+)-[^\\/]+\.js$/.exec(file)?.[1] === page)
  return {
    ...named('alone', sizes(alone)),
    ...named('loaded', sizes([join(build, `${page}.html`), ...loaded])),
  }
}

function sizes(files: readonly string[]) {
  const contents = files.map((file) => readFileSync(file))
  const sum = (of: (content: Buffer) => number) => contents.reduce((total, one) => total + of(one), 0)
  return { raw: sum(({ length }) => length), packed: sum((one) => gzipSync(one, { level: 9 }).length) }
}

const named = (name: string, { raw, packed }: ReturnType<typeof sizes>) => ({
  [`${name} kB`]: kilobytes(raw),
  [`${name}, packed kB`]: kilobytes(packed),
})

const kilobytes = (bytes: number) => Math.round(bytes / 100) / 10
