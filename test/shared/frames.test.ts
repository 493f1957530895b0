import * as fc from 'fast-check'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { errors, isErrorCode, ProtocolError } from '#shared/errors'
import { ClientFrame, parseClientFrame, parseServerFrame, pingText, pongText } from '#shared/frames'
import { limits } from '#shared/limits'

const id = '01980000-0000-7000-8000-0123456789ab'
const epoch = '000001767225600-0123abcd'
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(text)
const text = (array: Uint8Array) => Buffer.from(array).toString('base64url')

const name = fc.stringMatching(/^[a-z][a-z0-9]{3,20}$/).filter((one) => !['admin', 'official'].includes(one))
const whole = fc.nat(2 ** 31)
const ids = fc.nat(2 ** 31).map((n) => id.slice(0, 24) + n.toString(16).padStart(12, '0'))
const request = fc.string({ minLength: 1, maxLength: 40 })
const payload = fc.uint8Array({ maxLength: 64 }).map(text)

/** Frames as a well-behaved device would send them. */
const clientFrame = fc.oneof(
  fc.record({
    type: fc.constant('auth'),
    version: whole,
    device: bytes(8),
    generation: whole,
    at: whole,
    cursor: fc.option(fc.record({ epoch: fc.constant(epoch), seq: whole, mark: whole })),
    signature: bytes(64),
    reads: fc.dictionary(name, whole),
    activity: fc.constantFrom('active', 'idle'),
    client: fc.string({ maxLength: 80 }),
    capabilities: fc.array(fc.string({ maxLength: 40 }), { maxLength: 20 }),
  }),
  fc.record({
    type: fc.constant('send'),
    id: ids,
    to: name,
    kind: fc.constantFrom('message', 'control', 'knock', 'accept'),
    payload,
    lists: fc.record({ own: bytes(32), peer: fc.oneof(bytes(32), fc.constant('')) }),
    previous: fc.option(ids),
    attempt: whole,
  }),
  fc.record({ type: fc.constant('ack'), seq: whole }),
  fc.record({ type: fc.constant('read'), peer: name, ts: whole }),
  fc.record({ type: fc.constant('sync'), request, after: whole, limit: fc.integer({ min: 1, max: 200 }) }),
  fc.record({
    type: fc.constant('roster'),
    request,
    peer: name,
    operation: fc.constantFrom('withdraw', 'reject', 'remove', 'block', 'unblock', 'mute', 'unmute'),
  }),
  fc.record({ type: fc.constant('presence'), mode: fc.constantFrom('auto', 'away', 'dnd', 'invisible') }),
  fc.record({ type: fc.constant('typing'), to: name, state: fc.constantFrom('composing', 'paused') }),
  fc.record({ type: fc.constant('watch'), on: fc.boolean() }),
  fc.record({ type: fc.constant('preferences'), request, version: whole, payload }),
  fc.constantFrom({ type: 'leave' }, { type: 'ping' }),
) as fc.Arbitrary<ClientFrame>

/** What the parser makes of a text: a frame, or the code of its refusal. Anything else is thrown on. */
function outcome(parse: (text: string) => { type: string }, input: string): string {
  try {
    return parse(input).type
  } catch (error) {
    if (error instanceof ProtocolError) return error.code
    throw error
  }
}

const authWith = (signature: string) =>
  JSON.stringify({
    type: 'auth',
    version: 1,
    device: 'AAAAAAAAAAA',
    generation: 1,
    at: 1,
    cursor: null,
    signature,
    client: 'test',
  })

const outcomeOfStatus = (status: string) =>
  outcome(parseClientFrame, JSON.stringify({ type: 'presence', status }))

test('every frame of a device survives the wire', () => {
  fc.assert(
    fc.property(clientFrame, (frame) => {
      expect(parseClientFrame(JSON.stringify(frame))).toEqual(JSON.parse(JSON.stringify(frame)))
    }),
  )
})

test('[FR1] unknown fields are left out, whatever they are', () => {
  fc.assert(
    fc.property(
      clientFrame,
      fc.dictionary(fc.stringMatching(/^x[a-z]{1,8}$/), fc.jsonValue()),
      (frame, extra) => {
        expect(parseClientFrame(JSON.stringify({ ...extra, ...frame }))).toEqual(
          JSON.parse(JSON.stringify(frame)),
        )
      },
    ),
  )
})

