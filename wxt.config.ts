import { preact } from '@preact/preset-vite'
import { defineConfig } from 'wxt'

/** The relay a new user is offered first. PARLEY_RELAY=https://relay.example npm run build makes a build for a community. */
const relay = process.env.PARLEY_RELAY ?? 'http://127.0.0.1:1999'

/**
 * The relay is the user's choice, so any https and wss host may be reached, and a relay on this machine without
 * TLS. Firefox's own default would upgrade ws://127.0.0.1 to wss, therefore no upgrade-insecure-requests here.
 */
const policy = [
  "default-src 'self'",
  "script-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-src 'none'",
  "connect-src 'self' https: wss: http://127.0.0.1:* ws://127.0.0.1:* http://localhost:* ws://localhost:*",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "style-src 'self'",
  "font-src 'self'",
].join('; ')

/** A public key fixes the id of an unpacked Chrome build to dghpicnidlbpgopgfbmfiddpbchhiege wherever it lies. */
const chromeKey =
  'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA39ldP6FOZiAEaTtpDpgjZ1NTaxpbZz1WkoM4gHWfNuc1bY/kJPDZnk6HMJX9bAqYpgB3FfPoh4nmiUMpdzdZEDaP6LcAb+XwTI5goT84qHdw8q1yL3tGUq0G9iTGe+52+aKE+5+RRljWVeQwoYsLSdje/IqaFzNMoO4PqbLnATPLuuj4qL3WOwBxn00NuTLopAz7zCZvJwMlp0wPN6f17QnFndpKSgFw2KWCkELaseHe/00T5MgLZdjokf1IZEaMZYNvHGFZjQ5NEMn6SOdp+m5xXxx41jjvHxu+CP2UjGIhnD6xsghk0/a7Cc/8cRaiNksikh1SsESOf3LcvmsStwIDAQAB'

export default defineConfig({
  srcDir: 'extension',
  publicDir: 'extension/public', // the default is ./public: icons go missing without a word
  imports: false, // every import is written out, so the layers can be seen and tested
  manifestVersion: 3, // WXT's default for Firefox is 2
  vite: () => ({
    plugins: [preact()],
    define: { __RELAY__: JSON.stringify(relay) },
    build: { sourcemap: false },
  }),
  zip: { excludeSources: ['relay/**', 'test/**'] }, // what a store reviewer needs to rebuild, no more
  manifest: ({ browser }) => ({
    name: '__MSG_appName__',
    description: '__MSG_appDescription__',
    default_locale: 'en',
    permissions: [
      'storage',
      'unlimitedStorage',
      'alarms',
      'idle',
      'notifications',
      ...(browser === 'firefox' ? [] : ['offscreen']), // the sound of a message; no warning at install
    ],
    action: { default_title: '__MSG_appName__' },
    incognito: 'not_allowed', // history is kept on this device: a private window could not keep its promise
    content_security_policy: { extension_pages: policy },
    ...(browser === 'firefox'
      ? {
          browser_specific_settings: {
            gecko: {
              id: 'parley@parley.chat',
              strict_min_version: '142.0',
              data_collection_permissions: { required: ['personalCommunications', 'authenticationInfo'] },
            },
          },
        }
      : { minimum_chrome_version: '137', key: chromeKey }),
  }),
})
