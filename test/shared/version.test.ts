import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as account from '#shared/account'
import * as api from '#shared/api'
import * as archive from '#shared/archive'
import * as frames from '#shared/frames'
import * as keys from '#shared/keys'
import { history, negotiate, protocolVersion, supportedVersions } from '#shared/version'

/**
 * What the wire looked like in each version. When this fails you have changed the wire. Old clients and old relays
 * must still understand it, or it is a new version: then enter it in shared/version.ts and here. Otherwise (unreleased,
 * or a field that may be absent) put the new hash in place of the old one.
 */
const recorded: Record<number, string> = {
  1: '2f56af950dabfc8c',
}

type Schema = Record<string, unknown>
const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && 'kind' in value

/** A schema as plain data: its fields, their types, and the numbers and patterns that they are checked against. */
function describe(value: unknown): unknown {
  if (value instanceof RegExp) return value.source
  if (Array.isArray(value)) return value.map(describe)
  if (!isSchema(value)) return typeof value === 'function' ? 'function' : value
  const {
    kind,
    type,
    entries,
    options,
    items,
    item,
    key,
    wrapped,
    literal,
    requirement,
    pipe,
    default: fallback,
  } = value
  const fields = entries && Object.entries(entries).map(([name, schema]) => [name, describe(schema)])
  const parts = Object.entries({ options, items, item, key, wrapped, literal, requirement, fallback })
  const rest = Array.isArray(pipe) ? pipe.slice(1).map(describe) : undefined // the first is the schema itself
  return [
    kind,
    type,
    fields,
    ...parts.filter(([, part]) => part !== undefined).map(([name, part]) => [name, describe(part)]),
    rest,
  ]
}

/** Patterns that hide inside functions: those of names and ids. */
function patterns(): string[] {
  const files = globSync('shared/{schema,names}.ts')
  return files.flatMap((file) => readFileSync(file, 'utf8').match(/\/\^.*\$\//g) ?? []).toSorted()
}

test('the wire is what it was when its version was entered', () => {
  const schemas = Object.entries({ ...frames, ...account, ...api, ...archive, ...keys }).filter(([, value]) =>
    isSchema(value),
  )
  const wire = [...schemas.map(([name, schema]) => [name, describe(schema)]), patterns()]

  const hash = createHash('sha256').update(JSON.stringify(wire)).digest('hex').slice(0, 16)

  expect(hash).toBe(recorded[protocolVersion])
})

test('each version has a line in the history, and the newest two are spoken', () => {
  const versions = Object.keys(history).map(Number)

  expect(versions).toEqual(Object.keys(recorded).map(Number))
  expect(Math.max(...versions)).toBe(protocolVersion)
  expect(supportedVersions).toEqual(versions.filter((version) => version > protocolVersion - 2))
})

test('the greatest version that both speak is taken', () => {
  expect(negotiate([1, 99])).toBe(1)
  expect(negotiate([99])).toBeNull()
  expect(negotiate([])).toBeNull()
})
