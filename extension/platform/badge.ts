/** The number on the toolbar button. Never colour alone: the title says the same in words. */
import { browser } from 'wxt/browser'

const colours = { unread: '#b42318', requests: '#1864ab' }

export interface BadgeState {
  unread: number
  requests: number
  connected: boolean
}

/** No browser has room for more than four characters. */
export const badgeText = ({ unread, requests }: BadgeState): string => {
  const total = unread + requests
  return total === 0 ? '' : total > 99 ? '99+' : String(total)
}

/** Blue only when nothing but people who knock is waiting. */
export const badgeColour = ({ unread }: BadgeState): string =>
  unread > 0 ? colours.unread : colours.requests

export function badgeTitle({ unread, requests, connected }: BadgeState): string {
  const { getMessage } = browser.i18n
  const parts = [
    unread > 0 ? getMessage(unread === 1 ? 'badgeUnreadOne' : 'badgeUnreadMany', String(unread)) : '',
    requests > 0
      ? getMessage(requests === 1 ? 'badgeRequestsOne' : 'badgeRequestsMany', String(requests))
      : '',
    connected ? '' : getMessage('badgeOffline'),
  ].filter((part) => part !== '')
  return parts.length === 0 ? getMessage('appName') : `${getMessage('appName')}: ${parts.join(', ')}`
}

/** Set again at every start of the background: no browser keeps it. */
export async function showBadge(state: BadgeState): Promise<void> {
  await Promise.all([
    browser.action.setBadgeText({ text: badgeText(state) }),
    browser.action.setBadgeBackgroundColor({ color: badgeColour(state) }),
    browser.action.setTitle({ title: badgeTitle(state) }),
  ])
}
