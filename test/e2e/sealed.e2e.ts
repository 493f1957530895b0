/** Sealed messages in real browsers, whose backgrounds die all the time. */
import { stopWorkers } from '../support/chromium.ts'
import { chatTab, say, type Person } from '../support/people.ts'
import { expect, test } from './fixtures.ts'

const messages = 200
const kills = 100

/** What the browser has stored of a conversation, past everything that shows it. */
const stored = ({ popup }: Person, peer: string) =>
  popup.evaluate(
    (name) =>
      new Promise<(string | null)[]>((done, fail) => {
        const open = indexedDB.open('parley')
        open.addEventListener('error', () => fail(open.error))
        open.addEventListener('success', () => {
          const rows = open.result.transaction('messages').objectStore('messages').getAll()
          rows.addEventListener('error', () => fail(rows.error))
          rows.addEventListener('success', () => {
            type Row = { peer: string; kind: string; content: { text: string } | null; removed?: string }
            const said = (rows.result as Row[]).filter(
              (row) => row.peer === name && row.kind === 'message' && !row.removed,
            )
            // What the two said in other tests is not asked about; what cannot be read would be.
            const texts = said.map(({ content }) => content && content.text)
            done(texts.filter((text) => text === null || text.startsWith('amid kills ')))
            open.result.close()
          })
        })
      }),
    peer,
  )

/** Each start of a background connects once, and counts it. */
const starts = ({ popup }: Person) =>
  popup.evaluate(
    () =>
      new Promise<number>((done, fail) => {
        const open = indexedDB.open('parley')
        open.addEventListener('error', () => fail(open.error))
        open.addEventListener('success', () => {
          const row = open.result.transaction('account').objectStore('account').get('me')
          row.addEventListener('error', () => fail(row.error))
          row.addEventListener('success', () => {
            done((row.result as { generation: number }).generation)
            open.result.close()
          })
        })
      }),
  )
const startsOf = async (...people: Person[]) =>
  (await Promise.all(people.map(starts))).reduce((sum, one) => sum + one, 0)

test(`the background is killed more than ${kills} times during ${messages} messages: each is stored once, and readable`, async ({
  pair: { alice, bob },
}) => {
  test.setTimeout(240_000)
  const [hers, his] = await Promise.all([chatTab(alice, bob.name), chatTab(bob, alice.name)])
  const before = await startsOf(alice, bob)
  const sent: string[] = []
  for (let number = 0; number < messages; number++) {
    const text = `amid kills ${number}`
    await say(number % 2 ? his : hers, text)
    sent.push(text)
    await stopWorkers((number % 4 < 2 ? alice : bob).context)
  }
  // Whoever opens anything wakes a background; nobody else does here.
  const wakes = await Promise.all([alice, bob].map(({ page }) => page('popup.html')))
  await expect(async () => {
    expect((await stored(alice, bob.name)).toSorted()).toEqual(sent.toSorted())
    expect((await stored(bob, alice.name)).toSorted()).toEqual(sent.toSorted())
  }).toPass({ timeout: 60_000 })

  // Not each of them had come so far as to connect before it was killed again.
  const started = (await startsOf(alice, bob)) - before
  console.info(`${messages} kills, ${started} backgrounds that connected`)
  expect(started).toBeGreaterThan(kills)
  await Promise.all([hers, his, ...wakes].map((page) => page.close()))
})

test('both see the same safety number, and who has compared it sees a mark', async ({
  pair: { alice, bob },
}) => {
  const [hers, his] = await Promise.all([chatTab(alice, bob.name), chatTab(bob, alice.name)])
  const numberIn = async (chat: typeof hers) => {
    await chat.getByRole('button', { name: 'More' }).click()
    await chat.getByRole('menuitem', { name: 'Safety number' }).click()
    const groups = chat.getByRole('dialog').getByRole('list', { name: 'Safety number' }).getByRole('listitem')
    await expect(groups).toHaveCount(12)
    return groups.allInnerTexts()
  }
  expect(await numberIn(hers)).toEqual(await numberIn(his))

  await hers.getByRole('button', { name: 'Mark as verified' }).click()
  await expect(hers.getByRole('button', { name: 'Not verified any more' })).toBeVisible()
  await hers.getByRole('button', { name: 'Close' }).click()
  await expect(hers.getByRole('banner').getByText('Verified')).toBeAttached()
  await Promise.all([hers.close(), his.close()])
})
