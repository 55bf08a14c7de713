// Steps of a story in which a page on a desktop without a wallet asks a phone
// with one: two browsers that share nothing but the relay, on the real demo.
import assert from 'node:assert/strict'
import { after } from 'node:test'
import { handoverWords } from '../../handover-words.js'
import { assertAccessible, assertLoopback, launch, watch } from './chromium.mjs'
import { unlock } from './people.mjs'
import { picture } from './pictures.mjs'
import { everyWord } from './words.mjs'

const words = await everyWord()
const text = 'Written at a desk, proven on a phone.'

/**
 * @param {ReturnType<import('./steps.mjs').steps>} step @param {{skip: string | false}} options
 * @param {() => {demo: any, phone: import('playwright-core').BrowserContext}} story the phone's wallet is a member's
 */
export function handover(step, options, story) {
  let demo, desk, phone, atDesk, onPhone, board
  after(() => desk?.close())

  /** Presses the second button. @returns {Promise<string>} the link that the code holds */
  async function link() {
    await board.getByLabel('Your post').fill(text)
    await board.locator('#check').getByRole('button', { name: 'Use your phone' }).click()
    await board.getByRole('img', { name: handoverWords.en.code }).waitFor()
    return board.locator('#check .handover code').textContent()
  }
  async function scan(address) {
    const page = await phone.newPage()
    await page.setViewportSize({ width: 360, height: 740 })
    await page.goto(address)
    return page
  }
  const says = (what) => board.locator('#check').getByRole('status').getByText(what, { exact: true }).waitFor()
  const finds = async (address, what) => {
    const page = await scan(address)
    await page.getByRole('heading', { name: 'Nobody asked' }).waitFor()
    assert.match(await page.getByRole('alert').textContent(), what)
    assert.equal(page.url(), demo.wallet + '/')
    await page.close()
  }

  step('the phone has a wallet; the desktop has none', { ...options, timeout: 60_000 }, async () => {
    ;({ demo, phone } = story())
    desk = await launch({ blocking: true })
    atDesk = watch(desk)
    onPhone = watch(phone)
    board = await desk.newPage()
    await board.clock.install()
    await board.goto(demo.board)
    await board.locator('#check').getByRole('button', { name: 'Use your phone' }).waitFor()
  })

  step('a window that nobody clicked for is blocked, which the widget says; the second button needs none', { ...options, timeout: 60_000 }, async () => {
    // Not by way of the driver: what it evaluates counts as the person's doing.
    const page = await desk.newPage()
    await page.addInitScript(() => {
      const look = setInterval(() => {
        const claim = document.getElementById('claim')
        if (!claim?.getAttribute('wallet')) return
        clearInterval(look)
        claim.execute().catch((err) => console.log('refused', err.code))
      }, 50)
    })
    const [said] = await Promise.all([page.waitForEvent('console', (m) => m.text().startsWith('refused')), page.goto(demo.board)])
    assert.equal(said.text(), 'refused popup_blocked')
    await page.locator('#claim').getByRole('status').getByText(words.en.popup_blocked, { exact: true }).waitFor()
    await page.close()
    const [popup] = await Promise.all([desk.waitForEvent('page'), board.locator('#claim').getByRole('button').first().click()])
    await popup.getByText('There is no wallet in this browser yet').waitFor()
    await popup.close()
    await board.locator('#claim').getByRole('status').getByText(words.en.cancelled, { exact: true }).waitFor()
    assert.equal(await board.getByRole('button', { name: 'Use your phone' }).count(), 3)
  })

  step('a code is scanned, the phone proves, the post stands on the desktop', { ...options, timeout: 120_000 }, async () => {
    const address = await link()
    const key = address.split('#').at(-1)
    await picture(board, 'handover-desktop')
    const page = await scan(address)
    await page.getByRole('heading', { name: /asks: are you one human/ }).waitFor()
    assert.equal(page.url(), demo.wallet + '/', 'the key stays in the address')
    assert.match(await page.locator('#relayed').textContent(), new RegExp(`Go on only if ${new URL(demo.board).host} is open on your other screen`))
    await unlock(page)
    const prove = page.getByRole('button', { name: 'Prove it' })
    await prove.waitFor({ timeout: 60_000 })
    assert.ok(await page.getByText(text).isVisible())
    await picture(page, 'handover-phone')
    const inPerson = page.getByLabel(/is open on my other screen, and I started this there myself/)
    await page.waitForFunction(() => document.activeElement?.id === 'in-person') // which is when the wait for a stray key is over
    assert.ok(await prove.isDisabled(), 'a scanned question is answered by one click')
    await inPerson.check()
    await prove.click()
    await page.getByRole('heading', { name: 'Go on at your other screen' }).waitFor({ timeout: 60_000 })
    await assertAccessible(page, 'after the answer')
    await board.locator('.post', { hasText: text }).getByRole('button', { name: /verified human/ }).waitFor()
    assert.equal(await board.locator('#check .handover').count(), 0)
    await page.close()

    const all = [...atDesk.requests, ...onPhone.requests]
    const relayed = all.filter((r) => new URL(r.url).pathname.startsWith('/relay') && r.body)
    assert.deepEqual(relayed.map((r) => `${r.method} ${r.url.split('/').at(-1)}`), ['PUT question', 'PUT answer'])
    const [, ...challenge] = /([\w-]{343})\.([\w-]{375})/.exec(all.filter((r) => r.url === demo.board + '/posts' && r.method === 'POST').map((r) => r.url + JSON.stringify(r.headers) + r.body).join()) ?? []
    assert.equal(challenge.length, 2)
    for (const { body } of relayed) {
      assert.equal(body.length % 1024, 0)
      for (const plain of ['post', 'challenge', 'perhuman', text, 'agora', ...challenge]) assert.equal(body.indexOf(plain), -1, `the relay reads ${plain.slice(0, 20)}`)
    }
    for (const r of all) assert.ok(!(r.url + JSON.stringify(r.headers) + (r.body ?? '')).includes(key), `the key is in ${r.method} ${r.url}`)
    await finds(address, /used already/) // read once
  })

  step('declined on the phone, cancelled on the desktop', { ...options, timeout: 120_000 }, async () => {
    const page = await scan(await link())
    await page.getByRole('button', { name: 'Decline' }).click()
    await page.getByRole('heading', { name: 'Go on at your other screen' }).waitFor()
    await says(words.en.cancelled)
    await page.close()

    // A phone whose clock is six minutes ahead takes every code for one that is over: it says what is wrong.
    const ahead = await phone.newPage()
    await ahead.clock.setSystemTime(Date.now() + 360_000)
    await ahead.goto(await link())
    await ahead.getByText('6 minutes ago').and(ahead.getByText('the clock is ahead')).waitFor()
    await ahead.getByRole('button', { name: 'Back to the site' }).click()
    await says(`${words.en.failed} (clock_ahead)`)
    await ahead.close()

    const taken = await link()
    const gone = board.waitForResponse((r) => r.url().endsWith('/question'))
    await board.getByRole('button', { name: 'Cancel' }).click()
    await says(handoverWords.en.codes.handover_cancelled)
    assert.equal((await gone).status(), 200)
    await finds(taken, /taken back/)
  })

  step('a broken link, a wrong key, another site’s name: nothing is asked', { ...options, timeout: 120_000 }, async () => {
    const address = await link()
    await finds(address.slice(0, -1), /address is not complete/)
    await finds(address.slice(0, -43) + 'A'.repeat(43), /used already/) // another key, another box
    // A relay that hands out what lies in another box, though both are good.
    const swapped = '**/relay/*/question'
    const other = await board.evaluate(async (wallet) => {
      const { boxOf, newKey, seal } = await import('/perhuman/relay.js')
      const key = newKey(), at = `${wallet}/relay/${await boxOf(key)}/question`
      await fetch(at, { method: 'PUT', headers: { 'Content-Type': 'application/octet-stream' }, body: await seal(key, 'question', { type: 'perhuman-request', origin: location.origin }) })
      return at
    }, demo.wallet)
    await phone.route(swapped, (route) => route.continue({ url: other }))
    await finds(address, /does not open/)
    await phone.unroute(swapped)
    assert.match(address, /#[\w-]{43}$/)
    await board.getByRole('button', { name: 'Cancel' }).click()
    await says(handoverWords.en.codes.handover_cancelled)

    // The board's own challenge, handed on under another name, as a phishing page would.
    const forged = await board.evaluate(async (wallet) => {
      const { boxOf, seal, newKey, linkOf } = await import('/perhuman/relay.js')
      const json = { 'Content-Type': 'application/json' }
      const c = await (await fetch('/perhuman/challenge', { method: 'POST', headers: json, body: JSON.stringify({ action: 'sign-in' }) })).json()
      const links = []
      for (const origin of [location.origin.replace('agora', 'bank'), 'https://' + location.host, 'http://192.168.0.1']) {
        const key = newKey()
        const body = await seal(key, 'question', { type: 'perhuman-request', origin, action: c.action, kind: c.policy, len: c.period, k: c.k, challenge: c.challenge, content_digest: 'A'.repeat(43) })
        await fetch(`${wallet}/relay/${await boxOf(key)}/question`, { method: 'PUT', headers: { 'Content-Type': 'application/octet-stream' }, body })
        links.push(linkOf(wallet, key))
      }
      return links
    }, demo.wallet)
    for (const [i, what] of [/made for another site/, /Only sites with https/, /Only sites with https/].entries()) {
      const page = await scan(forged[i])
      await page.locator('.note.bad').getByText(what).waitFor()
      assert.equal(await page.getByRole('button', { name: 'Prove it' }).count(), 0)
      await page.close()
    }
  })

  step('over time, the code is taken back', { ...options, timeout: 60_000 }, async () => {
    const late = await link()
    const back = board.waitForResponse((r) => r.url().endsWith('/question'))
    await board.clock.fastForward('05:01')
    await says(words.en.timeout)
    await back
    await finds(late, /older than five minutes/)
  })

  step('nothing left this machine, and nothing was complained about', options, () => {
    assertLoopback(atDesk, demo.port)
    assertLoopback(onPhone, demo.port)
    // A code that was read already answers 404, which the browser notes.
    const complaints = [...atDesk.complaints, ...onPhone.complaints].filter((c) => !/status of 404/.test(c))
    assert.deepEqual(complaints, [])
  })
}
