// The background of test/support/screens.ts: answers what a page asks, by what was typed, and does nothing.
const info = {
  name: 'Example relay',
  relayId: 'A'.repeat(43),
  versions: [1],
  now: 0,
  invite: 'none',
  limits: {},
}
const refuse = (code, retryAfterMs) => ({ ok: false, code, detail: code, retryAfterMs })
const answers = {
  relayInfo(relay) {
    const host = URL.canParse(relay) ? new URL(relay).hostname : ''
    const code = {
      '': 'address-invalid',
      'insecure.example': 'address-insecure',
      'away.example': 'unreachable',
      'shop.example': 'not-a-relay',
      'old.example': 'unsupported-version',
    }[host]
    return code ? refuse(code) : { ok: true, value: info }
  },
  signUp({ user }) {
    if (user === 'slow') return new Promise(() => {})
    if (user === 'taken') return refuse('conflict')
    if (user === 'again') return refuse('policy-violation', 95_000)
    return { ok: true, value: { recoveryCode: 'K7QF-2M9X-TB4D-HW6P-8RZN-3CVJ-Y5' } }
  },
  signIn: () => refuse('not-authorized'),
  knock: () => refuse('policy-violation', 3_600_000),
}

chrome.runtime.onMessage.addListener(({ command, args }, _, respond) => {
  const answer = answers[command]?.(...args) ?? { ok: true, value: undefined }
  void Promise.resolve(answer).then(respond)
  return true
})
