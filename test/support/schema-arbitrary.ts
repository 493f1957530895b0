/** What fast-check makes of a valibot schema: mostly valid values, at its edges and a little beyond. */
import * as fc from 'fast-check'
import * as v from 'valibot'

/** Valibot's schemas as they are at run time, as far as ours go. */
interface Schema {
  type: string
  entries?: Record<string, Schema>
  options?: readonly unknown[]
  literal?: unknown
  wrapped?: Schema
  item?: Schema
  items?: readonly Schema[]
  key?: Schema
  value?: Schema
  pipe?: readonly { type: string; requirement?: unknown }[]
}

const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const base64Text = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...base64), minLength, maxLength })

/** So long a text is, unless it is at the edge of what it may be. */
const usualChars = 40

/** @param known Values of branded schemas: names, ids. Of each schema those are taken that it believes. */
export function arbitraryOf(schema: v.GenericSchema, known: readonly unknown[]): fc.Arbitrary<unknown> {
  return of(schema as unknown as Schema)

  function of(one: Schema): fc.Arbitrary<unknown> {
    switch (one.type) {
      case 'object':
      case 'strict_object':
        return objectOf(one.entries!)
      case 'variant':
      case 'union':
        return fc.oneof(...(one.options as Schema[]).map(of))
      case 'picklist':
        return fc.constantFrom(...one.options!)
      case 'literal':
        return fc.constant(one.literal)
      case 'optional':
        return fc.option(of(one.wrapped!), { nil: undefined })
      case 'nullable':
        return fc.option(of(one.wrapped!), { nil: null })
      case 'array':
        return fc.array(of(one.item!), { maxLength: limitOf(one, 'max_length', 4) + 1, size: 'small' })
      case 'tuple':
        return fc.tuple(...one.items!.map(of))
      case 'record':
        return fc.dictionary(of(one.key!) as fc.Arbitrary<string>, of(one.value!), { maxKeys: 4 })
      case 'boolean':
        return fc.boolean()
      case 'number':
        return numberOf(one)
      case 'string':
        return textOf(one)
      default:
        return brandedOf(one)
    }
  }

  function objectOf(entries: Record<string, Schema>) {
    return fc.record(
      Object.fromEntries(Object.entries(entries).map(([key, entry]) => [key, of(entry)])),
    ) as fc.Arbitrary<unknown>
  }

  function brandedOf(one: Schema): fc.Arbitrary<unknown> {
    const fitting = known.filter((value) => v.is(one as unknown as v.GenericSchema, value))
    return fitting.length > 0 ? fc.constantFrom(...fitting) : fc.anything()
  }
}

function limitOf({ pipe }: Schema, type: string, otherwise: number): number {
  const found = pipe?.find((action) => action.type === type)?.requirement
  return typeof found === 'number' ? found : otherwise
}

function numberOf(one: Schema): fc.Arbitrary<unknown> {
  const min = limitOf(one, 'min_value', -10)
  const max = limitOf(one, 'max_value', Number.MAX_SAFE_INTEGER)
  return fc.oneof(
    fc.integer({ min, max: Math.min(max, min + 300) }),
    fc.constantFrom(min, max, Date.now(), Math.min(max, 2 ** 31), Math.min(max, 2 ** 32)),
    { arbitrary: fc.constantFrom(min - 1, max + 1, 0.5, -0, 1e300), weight: 1 },
  )
}

function textOf(one: Schema): fc.Arbitrary<unknown> {
  const exactly = limitOf(one, 'length', -1)
  if (exactly >= 0)
    return fc.oneof(
      { arbitrary: base64Text(exactly - 1, exactly - 1).map((text) => `${text}A`), weight: 9 },
      base64Text(0, exactly + 1),
    )
  const longest = limitOf(one, 'max_length', usualChars)
  const isBase64 = one.pipe?.some(({ type }) => type === 'regex')
  const usual = Math.min(longest, usualChars)
  const text = isBase64
    ? base64Text(0, usual)
    : fc.string({ maxLength: usual, unit: fc.constantFrom('a', 'é', '😀', '\u202e', '\0', ':', '%', '/') })
  const atTheEdge = fc.constantFrom(longest, longest + 1).map((length) => 'A'.repeat(length))
  return fc.oneof({ arbitrary: text, weight: 30 }, atTheEdge)
}
