import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { browsers, type Browser, type Builds } from '../http/builds.ts'

/** The newest packages in a folder, as `npm run zip` names them: parley-0.1.0-chrome.zip. */
export async function buildsIn(folder: string): Promise<Builds> {
  const names = await readdir(folder).catch(() => []) // no folder: nothing to offer
  const builds: Builds = {}
  for (const browser of browsers) {
    const newest = await newestOf(
      names.filter((name) => isPackage(name, browser)).map((name) => join(folder, name)),
    )
    if (newest) builds[browser] = newest
  }
  return builds
}

const isPackage = (name: string, browser: Browser) => name.endsWith(`-${browser}.zip`)

async function newestOf(paths: readonly string[]) {
  const files = await Promise.all(paths.map(async (path) => ({ path, ...(await sizeOf(path)) })))
  const newest = files.filter(({ bytes }) => bytes > 0).toSorted((a, b) => b.changedAt - a.changedAt)[0]
  if (!newest) return undefined
  const { path, bytes } = newest
  return { bytes, open: () => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array> }
}

async function sizeOf(path: string) {
  const found = await stat(path).catch(() => undefined) // gone since the folder was read
  return { bytes: found?.size ?? 0, changedAt: found?.mtimeMs ?? 0 }
}
