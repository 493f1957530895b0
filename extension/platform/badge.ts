/** The number on the toolbar button. Never colour alone: the title says the same in words. */
import { browser } from 'wxt/browser'

const colours = { unread: '#b42318', requests: '#1864ab' }

export interface BadgeState {
  unread: number
  requests: number
  connected: boolean
}

export const badgeText = ({ unread, requests }: BadgeState): string => {
  const total = unread + requests
  return total === 0 ? '' : total > 99 ? '99+' : String(total)
}

/** Set again at every start of the background: no browser keeps it. */
export async function showBadge(state: BadgeState, title: string): Promise<void> {
  await Promise.all([
    browser.action.setBadgeText({ text: badgeText(state) }),
    browser.action.setBadgeBackgroundColor({ color: state.unread > 0 ? colours.unread : colours.requests }),
    browser.action.setTitle({ title }),
  ])
}