test.each([
  ['device', parseClientFrame],
  ['relay', parseServerFrame],
])('[FR2] no text from a %s makes the parser fail in any other way than by a refusal', (_, parse) => {
  const codes = ['bad-request', 'feature-not-implemented']
  const input = fc.oneof(fc.string({ unit: 'binary' }), fc.json())
  const isRefused = fc.property(input, (one) => codes.includes(outcome(parse, one)))

  expect(fc.check(isRefused, { numRuns: 500 })).toMatchObject({ failed: false })
})

test('[FR2] a frame with one field changed is read or refused', () => {
  fc.assert(
    fc.property(clientFrame, fc.nat(20), fc.jsonValue(), (frame, which, value) => {
      const fields = Object.keys(frame)
      const changed = { ...frame, [fields[which % fields.length]!]: value }
      expect(outcome(parseClientFrame, JSON.stringify(changed))).toBeTypeOf('string')
    }),
  )
})

test('[FR2] a frame is read as the one list of frames has it, though only its own type is looked at', () => {
  const types = ClientFrame.options.map((option) => option.entries.type.literal)
  expect(new Set(types).size).toBe(types.length)
  fc.assert(
    fc.property(clientFrame, fc.option(fc.tuple(fc.nat(20), fc.jsonValue())), (frame, change) => {
      const fields = Object.keys(frame).slice(1)
      const field = change && fields[change[0] % fields.length]
      const changed = { ...frame, ...(field && { [field]: change[1] }) }
      const expected = v.safeParse(ClientFrame, JSON.parse(JSON.stringify(changed)), { abortEarly: true })
      const { type } = expected.issues?.[0] ?? {}
      const refusal = type === 'max_length' ? 'too-large' : 'bad-request'

      expect(outcome(parseClientFrame, JSON.stringify(changed))).toBe(expected.success ? frame.type : refusal)
    }),
    { numRuns: 300 },
  )
})

test('[FR1] an unknown type has a code of its own, and names what it was about', () => {
  expect(outcome(parseClientFrame, '{"type":"dance"}')).toBe('feature-not-implemented')
  expect(outcome(parseClientFrame, '{"type":"welcome"}')).toBe('feature-not-implemented')
  expect(outcome(parseClientFrame, '{"type":"__proto__"}')).toBe('feature-not-implemented')
  expect(outcome(parseServerFrame, '{"type":"auth"}')).toBe('feature-not-implemented')
})

test('[SN6] a payload that is too long has a code of its own, and the id of its frame', () => {
  const send = (chars: number) =>
    JSON.stringify({
      type: 'send',
      id,
      to: 'bob',
      kind: 'message',
      payload: 'A'.repeat(chars),
      previous: null,
      attempt: 1,
    })

  expect(outcome(parseClientFrame, send(limits.payloadBytesMax))).toBe('send')
  expect(() => parseClientFrame(send(limits.payloadBytesMax + 1))).toThrow(
    expect.objectContaining({ code: 'too-large', extra: expect.objectContaining({ id }) }),
  )
})

test('bytes have one spelling only', () => {
  expect(outcome(parseClientFrame, authWith('A'.repeat(86)))).toBe('auth')
  expect(outcome(parseClientFrame, authWith('A'.repeat(85) + 'B'))).toBe('bad-request')
  expect(outcome(parseClientFrame, authWith('A'.repeat(85)))).toBe('bad-request')
  expect(outcome(parseClientFrame, authWith('A'.repeat(85) + '='))).toBe('bad-request')
})

test('a status text is shown as it is, so it may not turn or break what stands around it', () => {
  expect(outcomeOfStatus('am Kochen 🍲')).toBe('presence')
  expect(outcomeOfStatus('x'.repeat(140))).toBe('presence')
  expect(outcomeOfStatus('🦊'.repeat(140))).toBe('presence')
  for (const status of ['x'.repeat(141), 'a\nb', 'a\u202eb', 'a\u0000b', '\ud800']) {
    expect(outcomeOfStatus(status)).toBe('bad-request')
  }
})

test('[FR4] ping and pong are known byte for byte', () => {
  expect(parseClientFrame(pingText)).toEqual({ type: 'ping' })
  expect(parseServerFrame(pongText)).toEqual({ type: 'pong' })
})

test('[FR5] every code has an action, and nothing else is a code', () => {
  for (const code of Object.keys(errors)) expect(isErrorCode(code)).toBe(true)
  expect(isErrorCode('toString')).toBe(false)
})
