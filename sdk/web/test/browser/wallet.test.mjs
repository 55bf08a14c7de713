// The wallet's own flows on the real demo binary: words, code, file and transfer
// bring the same person and what they have used up; the history is listed,
// saved and erased without losing count. And the life of a place: a recovery that
// the old device stops, one after everything was lost, no second vote by it,
// leaving, receipts. What goes wrong around a wallet is in trouble.test.mjs.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { assertAbsent, assertLoopback, assertNotSent, launch, skip, watch } from '../support/chromium.mjs'
import { start } from '../support/demo.mjs'
import { call } from '../support/local.mjs'
import { agree, ask, backToWallet, captureIris, makeWallet, openIssuer, parting, passphrase, post, prove, readSecret, recoverAs, storage, unlock, untilMember } from '../support/people.mjs'
import { picture } from '../support/pictures.mjs'
import { steps } from '../support/steps.mjs'
import { fromWords, openFile } from '../../wallet/backup.js'

const why = skip()
const step = steps()
const list = readFileSync(fileURLToPath(new URL('../../../wallet/backup/words.txt', import.meta.url)), 'utf8').trim().split('\n')
const filePassphrase = 'the passphrase of the file'
let demo, context, seen, secret, file, passage, jun, paper

/** A browser of its own, with an open page. */
const another = async (t, url, options = {}) => {
  const browser = await launch()
  t.after(() => browser.close())
  const page = await browser.newPage()
  if (options.clock) await page.clock.install()
  await page.goto(url)
  return page
}

/** Protects what was brought with a passphrase. */
const protect = async (wallet) => {
  await wallet.getByLabel('Passphrase', { exact: true }).fill(passphrase)
  await wallet.getByLabel('The same again').fill(passphrase)
  await wallet.getByRole('button', { name: 'Bring it in' }).click()
}

before(async () => {
  if (why) return
  demo = await start()
  context = await launch()
  seen = watch(context)
}, { timeout: 180_000 })
after(async () => {
  await context?.close()
  await jun?.context().close()
  await demo?.stop()
})

/** Opens the card about the place, which shows what the log and the issuer said last. */
const openPlace = async (wallet) => {
  const card = wallet.locator('details', { has: wallet.getByText(/^Your place at /) })
  if (!await card.evaluate((el) => el.open)) await wallet.getByText(/^Your place at /).click()
  return card
}
const votes = async () => (await call(`${demo.board}/api/poll`)).json.poll.votes
/** Chooses in the open poll. @returns the wallet's window */
const ballot = async (page) => {
  await page.goto(demo.board + '/poll')
  await page.locator('#choices input').first().check()
  const [popup] = await Promise.all([page.context().waitForEvent('page'), page.locator('#check').getByRole('button').first().click()])
  await popup.getByLabel('Passphrase').fill(passphrase)
  await popup.getByRole('button', { name: 'Unlock', exact: true }).click()
  await popup.getByText(/about the set as it was at number/).waitFor()
  await popup.getByRole('button', { name: 'Update it now' }).click()
  return popup
}

