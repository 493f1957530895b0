import { defineConfig } from 'vitest/config'
import { WxtVitest } from 'wxt/testing/vitest-plugin'

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  plugins: [WxtVitest()], // brings wxt.config.ts with its Preact plugin, and a fake browser
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    coverage: {
      provider: 'v8',
      include: ['{extension,relay,shared}/**/*.{ts,tsx}'],
      reportsDirectory: '.output/coverage',
    },
  },
})
