// What may go wrong around a wallet, on the real demo binary: the network, the
// storage, the clock or the prover is missing or wrong; two windows at once;
// another language, a proof that is cancelled, a wallet that is wiped.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { assertAbsent, assertLoopback, assertNotSent, launch, skip, watch } from '../support/chromium.mjs'
import { start } from '../support/demo.mjs'
import { agree, ask, backToWallet, captureIris, makeWallet, openIssuer, parting, passphrase, readSecret, storage, unlock, untilMember } from '../support/people.mjs'
import { picture } from '../support/pictures.mjs'
import { steps } from '../support/steps.mjs'
import de from '../../wallet/lang/de.js'
import issuerDe from '../../../../demo/web/issuer/lang/de.js'

const why = skip()
const step = steps()
const workerSource = readFileSync(fileURLToPath(new URL('../../worker.js', import.meta.url)), 'utf8')
const locked = (wallet) => wallet.getByRole('heading', { name: 'Your wallet is locked' }).waitFor()
const proveButton = (popup) => popup.getByRole('button', { name: 'Prove it' })

/** Until the service worker has all and serves this page. */
const precached = (wallet) => wallet.evaluate(async () => {
  await navigator.serviceWorker.ready
  while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 50))
})

let demo, context, seen, secret, paper

before(async () => {
  if (why) return
  demo = await start()
  context = await launch()
  seen = watch(context)
}, { timeout: 180_000 })
after(async () => {
  await context?.close()
  await demo?.stop()
})

step('a person enrols, with the secret on paper', { skip: why, timeout: 120_000 }, async () => {
  const wallet = await context.newPage()
  await wallet.goto(demo.wallet)
  await makeWallet(wallet)
  ;({ code: paper, secret } = await readSecret(wallet))
  const issuer = await openIssuer(wallet)
  await agree(issuer)
  await captureIris(issuer, 'Greta')
  await backToWallet(issuer)
  await untilMember(wallet)
})

step('a question is answered without a word to the issuer or to the wallet’s host; with the server gone the wallet opens, says so and proves', { skip: why, timeout: 120_000 }, async () => {
  const first = await context.newPage()
  await first.goto(demo.wallet)
  await precached(first)
  await locked(first)
  // Opened and unlocked it reads the set, at some time within three seconds.
  await Promise.all([context.waitForEvent('request', (r) => r.url() === demo.issuer + '/head'), unlock(first)])
  await first.evaluate(() => navigator.locks.request('perhuman-read', () => {}))
  for (const page of context.pages()) if (page !== first && page.url().startsWith(demo.wallet)) await page.close()
  await first.close() // no page is left that reads the set at its own times
  const board = await context.newPage()
  await board.goto(demo.board)
  const served = []
  const hear = async (r) => served.push([r.url(), (await r.response())?.fromServiceWorker() ?? false])
  context.on('requestfinished', hear)
  const before = seen.requests.length
  const popup = await ask(board, 'Nobody was asked for this.')
  await demo.down()
  await unlock(popup)
  await proveButton(popup).waitFor({ timeout: 60_000 })
  assert.match(await popup.locator('.set-age').textContent(), /public set is from \d+ minutes? ago/)
  await popup.locator('button[data-made]').waitFor({ timeout: 60_000 })
  await parting(popup, () => proveButton(popup).click())
  await board.getByRole('button', { name: 'Send again' }).waitFor({ timeout: 60_000 })
  context.off('requestfinished', hear)
  const asked = seen.requests.slice(before).map((r) => r.url)
  assert.deepEqual(asked.filter((url) => url.startsWith(demo.issuer)), [], 'the question led to a word with the issuer')
  const ours = served.filter(([url]) => url.startsWith(demo.wallet + '/'))
  assert.ok(ours.some(([url]) => url.endsWith('/?request')) && ours.length > 10)
  assert.deepEqual(ours.filter(([, byWorker]) => !byWorker), [], 'the wallet’s host heard of the question')

  const wallet = await context.newPage()
  await wallet.goto(demo.wallet)
  await locked(wallet)
  await unlock(wallet)
  await wallet.getByRole('heading', { name: /You are one of \d+ people/ }).waitFor()
  const note = wallet.locator('#offline')
  await note.waitFor({ timeout: 60_000 })
  assert.match(await note.textContent(), /No connection\. The issuer cannot be reached.* from \d+ minutes? ago\. It can prove with it until /)
  await wallet.getByText('What you proved, and where').click()
  await wallet.locator('.history li').first().waitFor()
  await picture(wallet, 'wallet-offline')

  await demo.up()
  await board.getByRole('button', { name: 'Send again' }).click()
  await board.locator('.post', { hasText: 'Nobody was asked for this.' }).getByRole('button', { name: /verified human/ }).waitFor()
  await wallet.getByRole('button', { name: 'Try again' }).click()
  await note.waitFor({ state: 'detached' })
  await board.close()
  seen.complaints = seen.complaints.filter((c) => !/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/.test(c))
})

