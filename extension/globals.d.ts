/** Address of the relay this build offers first: PARLEY_RELAY at build time (wxt.config.ts). */
declare const __RELAY__: string
