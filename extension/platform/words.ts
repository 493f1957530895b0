/** The words of notifications, in the browser's language. */
import { browser } from 'wxt/browser'
import type { Words } from '../engine/ports.ts'

export const alertWords: Words = {
  title: (peer) => peer,
  many: (count) => browser.i18n.getMessage('alertMany', String(count)),
  knock: (peer) => browser.i18n.getMessage('alertKnock', peer),
  joined: (peer) => browser.i18n.getMessage('alertJoined', peer),
  asks: (peer) => browser.i18n.getMessage('alertAsks', peer),
  online: (peer) => browser.i18n.getMessage('alertOnline', peer),
  signIn: (device) => browser.i18n.getMessage('alertSignIn', device),
  notYou: () => browser.i18n.getMessage('alertNotYou'),
  somebody: () => browser.i18n.getMessage('alertSomebody'),
  aMessage: () => browser.i18n.getMessage('alertMessage'),
  photo: () => browser.i18n.getMessage('alertPhoto'),
  file: (name) => browser.i18n.getMessage('alertFile', name),
  missed: (messages, people) =>
    people === 1
      ? browser.i18n.getMessage('alertMany', String(messages))
      : browser.i18n.getMessage('alertMissed', [String(messages), String(people)]),
}