step('two windows: they lock together, and never take the same slot', { skip: why, timeout: 120_000 }, async () => {
  const wallet = context.pages().find((p) => p.url().startsWith(demo.wallet)), second = await context.newPage()
  await second.goto(demo.wallet)
  await locked(second)
  await unlock(second)
  await untilMember(second)
  await second.getByRole('button', { name: 'Lock', exact: true }).click()
  await locked(second)
  await locked(wallet)
  await second.close()

  const boards = [await context.newPage(), await context.newPage()]
  const popups = []
  for (const [i, board] of boards.entries()) {
    await board.goto(demo.board)
    popups.push(await ask(board, `From window ${i}.`))
    await unlock(popups[i])
  }
  // Both proofs are made before either slot is written down: without taking turns they would be for the same one.
  for (const popup of popups) await popup.locator('button[data-made]').waitFor({ timeout: 60_000 })
  await Promise.all(popups.map((popup) => parting(popup, () => proveButton(popup).click())))
  for (const [i, board] of boards.entries()) await board.locator('.post', { hasText: `From window ${i}.` }).getByRole('button', { name: /verified human/ }).waitFor()
  for (const board of boards) await board.close()
  await unlock(wallet)
  await untilMember(wallet)
})

step('the storage is cleared, under an open window and behind its back: the wallet says what is lost and what brings it back', { skip: why, timeout: 120_000 }, async (t) => {
  const browser = await launch()
  t.after(() => browser.close())
  const wallet = await browser.newPage()
  await wallet.goto(demo.wallet)
  await bring(wallet, paper)
  const clear = () => wallet.evaluate(() => new Promise((resolve) => Object.assign(indexedDB.deleteDatabase('perhuman-wallet'), { onsuccess: resolve, onblocked: resolve })))
  await clear()
  await wallet.evaluate(() => dispatchEvent(new Event('focus')))
  await wallet.getByText('This window still has the secret').waitFor()
  await wallet.getByRole('button', { name: 'Keep the wallet' }).click()
  await wallet.getByText('This window still has the secret').waitFor({ state: 'detached' })
  await wallet.reload()
  await locked(wallet)
  await clear()
  await wallet.reload()
  const lost = wallet.locator('#lost')
  await lost.getByRole('heading', { name: 'This browser has cleared the wallet’s data' }).waitFor()
  assert.match(await lost.textContent(), /With your words or code.*With an encrypted file.*With neither/)
  await picture(wallet, 'wallet-lost')
  const cdp = await browser.newCDPSession(wallet)
  await cdp.send('Storage.clearDataForOrigin', { origin: demo.wallet, storageTypes: 'all' })
  await wallet.goto('about:blank')
  await wallet.goto(demo.wallet)
  await wallet.getByText('There was a wallet here, and it is gone?').click()
  await wallet.getByText('the same secret comes back').waitFor()
  await bring(wallet, paper)
})

