import { defineConfig } from 'vitest/config'
import { WxtVitest } from 'wxt/testing/vitest-plugin'

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  plugins: [WxtVitest()], // brings wxt.config.ts with its Preact plugin, and a fake browser
  define: { __RELAY__: JSON.stringify('http://127.0.0.1:1999') }, // the plugin does not bring WXT's own
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    retry: process.env.CI ? 1 : 0, // as end to end: what failed once only is listed with its retry
    testTimeout: 20_000, // whole engines and real relays, on a machine that does other things as well
    maxWorkers: 2, // the default keeps one core free, and much of the time is spent on waiting
    coverage: {
      provider: 'v8',
      include: ['{extension,relay,shared}/**/*.{ts,tsx}'],
      reportsDirectory: '.output/coverage',
    },
  },
})