step('a member posts; the paper, the file and the transfer hold the same secret', { skip: why, timeout: 120_000 }, async () => {
  const wallet = await context.newPage()
  await wallet.goto(demo.wallet)
  await makeWallet(wallet)
  ;({ secret } = await readSecret(wallet))
  const issuer = await openIssuer(wallet)
  await agree(issuer)
  await captureIris(issuer, 'Greta')
  await backToWallet(issuer)
  await untilMember(wallet)
  const board = await context.newPage()
  await board.goto(demo.board)
  await post(board, 'The first of today, from the first device.')
  await board.close()

  await wallet.getByRole('button', { name: 'Words on paper' }).click()
  const words = await wallet.locator('dialog .words li').allTextContents()
  paper = words.join(' ')
  assert.deepEqual(Buffer.from(await fromWords(words.join(' '), list)), Buffer.from(secret))
  await picture(wallet, 'wallet-paper', { fullPage: false })
  await wallet.emulateMedia({ media: 'print' })
  assert.ok(await wallet.getByText(/To use it, open the wallet/).isVisible())
  assert.ok(!await wallet.getByRole('heading', { name: /You are one of/ }).isVisible(), 'the page behind is printed too')
  await wallet.emulateMedia({ media: null })
  await wallet.getByRole('button', { name: 'I have it on paper' }).click()

  await wallet.getByRole('button', { name: 'Encrypted file' }).click()
  await wallet.getByLabel('Passphrase', { exact: true }).fill(filePassphrase)
  await wallet.getByLabel('The same again').fill(filePassphrase)
  const [saved] = await Promise.all([wallet.waitForEvent('download'), wallet.getByRole('button', { name: 'Save the file' }).click()])
  file = await saved.path()
  await wallet.getByText(/Saved as perhuman-wallet-/).waitFor()
  const text = readFileSync(file)
  assertAbsent(secret, text, 'the file')
  const contents = await openFile(text.toString(), filePassphrase)
  assert.deepEqual(Buffer.from(contents.secret, 'base64url'), Buffer.from(secret))
  assert.deepEqual([contents.pages.length, contents.history.map((a) => [a.action, a.rp]), contents.enrolments.length], [1, [['post', new URL(demo.board).host]], 1])
  await wallet.getByRole('button', { name: 'Close' }).click()

  await wallet.getByRole('button', { name: 'Another device' }).click()
  passage = { words: await wallet.locator('dialog .passage').textContent(), address: await wallet.locator('dialog .address').textContent() }
  await picture(wallet, 'wallet-device', { fullPage: false })
  await wallet.getByRole('button', { name: 'Close' }).click()

  await wallet.getByText('How this wallet opens').click()
  await wallet.getByText('Semaphore identity').click()
  await wallet.getByRole('button', { name: 'Show the identity' }).click()
  const exported = await wallet.locator('.exported').textContent()
  const { Identity } = await import('@semaphore-protocol/identity')
  assert.deepEqual(Buffer.from(exported, 'base64'), Buffer.from(secret))
  assert.equal(Identity.import(exported).commitment.toString(), await wallet.locator('details[open] details[open] pre').first().textContent())
})

step('somebody recovers this place with another capture: the old device sees it in the log and stops it', { skip: why, timeout: 90_000 }, async (t) => {
  const thief = await another(t, demo.wallet)
  await makeWallet(thief)
  await thief.getByRole('button', { name: /lost everything/ }).click()
  await thief.getByText('7 days').first().waitFor()
  await picture(thief, 'wallet-recover', { fullPage: false })
  await thief.getByRole('button', { name: 'Cancel' }).click()
  await recoverAs(thief, 'Greta')
  await thief.getByRole('heading', { name: 'Your place is on its way to this wallet' }).waitFor()
  await thief.getByText(/Announced .*, entry \d+ of the log/).waitFor()
  await picture(thief, 'wallet-recovering')

  const wallet = context.pages().find((p) => p.url().startsWith(demo.wallet))
  const place = await openPlace(wallet)
  await place.getByText(/^In the set since/).waitFor()
  await place.getByRole('button', { name: 'Look again now' }).click()
  const alarm = wallet.getByRole('alert', { name: 'Somebody is taking over your place' })
  await alarm.getByText(/You can stop it until/).waitFor()
  await picture(wallet, 'wallet-alarm', { fullPage: false }) // further down an exported identity is open
  await alarm.getByRole('button', { name: /stop it/ }).click()
  await place.getByText('You stopped a recovery').waitFor()
  assert.equal(await alarm.count(), 0)
  for (const [kind, lines] of [['veto', /^perhuman\/veto\/1 issuer\.localhost/], ['enrolment', /^perhuman\/intake\/1 issuer\.localhost/]]) {
    const row = place.locator(`[data-kind=${kind}]`)
    await row.getByRole('button', { name: /^Check/ }).click()
    await row.getByText('About this wallet’s identity').waitFor()
    assert.match(await row.locator('pre').textContent(), lines)
    assert.equal(await row.getByText(/of the log says the same/).count(), kind === 'enrolment' ? 1 : 0)
  }
  await picture(wallet, 'wallet-place')

  await (await openPlace(thief)).getByRole('button', { name: 'Look again now' }).click()
  await thief.getByRole('heading', { name: 'The recovery has ended' }).waitFor()
  await thief.getByText('Whoever holds the old secret has stopped this recovery.').first().waitFor()
})

