/** The one place that turns a refusal into an HTTP answer. */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import * as v from 'valibot'
import { errors, ProtocolError, type ErrorCode } from '#shared/errors'

const statuses = {
  'bad-request': 400,
  'feature-not-implemented': 501,
  'too-large': 413,
  'not-authorized': 401,
  'credentials-expired': 401,
  'account-disabled': 403,
  'unsupported-version': 426,
  'policy-violation': 429,
  'resource-constraint': 503,
  'unexpected-request': 409,
  forbidden: 403,
  'not-allowed': 403,
  'not-acceptable': 406,
  'item-not-found': 404,
  gone: 410,
  expired: 410,
  'recipient-unavailable': 404,
  conflict: 409,
  'remote-server-not-found': 404,
  'internal-server-error': 500,
} as const satisfies Record<ErrorCode, number>

/** @see `Refusal` in shared/api.ts. `status` where a more exact one than the code's is known. */
export function refusal({ code, extra }: ProtocolError, status: number = statuses[code]): Response {
  const { retryAfterMs, detail } = extra
  const body = { error: { code, action: errors[code].action, retryAfterMs, detail } }
  const headers = new Headers({ 'cache-control': 'no-store' })
  if (retryAfterMs !== undefined) headers.set('retry-after', String(Math.ceil(retryAfterMs / 1000)))
  return Response.json(body, { status, headers })
}

/** What a thrown thing says to the outside: refusals speak for themselves, of our own mistakes it tells nothing. */
export function asProtocolError(thrown: unknown): ProtocolError {
  if (thrown instanceof ProtocolError) return thrown
  if (thrown instanceof HTTPException) {
    if (thrown.status === 504)
      return new ProtocolError('resource-constraint', 'took too long', { retryAfterMs: 5000 })
    if (thrown.status === 413) return new ProtocolError('too-large', 'the body is over the limit')
    if (thrown.status < 500) return new ProtocolError('bad-request', 'the request could not be read')
  }
  return new ProtocolError('internal-server-error')
}

/** The one who asks has gone, or is at odds with HTTP: nothing that an operator could do anything about. */
export const brokeOff = () => new ProtocolError('bad-request', 'the body broke off')

/** Reads a JSON body. @throws ProtocolError `bad-request` or `too-large`: nothing past here sees unchecked input. */
export async function readBody<Schema extends v.GenericSchema>(
  c: Context,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const text = await c.req.text().catch(() => {
    throw brokeOff()
  })
  let input: unknown
  try {
    input = JSON.parse(text)
  } catch {
    throw new ProtocolError('bad-request', 'the body is not JSON')
  }
  const result = v.safeParse(schema, input, { abortEarly: true })
  if (result.success) return result.output
  const issue = result.issues[0]
  const code = issue.type === 'max_length' ? 'too-large' : 'bad-request'
  throw new ProtocolError(code, `${v.getDotPath(issue) ?? 'body'}: ${issue.type}`)
}
