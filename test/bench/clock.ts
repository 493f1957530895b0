/** For `--import`: the process lives as many milliseconds later as the file says, so that accounts are no longer new. */
import { readFileSync } from 'node:fs'

const file = process.env['BENCH_CLOCK']
if (file !== undefined) {
  const laterMs = Number(readFileSync(file, 'utf8'))
  const now = Date.now
  Date.now = () => now() + laterMs
}