step('a member votes, loses the browser’s data, and recovers by a new capture into a fresh wallet', { skip: why, timeout: 90_000 }, async () => {
  jun = await (await launch()).newPage()
  await jun.goto(demo.wallet)
  await makeWallet(jun)
  const issuer = await openIssuer(jun)
  await agree(issuer)
  await captureIris(issuer, 'Jun')
  await backToWallet(issuer)
  await untilMember(jun)
  await demo.nextPoll()
  const page = await jun.context().newPage()
  const popup = await ballot(page)
  await prove(popup)
  await page.getByText(/1 vote/).first().waitFor({ timeout: 30_000 })
  assert.equal(await votes(), 1)
  await page.close()

  await jun.evaluate(async () => {
    const db = await new Promise((resolve) => { indexedDB.open('perhuman-wallet').onsuccess = (e) => resolve(e.target.result) })
    await new Promise((resolve) => { db.transaction('values', 'readwrite').objectStore('values').clear().onsuccess = resolve })
    db.close()
    localStorage.clear()
  })
  await demo.restart('-wait', '1s')
  await jun.goto(demo.wallet)
  await makeWallet(jun)
  await recoverAs(jun, 'Jun')
})

step('the recovered person is a member, has no second vote, and leaves', { skip: why, timeout: 120_000 }, async () => {
  await untilMember(jun)
  const page = await jun.context().newPage()
  const popup = await ballot(page)
  await popup.getByText('You are not in the issuer’s set yet.').waitFor({ timeout: 30_000 })
  assert.equal(await popup.getByRole('button', { name: 'Prove it' }).count(), 0)
  assert.equal(await votes(), 1)
  await popup.close()
  await page.close()

  const place = await openPlace(jun)
  await place.getByText('Recovered by a new capture').waitFor()
  await place.getByRole('button', { name: 'Leave this set' }).click()
  const dialog = jun.getByRole('dialog', { name: 'Leave the set' })
  await dialog.getByText(/These waiting times are those of a demonstration/).waitFor()
  await picture(jun, 'wallet-leave', { fullPage: false })
  const now = dialog.getByRole('button', { name: 'Leave now' })
  assert.ok(await now.isDisabled())
  await dialog.getByLabel(/^To go on, type/).fill('leave')
  await jun.keyboard.press('Enter')
  await jun.getByRole('heading', { name: 'You have left this set' }).waitFor()
  await place.getByText(/^Out of the set since/).waitFor()
  for (const kind of ['recovery', 'deletion']) {
    const row = place.locator(`[data-kind=${kind}]`)
    await row.getByRole('button', { name: /^Check/ }).click()
    await row.getByText(/of the log says the same/).waitFor()
  }
  await picture(jun, 'wallet-left')
  const [saved] = await Promise.all([jun.waitForEvent('download'), place.getByRole('button', { name: 'Save all' }).click()])
  const path = await saved.path()
  const { perhuman, version, receipts } = JSON.parse(readFileSync(path, 'utf8'))
  assert.deepEqual([perhuman, version, receipts.map((r) => [r.kind, Boolean(r.receipt), Boolean(r.proof), r.issuer.startsWith('issuer.localhost')])],
    ['receipts', 1, ['recovery', 'deletion'].map((kind) => [kind, true, true, true])])
})

step('the history is listed, saved and erased; the count of slots stays', { skip: why, timeout: 60_000 }, async () => {
  const wallet = context.pages().find((p) => p.url().startsWith(demo.wallet))
  await wallet.getByText('What you proved, and where').click()
  const rows = wallet.locator('.history li')
  await rows.first().waitFor()
  assert.equal(await rows.count(), 1)
  assert.match(await rows.first().textContent(), /agora\.localhost.*post, under /)
  await picture(wallet, 'wallet-history')
  const [saved] = await Promise.all([wallet.waitForEvent('download'), wallet.getByRole('button', { name: 'Save as a file' }).click()])
  const acts = JSON.parse(readFileSync(await saved.path(), 'utf8'))
  assert.deepEqual([acts.length, acts[0].kind, acts[0].k, Object.hasOwn(acts[0], 'slot')], [1, 'per_epoch', 5, false])
  await wallet.getByRole('button', { name: 'Erase the history' }).click()
  await wallet.getByRole('button', { name: 'Yes, erase' }).click()
  await wallet.getByText(/Nothing yet/).waitFor()
  const names = await wallet.evaluate(async () => {
    const db = await new Promise((resolve) => { indexedDB.open('perhuman-wallet').onsuccess = (e) => resolve(e.target.result) })
    const keys = await new Promise((resolve) => { db.transaction('values').objectStore('values').getAllKeys().onsuccess = (e) => resolve(e.target.result) })
    db.close()
    return keys
  })
  assert.deepEqual([names.filter((n) => n.startsWith('history/')).length, names.filter((n) => n.startsWith('book/')).length], [0, 1])
  const board = await context.newPage()
  await board.goto(demo.board)
  const popup = await ask(board, 'Never sent.')
  await unlock(popup)
  await popup.getByText('4 of 5 left today').waitFor({ timeout: 30_000 })
  await parting(popup, () => popup.getByRole('button', { name: 'Decline' }).click())
  await board.close()
})

