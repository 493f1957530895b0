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
  devices: () => ({
    ok: true,
    value: [
      { id: 'AAAAAAAAAAA', seen: Date.now(), connected: true },
      { id: 'BBBBBBBBBBB', seen: Date.UTC(2026, 2, 17, 9, 12), connected: false },
      { id: 'CCCCCCCCCCC', seen: 0, connected: true },
    ],
  }),
  removeDevice: () => refuse('not-authorized'),
  signIn: () => refuse('not-authorized'),
  knock: () => refuse('policy-violation', 3_600_000),
  safetyNumber: () => ({
    ok: true,
    value: {
      digits: '27182 81828 45904 52353 60287 47135 26624 97757 24709 36999 59574 96696'.split(' '),
      words: 'otter lamp velvet orbit canyon maple ticket winter harbor piano'.split(' '),
      qr: 'PARLEY1:271828182845904523536028747135266249775724709369995957496696',
      acct: 'B'.repeat(22),
      isOther: false,
    },
  }),
}

chrome.runtime.onMessage.addListener(({ command, args }, _, respond) => {
  const answer = answers[command]?.(...args) ?? { ok: true, value: undefined }
  void Promise.resolve(answer).then(respond)
  return true
})