step('a wrong clock is named, and a prover that hangs is given up', { skip: why, timeout: 120_000 }, async (t) => {
  const browser = await launch({ workers: false })
  t.after(() => browser.close())
  let offset = 0
  // The engine's clock is its worker's.
  await browser.route('**/perhuman/worker.js', (route) => route.fulfill({
    contentType: 'text/javascript', headers: { 'Content-Security-Policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' " + demo.issuer },
    body: `const real = Date; globalThis.Date = class extends real { constructor(...a) { a.length ? super(...a) : super(real.now() + ${offset}) } static now() { return real.now() + ${offset} } };\n${workerSource}`,
  }))
  await browser.clock.install()
  const wallet = await browser.newPage()
  await wallet.goto(demo.wallet)
  await bring(wallet, paper)
  const board = await browser.newPage()
  await board.goto(demo.board)
  const referers = []
  browser.on('request', (r) => { if (r.url().startsWith(demo.wallet)) referers.push(r.headers().referer) })
  const shift = async (ms) => {
    offset = ms
    await browser.clock.setSystemTime(Date.now() + ms)
  }
  for (const [ms, asked, home] of /** @type {[number, RegExp, RegExp]} */ ([
    [-3_700_000, /the site asks you in 1 hour, which cannot be: the clock is behind/, /bears a later time than this device’s clock: the clock is behind/],
    [90_000_000, /this question was made yesterday, and it was made just now: the clock is ahead/, /is from yesterday by this device’s clock/]])) {
    await shift(ms)
    const popup = await ask(board, 'At the wrong time.')
    await popup.getByText(asked).waitFor()
    assert.equal(await proveButton(popup).count(), 0)
    await popup.close()
    await wallet.reload()
    await unlock(wallet)
    await wallet.getByText(home).waitFor({ timeout: 60_000 })
  }
  await shift(0)
  assert.deepEqual(referers.filter((r) => r && !r.startsWith(demo.wallet)), [], 'the wallet’s host hears which site asked')

  let hanging = true
  await browser.route('**/dist/wallet.wasm', async (route) => { if (!hanging) await route.continue() })
  const declined = await ask(board, 'Slowly.')
  await unlock(declined)
  await declined.getByText('Looking at what this wallet has').waitFor()
  await parting(declined, () => declined.getByRole('button', { name: 'Decline' }).click())
  const popup = await ask(board, 'Slowly.')
  await unlock(popup)
  await popup.getByText('Looking at what this wallet has').waitFor()
  await popup.clock.fastForward('01:01')
  await popup.getByText('The prover could not be loaded').waitFor()
  hanging = false
  await popup.getByRole('button', { name: 'Try again' }).click()
  await proveButton(popup).waitFor({ timeout: 60_000 })
  await popup.close()
})

step('the wallet speaks the person’s language; cancel stops a proof; wiping leaves nothing', { skip: why, timeout: 60_000 }, async () => {
  const wallet = context.pages().find((p) => p.url().startsWith(demo.wallet))
  await wallet.getByLabel('Language').selectOption('de')
  await wallet.getByRole('heading', { name: 'Ihre Wallet ist gesperrt' }).waitFor()
  assert.equal(await wallet.evaluate(() => document.documentElement.lang), 'de')
  const board = await context.newPage()
  await board.goto(demo.board)
  const question = async (text) => {
    await board.getByLabel('Your post').fill(text)
    const [popup] = await Promise.all([context.waitForEvent('page'), board.locator('#check').getByRole('button').first().click()])
    await popup.getByRole('heading', { name: /fragt: Sind Sie ein Mensch/ }).waitFor()
    await popup.getByLabel('Passphrase').fill(passphrase)
    await popup.getByRole('button', { name: 'Öffnen', exact: true }).click()
    return popup
  }
  const cancelled = await question('Abgebrochen.')
  const slots = await cancelled.getByText(/von 5 übrig heute/).textContent()
  await parting(cancelled, () => cancelled.waitForFunction(() => {
    const button = (/** @type {string} */ text) => [...document.querySelectorAll('button')].find((b) => b.textContent === text && !b.disabled)
    button('Nachweisen')?.click()
    const cancel = button('Abbrechen')
    cancel?.click()
    return Boolean(cancel)
  }))
  assert.equal(await board.evaluate(() => document.querySelector('perhuman-check').getResponse()), '')
  const popup = await question('Auf Deutsch gefragt.')
  const prove = popup.getByRole('button', { name: 'Nachweisen' })
  await prove.waitFor({ timeout: 30_000 })
  assert.equal(await popup.getByText(/von 5 übrig heute/).textContent(), slots, 'a proof that was cancelled used a slot')
  await picture(popup, 'wallet-asked-de')
  assert.equal(await popup.getByText(/[a-z] (the|you|your) [a-z]/).count(), 0, 'English is left')
  // The proof is made while the person reads. The window closes soon after, and is held open for its last words to be read.
  await popup.locator('button[data-made]').waitFor()
  await popup.evaluate(() => { window.close = () => { document.documentElement.dataset.closed = '' } })
  await prove.click()
  await popup.getByText('Der Nachweis entstand, während Sie gelesen haben').waitFor()
  await popup.locator('html[data-closed]').waitFor()
  await popup.close()
  await board.locator('.post', { hasText: 'Auf Deutsch gefragt.' }).getByRole('button', { name: /verified human/ }).waitFor()
  await board.close()

  await wallet.getByLabel('Passphrase').fill(passphrase)
  await wallet.getByRole('button', { name: 'Öffnen', exact: true }).click()
  // Leaving, before the wallet goes: only it can say from when on this person may come back.
  await wallet.getByText(de.place_title.split('{')[0]).click()
  await wallet.getByRole('button', { name: de.leave }).click()
  await wallet.locator('#leave-word').fill(de.leave_word)
  await wallet.keyboard.press('Enter')
  await wallet.getByRole('heading', { name: de.gone_title }).waitFor()
  const [before, behind] = de.gone_text.split('{when}'), day = (/** @type {number} */ at) => new Date(at + 30 * 86_400_000).toLocaleDateString('de', { dateStyle: 'medium' })
  const gone = await wallet.getByText(before.trim()).textContent()
  assert.ok(gone.endsWith(behind) && [day(Date.now()), day(Date.now() - 60_000)].some((d) => gone.includes(d)), gone)

  await wallet.getByText('Diese Wallet löschen').first().click()
  await wallet.getByLabel(/Ich habe eine Sicherung/).check()
  await wallet.getByRole('button', { name: 'Diese Wallet löschen' }).click()
  await wallet.getByRole('heading', { name: /Eine Wallet für eine einzige Sache/ }).waitFor()
  const left = await wallet.evaluate(async () => {
    const db = await new Promise((resolve) => { indexedDB.open('perhuman-wallet').onsuccess = (e) => resolve(e.target.result) })
    const n = await new Promise((resolve) => { db.transaction('values').objectStore('values').count().onsuccess = (e) => resolve(e.target.result) })
    db.close()
    return n
  })
  assert.equal(left, 0)
  assert.equal(await wallet.evaluate(() => localStorage.getItem('perhuman-wallet-made')), null, 'a wallet that was erased on purpose will be missed')
  assertNotSent(secret, seen)
  assertAbsent(secret, await storage(wallet).catch(() => Buffer.alloc(0)), 'storage')
  assertLoopback(seen, demo.port)
  assert.deepEqual(seen.complaints, [])
})

step('who has left cannot enrol again before the delay is over, under no secret, and reads why in German, having agreed in German', { skip: why, timeout: 120_000 }, async () => {
  const wallet = context.pages().find((p) => p.url().startsWith(demo.wallet))
  await makeWallet(wallet, de)
  const issuer = await openIssuer(wallet, de, issuerDe)
  assert.deepEqual(await issuer.evaluate(() => [document.documentElement.lang, document.title]), ['de', 'Als ein Mensch anmelden'])
  await issuer.getByText('Dies ist eine Vorführung').waitFor()
  await picture(issuer, 'issuer-consent-de')
  await agree(issuer, issuerDe)
  await captureIris(issuer, 'Greta', issuerDe)
  await issuer.getByRole('alert').getByText(issuerDe.code_cooldown_active).waitFor()
  assert.equal(await issuer.locator('code', { hasText: 'cooldown_active' }).count(), 1)
  assert.equal(await issuer.getByText(/[a-z] (the|you|your) [a-z]/).count(), 0, 'English is left')
  await picture(issuer, 'issuer-cooldown')
  await backToWallet(issuer, issuerDe)
  await wallet.getByText(de.code_cooldown_active).waitFor()
})

/** Brings a secret by its code, and protects it. @param {import('playwright-core').Page} wallet @param {string} code */
async function bring(wallet, code) {
  await wallet.getByRole('button', { name: 'Bring a backup' }).click()
  await wallet.getByLabel('Backup words or code').fill(code)
  await wallet.getByRole('button', { name: 'Continue' }).click()
  await wallet.getByLabel('Passphrase', { exact: true }).fill(passphrase)
  await wallet.getByLabel('The same again').fill(passphrase)
  await wallet.getByRole('button', { name: 'Bring it in' }).click()
  await untilMember(wallet)
}