step('the file brings the slots and the history to a second device', { skip: why, timeout: 60_000 }, async (t) => {
  const wallet = await another(t, demo.wallet)
  await wallet.getByRole('button', { name: 'Bring a backup' }).click()
  await picture(wallet, 'wallet-bring')
  await wallet.getByLabel('Backup words or code').fill('abandon '.repeat(25))
  await wallet.getByRole('button', { name: 'Continue' }).click()
  await wallet.getByText(/their checksum is wrong/).waitFor()
  await wallet.getByLabel('Backup words or code').fill('abandon '.repeat(24) + 'abandom')
  await wallet.getByRole('button', { name: 'Continue' }).click()
  await wallet.getByText(/Word 25 is not in the list/).waitFor()
  await wallet.getByLabel('Backup file').setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: readFileSync(file) })
  await wallet.getByLabel('Passphrase of the file').fill('another passphrase')
  await wallet.getByRole('button', { name: 'Open the file' }).click()
  await wallet.getByText('That passphrase does not open this file.').waitFor()
  await wallet.getByLabel('Passphrase of the file').fill(filePassphrase)
  await wallet.getByRole('button', { name: 'Open the file' }).click()
  await wallet.getByText(/The file is complete/).waitFor()
  await protect(wallet)
  await untilMember(wallet)
  await wallet.getByText('What you proved, and where').click()
  await wallet.locator('.history li').first().waitFor()
  assert.equal(await wallet.locator('.history li').count(), 1)
  const board = await wallet.context().newPage()
  await board.goto(demo.board)
  const popup = await ask(board, 'From the second device.')
  await unlock(popup)
  await popup.getByText('4 of 5 left today').waitFor({ timeout: 30_000 })
})

step('the transfer opens with its five words, once the clock allows, and leaves the address', { skip: why, timeout: 60_000 }, async (t) => {
  const wallet = await another(t, passage.address, { clock: true })
  await wallet.getByRole('heading', { name: 'Bring your wallet to this device' }).waitFor()
  assert.equal(wallet.url(), demo.wallet + '/')
  await wallet.getByLabel('The five words').fill('zoo zoo zoo zoo zoo')
  await wallet.getByRole('button', { name: 'Continue' }).click()
  await wallet.getByText(/not the five words/).waitFor()
  await wallet.clock.fastForward('10:05')
  await wallet.getByLabel('The five words').fill(passage.words)
  await wallet.getByRole('button', { name: 'Continue' }).click()
  await wallet.getByText(/older than ten minutes/).waitFor()

  const inTime = await another(t, passage.address)
  await inTime.getByLabel('The five words').fill(passage.words.toUpperCase())
  await inTime.getByRole('button', { name: 'Continue' }).click()
  await protect(inTime)
  await untilMember(inTime)
})

step('after the delay the template of the person who left is gone, every receipt holds, the same person is new, and no secret was sent', { skip: why, timeout: 120_000 }, async () => {
  const place = await openPlace(jun)
  await jun.getByText('The issuer has destroyed your template and signed that it did.').waitFor({ timeout: 120_000 })
  await place.getByText(/^Template destroyed/).first().waitFor()
  const tombstone = place.locator('[data-kind=tombstone]')
  await tombstone.getByRole('button', { name: /^Check/ }).click()
  await tombstone.getByText('About this wallet’s identity').waitFor()
  assert.match(await tombstone.locator('pre').textContent(), /^perhuman\/tombstone\/1 issuer\.localhost/)
  const issuer = await openIssuer(jun)
  await agree(issuer)
  await captureIris(issuer, 'Jun')
  await issuer.getByRole('heading', { name: /You are new here/ }).waitFor({ timeout: 60_000 })
  await backToWallet(issuer)
  await untilMember(jun)

  const wallet = context.pages().find((p) => p.url().startsWith(demo.wallet))
  assertNotSent(secret, seen)
  assertAbsent(secret, await storage(wallet), 'storage')
  assertLoopback(seen, demo.port)
  assert.deepEqual(seen.complaints, [])
})
