/**
 * Notifications: one for each person, replaced and never stacked. What it is about stands in its id, because a click
 * may wake a background that knows nothing any more. That one was closed tells nothing: the system closes them too.
 */
import { browser } from 'wxt/browser'
import type { UserId } from '#shared/ids'
import { isUserName } from '#shared/names'
import type { Alert } from '../engine/ports.ts'
import { isFirefox } from './browser-name.ts'

type Notification = Extract<Alert, { type: 'notification' }>
export type About = Notification['about']
export type NotificationAnswer = 'open' | 'reply' | 'read' | 'accepted' | 'later' | 'rejected'

/** What its buttons say, and what they mean. Firefox has no buttons, and shows nothing at all when it is given some. */
const buttonsOf: Record<About, [key: ButtonKey, answer: NotificationAnswer][]> = {
  message: [
    ['reply', 'reply'],
    ['markRead', 'read'],
  ],
  prompt: [
    ['accept', 'accepted'],
    ['notNow', 'later'],
  ],
  knock: [
    ['accept', 'accepted'],
    ['reject', 'rejected'],
  ],
  presence: [],
}
type ButtonKey = 'reply' | 'markRead' | 'accept' | 'notNow' | 'reject'

const kinds = Object.keys(buttonsOf) as About[]
export const notificationId = (about: About, peer: UserId) => `${about}:${peer}`

export function readNotificationId(id: string): { about: About; peer: UserId } | null {
  const at = id.indexOf(':')
  const about = kinds.find((kind) => kind === id.slice(0, at))
  const peer = id.slice(at + 1)
  return about && isUserName(peer) ? { about, peer } : null
}

/** Only what the browser knows: Firefox throws at any other option. Sound is a switch of its own (sound.ts). */
export function notificationOptions(
  { title, text, about }: Omit<Notification, 'type' | 'peer'>,
  firefox = isFirefox,
) {
  const common = {
    type: 'basic' as const,
    iconUrl: browser.runtime.getURL('/icon/128.png'),
    title,
    message: text,
  }
  if (firefox) return common
  const buttons = buttonsOf[about].map(([key]) => ({ title: browser.i18n.getMessage(key) }))
  return { ...common, silent: true, buttons }
}

export async function notify(notification: Notification): Promise<void> {
  const { peer, about } = notification
  const others = kinds.filter((kind) => kind !== about)
  await Promise.all(others.map((kind) => browser.notifications.clear(notificationId(kind, peer))))
  await browser.notifications.create(notificationId(about, peer), notificationOptions(notification))
}

/** About no person, so it is none of those above; the next one takes its place. */
const signInId = 'sign-in'

export async function notifySignIn({ title, text }: { title: string; text: string }): Promise<void> {
  const options = notificationOptions({ title, text, about: 'presence' })
  await browser.notifications.create(signInId, options)
}

/** Must be called while the background starts, like `onNotification`. */
export function onSignInNotification(open: () => void): void {
  browser.notifications.onClicked.addListener((id) => {
    if (id !== signInId) return
    void browser.notifications.clear(id)
    open()
  })
}

export async function clearNotification(peer: UserId): Promise<void> {
  await Promise.all(kinds.map((kind) => browser.notifications.clear(notificationId(kind, peer))))
}

/** Must be called while the background starts, or the browser does not wake it for a click. */
export function onNotification(answer: (peer: UserId, what: NotificationAnswer) => void): void {
  function told(id: string, whatOf: (about: About) => NotificationAnswer | undefined) {
    const known = readNotificationId(id)
    const what = known && whatOf(known.about)
    if (!what) return
    void browser.notifications.clear(id)
    answer(known.peer, what)
  }
  browser.notifications.onClicked.addListener((id) => told(id, () => 'open'))
  // Absent in Firefox.
  browser.notifications.onButtonClicked?.addListener((id, button) =>
    told(id, (about) => buttonsOf[about][button]?.[1]),
  )
}
