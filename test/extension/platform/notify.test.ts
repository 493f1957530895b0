import { fakeBrowser } from 'wxt/testing/fake-browser'
import { beforeEach, expect, test, vi } from 'vitest'
import type { UserId } from '#shared/ids'
import english from '../../../extension/public/_locales/en/messages.json' with { type: 'json' }
import {
  clearNotification,
  notificationId,
  notificationOptions,
  notify,
  onNotification,
  readNotificationId,
  type About,
} from '../../../extension/platform/notify.ts'

const bob = 'bob' as UserId

beforeEach(() => {
  fakeBrowser.reset()
  fakeBrowser.i18n.getMessage = (key: string) =>
    (english as Record<string, { message: string }>)[key]!.message
})

const options = (about: About, firefox = false) =>
  notificationOptions({ about, title: 'bob', text: 'hello' }, firefox) as { buttons?: { title: string }[] }

test.each<[About, string[]]>([
  ['message', ['Reply', 'Mark as read']],
  ['prompt', ['Accept', 'Not now']],
  ['knock', ['Accept', 'Reject']],
  ['presence', []],
])('a notification about a %s has the buttons %j', (about, titles) => {
  expect(options(about).buttons!.map(({ title }) => title)).toEqual(titles)
})

test('in Firefox there are only options that it knows: any other would show nothing at all', () => {
  expect(Object.keys(options('message', true)).toSorted()).toEqual(['iconUrl', 'message', 'title', 'type'])
})

test('what it is about, and whom, can be read from the id alone', () => {
  expect(readNotificationId(notificationId('knock', bob))).toEqual({ about: 'knock', peer: 'bob' })
  expect(readNotificationId('chat:bob')).toBe(null)
  expect(readNotificationId('message:../x')).toBe(null)
  expect(readNotificationId('')).toBe(null)
})

test('[R-43] there is one notification for each person, whatever it is about', async () => {
  const told = { type: 'notification', peer: bob, title: 'bob', text: 'hello' } as const

  await notify({ ...told, about: 'message' })
  await notify({ ...told, about: 'message' })
  await notify({ ...told, about: 'prompt' })
  await notify({ ...told, peer: 'carol' as UserId, about: 'message' })

  expect(Object.keys(await fakeBrowser.notifications.getAll()).toSorted()).toEqual([
    'message:carol',
    'prompt:bob',
  ])
  await clearNotification(bob)
  expect(Object.keys(await fakeBrowser.notifications.getAll())).toEqual(['message:carol'])
})

test('a click and a button are told as what they mean, and closing is told as nothing', async () => {
  const told: string[] = []
  let press: (id: string, button: number) => void = () => {}
  vi.spyOn(fakeBrowser.notifications.onButtonClicked, 'addListener').mockImplementation(
    (listener) => (press = listener),
  )
  onNotification((peer, what) => void told.push(`${peer} ${what}`))

  await fakeBrowser.notifications.onClicked.trigger('message:bob')
  for (const about of ['message', 'prompt', 'knock', 'presence']) {
    press(`${about}:bob`, 0)
    press(`${about}:bob`, 1)
  }
  await fakeBrowser.notifications.onClosed.trigger('message:bob', true)

  expect(told).toEqual([
    'bob open',
    'bob reply',
    'bob read',
    'bob accepted',
    'bob later',
    'bob accepted',
    'bob rejected',
  ])
})
