/**
 * How hard a password is to guess, roughly. Whoever has the relay's data can try passwords at leisure, slowed by
 * Argon2id only; so there is a floor, and a hint above it. No dictionary: what makes real passwords weak most often
 * (short, repeated, the name again, keys in a row) is seen without one.
 */
export const passwordLengthMin = 10
const distinctMin = 5

export type PasswordProblem = 'empty' | 'short' | 'simple' | 'name'
export type PasswordStrength = 'weak' | 'fair' | 'strong'

const rows = ['abcdefghijklmnopqrstuvwxyz', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm', '01234567890']
const common = /password|passwort|letmein|iloveyou|welcome|monkey|dragon/

const isNextKey = (before: string, char: string) =>
  rows.some(
    (row) =>
      Math.abs(row.indexOf(char) - row.indexOf(before)) === 1 && row.includes(char) && row.includes(before),
  )

/** Why a password is refused for a new account, or null. */
export function passwordProblem(password: string, user: string): PasswordProblem | null {
  const chars = Array.from(password)
  if (chars.length === 0) return 'empty'
  if (chars.length < passwordLengthMin) return 'short'
  const lower = password.toLowerCase()
  if (user !== '' && lower.replaceAll(user, '').length < 4) return 'name'
  if (new Set(chars).size < distinctMin || bits(lower) < 28) return 'simple'
  return null
}

export function passwordStrength(password: string): PasswordStrength {
  const guess = bits(password)
  return guess < 45 ? 'weak' : guess < 65 ? 'fair' : 'strong'
}

/** Bits of guessing: every character counts by its alphabet, and little where it follows from the one before. */
function bits(password: string): number {
  const alphabet =
    (/[a-z]/.test(password) ? 26 : 0) +
    (/[A-Z]/.test(password) ? 26 : 0) +
    (/\d/.test(password) ? 10 : 0) +
    (/[^a-zA-Z\d]/.test(password) ? 24 : 0)
  const each = Math.log2(Math.max(2, alphabet))
  const lower = Array.from(password.toLowerCase())
  const sum = lower.reduce((total, char, at) => {
    const before = lower[at - 1]
    const follows = before !== undefined && (before === char || isNextKey(before, char))
    return total + (follows ? 1 : each)
  }, 0)
  return common.test(password.toLowerCase()) ? sum / 2 : sum * 0.85
}
