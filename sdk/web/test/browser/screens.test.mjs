// Every screen of the wallet in every language fits a phone, a narrow window and
// a phone whose letters are twice as large; and what is pressed is large enough.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { launch, skip } from '../support/chromium.mjs'
import { start } from '../support/demo.mjs'
import { test } from '../support/steps.mjs'
import { draw, unfit, vkey } from '../support/screens.mjs'

const why = skip() || (process.env.PERHUMAN_LONG ? false : 'PERHUMAN_LONG=1 draws every screen in four languages')
let demo
before(async () => { if (!why) demo = await start() }, { timeout: 180_000 })
after(() => demo?.stop())

const press = (/** @type {string} */ selector, nth = 0) => (page) => page.locator(selector).nth(nth).click()
const fold = (nth) => press('main > section > details > summary, main > section > div > details > summary', nth)
const backup = (nth) => async (page) => {
  await press('.card.stack > .row button', nth)(page)
  await page.locator('dialog[open]').waitFor()
}
const both = (...acts) => async (page) => { for (const act of acts) await act(page) }
const bring = press('button.quiet')

/** A name, the state that is drawn (none: as a first visit finds it), and what is pressed then. */
const screens = /** @type {[string, string?, ((page: import('playwright-core').Page) => Promise<unknown>)?][]} */ ([
  ['welcome'], ['passphrase', undefined, press('.card button', 1)], ['lost?', undefined, press('#lost > summary')], ['bring', undefined, bring],
  ['bring, refused', undefined, both(bring, (p) => p.locator('#backup').fill('abandon '.repeat(25)), press('.card button'), (p) => p.locator('.note.bad').waitFor())],
  ['protect', undefined, both(bring, async (p) => p.locator('#backup').fill(await p.evaluate(async () => (await import('/perhuman/wallet/custody.js')).backupCode(new Uint8Array(32).fill(7)))), press('.card button'), (p) => p.locator('.note.good').waitFor())],
  ['become', 'none'], ['recover', 'none', press('.status button.quiet')],
  ['becoming', 'none', both((p) => p.evaluate(() => { window.open = () => /** @type {any} */ ({ closed: false, postMessage() {} }) }), press('.status button.primary'))],
  ['no window', 'none', both((p) => p.evaluate(() => { window.open = () => null }), press('.status button.primary'), (p) => p.locator('.note.bad').waitFor())],
  ['member', 'member'], ['paper', 'member', backup(0)], ['file', 'member', backup(1)], ['device', 'member', both(backup(2), press('dialog summary'))],
  ['place', 'place', both(fold(0), press('.receipts button'))], ['leave', 'place', both(fold(0), press('details[open] button.danger'))],
  ['history', 'member', fold(1)], ['history, erased?', 'member', both(fold(1), press('details[open] button.danger'))], ['no history', 'bare', fold(1)],
  ['ways', 'member', both(fold(2), (p) => p.locator('details details summary').last().click(), (p) => p.locator('details details button').last().click())], ['wipe', 'member', fold(3)],
  ...['alarm', 'waiting', 'recovering', 'stopped', 'moved', 'removed', 'left', 'destroyed', 'forked', 'unvouched'].map((state) => [state, state]),
  ...['post', 'phone', 'once', 'returning', 'vote', 'grant', 'unknown', 'frozen', 'two', 'bad', 'late', 'homeless', 'locked', 'nobody'].map((what) => [`asked: ${what}`, `asked ${what}`]),
  ['asked: proving', 'asked post', press('.row.end .primary')],
  ...['crowd_too_small', 'set_unread', 'not_member', 'slots_refused', 'key_unvouched', 'issuer_silent', 'source_unavailable'].map((code) => [`refused: ${code}`, `refused ${code}`]),
])

for (const lang of ['en', 'de', 'es', 'zh']) {
  test(`every screen fits, in ${lang}`, { skip: why, timeout: 240_000 }, async (t) => {
    const browser = await launch({ workers: false })
    t.after(() => browser.close())
    const page = await browser.newPage()
    await page.goto(demo.wallet)
    await page.evaluate((lang) => localStorage.setItem('perhuman-language', lang), lang)
    const found = []
    for (const [name, state, act] of screens) {
      await page.setViewportSize({ width: 1280, height: 800 })
      await page.goto(demo.wallet)
      await page.locator('main h1').first().waitFor()
      if (state) await page.evaluate(draw, { issuer: demo.issuer, board: demo.board, state, vkey })
      await page.locator('main h1, main h2').first().waitFor()
      await act?.(page)
      for (const [width, letters] of [[360, '100%'], [320, '100%'], [360, '200%']]) {
        await page.setViewportSize({ width, height: 740 })
        await page.evaluate((size) => { document.documentElement.style.fontSize = size }, letters)
        for (const bad of await page.evaluate(unfit, 24)) found.push(`${name}, ${width} px, letters ${letters}: ${bad}`)
      }
    }
    assert.deepEqual(found, [])
    await page.evaluate(() => document.querySelector('main').append(Object.assign(document.createElement('p'), { textContent: 'W', style: 'width: 2000px' })))
    assert.notDeepEqual(await page.evaluate(unfit, 24), [])
  })
}
