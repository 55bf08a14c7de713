// The whole story on the real demo binary, with a passphrase and simulated
// irises: enrol, prove with the network cut, post, re-check, run into the cap;
// a double is refused; the bot page's answers equal the server's counters.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { binary, offline } from '../support/binaries.mjs'
import { assertAbsent, assertAccessible, assertFits, assertLoopback, assertNotSent, launch, skip, watch } from '../support/chromium.mjs'
import { start } from '../support/demo.mjs'
import { call } from '../support/local.mjs'
import { agree, ask, backToWallet, captureIris, makeWallet, openIssuer, parting, passphrase, post, postByKeyboard, readSecret, storage, unlock, untilMember } from '../support/people.mjs'
import { picture } from '../support/pictures.mjs'
import { assertTranslated, pseudo } from '../support/pseudo.mjs'
import { serve } from '../support/site.mjs'
import { steps } from '../support/steps.mjs'

const why = skip()
const step = steps()
let demo, context, seen, profile
/** @type {Uint8Array} */
let secret
let code = ''
const cut = 'Nobody but a person wrote this, and the network was down while it was proven.'

before(async () => {
  if (why) return
  demo = await start()
  profile = mkdtempSync(join(tmpdir(), 'perhuman-profile-'))
  context = await launch({ profile })
  seen = watch(context)
}, { timeout: 180_000 })
after(async () => {
  await context?.close()
  await demo?.stop()
  if (profile) rmSync(profile, { recursive: true, force: true })
})

step('a person makes a wallet and enrols with a simulated iris', { skip: why, timeout: 120_000 }, async () => {
  const board = await context.newPage()
  await board.goto(demo.board)
  await board.locator('.post').first().waitFor()
  await picture(board, 'board-first')
  const [wallet] = await Promise.all([context.waitForEvent('page'), board.getByRole('link', { name: 'Become verified' }).click()])
  await wallet.getByRole('heading', { name: /A wallet for one thing/ }).waitFor()
  await picture(wallet, 'wallet-welcome')
  await makeWallet(wallet)
  await picture(wallet, 'wallet-open')
  ;({ secret, code } = await readSecret(wallet))

  const issuer = await openIssuer(wallet)
  await picture(issuer, 'issuer-consent')
  await agree(issuer)
  await picture(issuer, 'issuer-capture')
  await issuer.getByRole('button', { name: /simulated iris/ }).click()
  await picture(issuer, 'issuer-iris')
  await issuer.getByRole('button', { name: 'Back' }).click()
  await captureIris(issuer, 'Chidi')
  await issuer.getByRole('heading', { name: /You are new here/ }).waitFor({ timeout: 30_000 })
  await picture(issuer, 'issuer-done')
  await backToWallet(issuer)
  await untilMember(wallet)
  await picture(wallet, 'wallet-member')
  await wallet.close()
})

step('a post is proven with the network cut from the click to the finished proof', { skip: why, timeout: 120_000 }, async () => {
  const board = context.pages().find((p) => p.url().startsWith(demo.board)) ?? await context.newPage()
  await board.goto(demo.board)
  const popup = await ask(board, cut)
  await picture(popup, 'wallet-asked-locked')
  await unlock(popup)
  const prove = popup.getByRole('button', { name: 'Prove it' })
  await prove.waitFor({ timeout: 60_000 })
  assert.equal(await popup.locator('#asker').textContent(), new URL(demo.board).host)
  assert.ok(await popup.getByText('5 of 5 left today').isVisible())
  assert.ok(await popup.getByText(cut).isVisible())
  await picture(popup, 'wallet-asked')

  await context.setOffline(true)
  const before = seen.requests.length
  await parting(popup, () => prove.click())
  // The wallet answers; the board tries to hand the proof in, and cannot.
  await board.getByRole('button', { name: 'Send again' }).waitFor({ timeout: 60_000 })
  const tried = seen.requests.slice(before)
  assert.deepEqual(tried.map((r) => `${r.method} ${new URL(r.url).pathname}`).filter((r) => r !== 'GET /api/posts'), ['POST /posts'])
  await context.setOffline(false)
  seen.complaints = seen.complaints.filter((c) => !c.includes('ERR_INTERNET_DISCONNECTED'))
  await board.getByRole('button', { name: 'Send again' }).click()
  await board.locator('.post', { hasText: cut }).getByRole('button', { name: /verified human/ }).waitFor()
  await board.getByRole('button', { name: 'Leave the tour' }).click()
  await board.locator('.tour').waitFor({ state: 'detached' })
  await picture(board, 'board')
})

step('anyone re-checks the post in their own page, with no request to verify it; tampering turns it red', { skip: why, timeout: 60_000 }, async () => {
  const page = await context.newPage()
  await page.goto(demo.board)
  await page.locator('.post', { hasText: cut }).getByRole('button', { name: /verified human/ }).click()
  const panel = page.locator('dialog.panel')
  await page.locator('dialog.panel[data-state=good]').waitFor({ timeout: 30_000 })
  const facts = await panel.locator('.facts li').evaluateAll((rows) => rows.map((li) => [li.dataset.state, li.querySelector('b').textContent]))
  assert.deepEqual(facts.map(([state]) => state), Array(6).fill('good'), JSON.stringify(facts))
  await picture(page, 'board-checked', { fullPage: false })
  const before = seen.requests.length
  await panel.getByRole('button', { name: 'Tamper with it' }).click()
  await page.locator('dialog.panel[data-state=bad]').waitFor()
  assert.ok(await panel.getByText('The text was changed').isVisible())
  await picture(page, 'board-tampered', { fullPage: false })
  await panel.getByRole('button', { name: 'Put it back' }).click()
  await page.locator('dialog.panel[data-state=good]').waitFor()
  assert.deepEqual(seen.requests.slice(before).map((r) => r.url).filter((url) => !url.endsWith('/api/posts')), [], 'checking used the network')
  const [download] = await Promise.all([page.waitForEvent('download'), panel.getByRole('link', { name: 'Download the bundle' }).click()])
  const path = await download.path(), text = readFileSync(path, 'utf8')
  const bundle = JSON.parse(text)
  assert.equal(bundle.post.text, cut)
  // The same by the command, which has no network and trusts one key.
  const { vkey } = (await call(demo.board + '/api/session')).json.issuer
  const verify = [binary('perhuman', profile), 'verify', '-issuer', vkey]
  const said = offline([...verify, path])
  assert.match(said.out, /^VERIFIED: written by one human/)
  assert.equal(said.status, 0)
  const changed = join(profile, 'changed.json')
  writeFileSync(changed, text.replace('Nobody but a person', 'Nobody and no person'))
  const refused = offline([...verify, changed])
  assert.match(refused.out, /^NOT VERIFIED/)
  assert.notEqual(refused.status, 0)
  await page.keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })
  await page.close()
})

step('after five posts a day the wallet says quota_exhausted', { skip: why, timeout: 180_000 }, async () => {
  const board = context.pages().find((p) => p.url().startsWith(demo.board))
  await board.reload()
  await postByKeyboard(board, 'Written without a mouse.')
  for (let i = 3; i <= 5; i++) await post(board, `Post number ${i} of today.`)
  const popup = await ask(board, 'One more.')
  await unlock(popup)
  await popup.getByText(/used up what this site lets one person do/).waitFor({ timeout: 30_000 })
  await picture(popup, 'wallet-exhausted')
  await parting(popup, () => popup.getByRole('button', { name: 'Back to the site' }).click())
  const status = board.locator('#check [role=status]')
  await board.waitForFunction(() => document.querySelector('#check')?.shadowRoot?.querySelector('[role=status]')?.textContent)
  assert.match(await status.textContent(), /used up what this site lets one person do/)
  // Five posts of one human, five nullifiers: nobody can link them.
  const nullifiers = await board.evaluate(async () => {
    const { posts } = await (await fetch('/api/posts')).json()
    const mine = posts.filter((p) => p.verified && !p.seed) // not those of the crowd
    return Promise.all(mine.map(async (p) => (await (await fetch(`/api/posts/${p.id}/bundle`)).json()).proof.slice(44, 87)))
  })
  assert.equal(nullifiers.length, 5)
  assert.equal(new Set(nullifiers).size, 5)
})

step('the same person under a new secret is refused', { skip: why, timeout: 120_000 }, async (t) => {
  const other = await launch()
  t.after(() => other.close())
  const watched = watch(other)
  const wallet = await other.newPage()
  await wallet.goto(demo.wallet)
  await makeWallet(wallet)
  const issuer = await openIssuer(wallet)
  await agree(issuer)
  await captureIris(issuer, 'Chidi')
  await issuer.getByRole('heading', { name: 'This person cannot enrol twice' }).waitFor({ timeout: 30_000 })
  await picture(issuer, 'issuer-refused')
  await backToWallet(issuer)
  await wallet.getByText(/enrolled already|did not accept/).waitFor()
  assertLoopback(watched, demo.port)
  const expected = watched.complaints.filter((c) => !/status of 409|status of 422/.test(c))
  assert.deepEqual(expected, [])
})

step('the bot page: every attack gets its code, and the server counted the same', { skip: why, timeout: 180_000 }, async () => {
  const page = await context.newPage()
  await page.goto(demo.board + '/bot')
  await page.locator('.attack').first().waitFor()
  await page.getByRole('button', { name: 'Fire all' }).click()
  await page.getByText(/answered as expected/).waitFor({ timeout: 120_000 })
  const outcomes = await page.locator('.attack').evaluateAll((els) => els.map((el) => [el.dataset.case, el.dataset.outcome, el.dataset.code]))
  assert.ok(outcomes.length >= 10)
  for (const [name, outcome, code] of outcomes) assert.equal(outcome, 'expected', `${name}: ${code}`)
  await page.locator('#tally[data-agree=true]').waitFor({ timeout: 10_000 })
  await page.locator('.attack summary').first().click()
  assert.match(await page.locator('.attack pre.answered').first().textContent(), /^HTTP\/1\.1 [2-5]\d\d/)
  await picture(page, 'board-bot', { fullPage: false })
  await page.close()
})

step('a phishing site gets nothing with a challenge of the board', { skip: why, timeout: 60_000 }, async (t) => {
  const evil = await serve({ 'evil /': () => ({ type: 'text/html', body: '<!doctype html><title>evil</title><button>Win a prize</button>' }) })
  t.after(() => evil.close())
  const board = context.pages().find((p) => p.url().startsWith(demo.board))
  const fetched = await board.evaluate(async () => {
    const digest = 'A'.repeat(43)
    const answer = await fetch('/perhuman/challenge', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ action: 'post', content_digest: digest }) })
    return { ...await answer.json(), digest }
  })
  const asking = async (page, request) => {
    const [popup] = await Promise.all([context.waitForEvent('page'), page.evaluate(([wallet, message]) => {
      window.heard = []
      window.onmessage = (e) => {
        window.heard.push(e.data)
        if (e.data?.type === 'perhuman-ready') e.source.postMessage(message, wallet)
      }
      window.open(wallet + '/?request', 'w', 'popup')
    }, [demo.wallet, { type: 'perhuman-request', action: 'post', kind: 'per_epoch', len: 86400, k: 5, challenge: fetched.challenge, content_digest: fetched.digest, ...request }])])
    return popup
  }
  const elsewhere = await context.newPage()
  await elsewhere.goto(`http://evil.localhost:${evil.port}/`)
  const phished = await asking(elsewhere, {})
  await phished.getByText(/made for another site/).waitFor()
  await picture(phished, 'wallet-phished')
  assert.equal(await phished.locator('#asker').textContent(), `evil.localhost:${evil.port}`)
  assert.equal(await phished.getByRole('button', { name: 'Prove it' }).count(), 0)
  await parting(phished, () => phished.getByRole('button', { name: 'Back to the site' }).click())
  await elsewhere.waitForFunction(() => window.heard.length > 1)
  assert.deepEqual(await elsewhere.evaluate(() => window.heard), [{ type: 'perhuman-ready' }, { type: 'perhuman-error', code: 'challenge_wrong_rp' }])
  await elsewhere.close()

  seen.requests = seen.requests.filter((r) => !r.url.startsWith(`http://evil.localhost:${evil.port}/`))
})

step('the backup code brings the same person to another browser; the wallet locks when left alone', { skip: why, timeout: 90_000 }, async (t) => {
  const other = await launch()
  t.after(() => other.close())
  const wallet = await other.newPage()
  await wallet.clock.install()
  await wallet.goto(demo.wallet)
  await wallet.getByRole('button', { name: 'Bring a backup' }).click()
  await wallet.getByLabel('Backup words or code').fill(code.replace(/.$/, (c) => (c === '0' ? '1' : '0')))
  await wallet.getByRole('button', { name: 'Continue' }).click()
  await wallet.getByText(/symbols of the backup code are wrong|not a backup code/).waitFor()
  await wallet.getByLabel('Backup words or code').fill(code.toLowerCase().replaceAll('-', ' '))
  await wallet.getByRole('button', { name: 'Continue' }).click()
  await wallet.getByLabel('Passphrase', { exact: true }).fill(passphrase)
  await wallet.getByLabel('The same again').fill(passphrase)
  await wallet.getByRole('button', { name: 'Bring it in' }).click()
  await untilMember(wallet)
  await wallet.clock.fastForward('05:01')
  await wallet.getByRole('heading', { name: 'Your wallet is locked' }).waitFor()
  // While a machine sleeps its timers do too: whoever wakes it finds the wallet locked at the first touch.
  await unlock(wallet)
  await wallet.getByRole('button', { name: 'Lock', exact: true }).waitFor()
  await wallet.keyboard.press('Shift')
  await wallet.clock.setSystemTime(await wallet.evaluate(() => Date.now()) + 301_000)
  assert.equal(await wallet.getByRole('heading', { name: 'Your wallet is locked' }).count(), 0)
  await wallet.keyboard.press('Shift')
  await wallet.getByRole('heading', { name: 'Your wallet is locked' }).waitFor({ timeout: 5000 })
})

step('in a language that nobody speaks, no text of wallet or widget stands outside the catalogue; the opener goes elsewhere and hears nothing', { skip: why, timeout: 120_000 }, async (t) => {
  const other = await launch({ workers: false })
  t.after(() => other.close())
  await pseudo(other)
  const evil = await serve({ 'evil /': () => ({ type: 'text/html', body: '<!doctype html><title>evil</title><script src="/evil.js"></script>' }), 'evil /evil.js': () => ({ type: 'text/javascript', body: 'window.heard = []; onmessage = (e) => window.heard.push(e.data)' }) })
  t.after(() => evil.close())
  const wallet = await other.newPage()
  await wallet.goto(demo.wallet)
  const body = (/** @type {import('playwright-core').Page} */ page) => page.locator('body')
  const data = [demo.wallet, demo.issuer, new URL(demo.board).host, new URL(demo.wallet).host, new URL(demo.issuer).host, 'post']
  await wallet.getByRole('button', { name: /Use a passphrase instead/ }).waitFor()
  await assertTranslated(body(wallet), 'welcome', data)
  await wallet.getByRole('button', { name: /Bring a backup/ }).click()
  await assertTranslated(body(wallet), 'bringing a backup', data)
  await wallet.getByLabel('Backup words or code').fill(code)
  await wallet.getByRole('button', { name: 'Continue' }).click()
  await wallet.getByLabel('⟦Passphrase⟧', { exact: true }).fill(passphrase)
  await assertTranslated(body(wallet), 'protecting it', data)
  await wallet.getByLabel('The same again').fill(passphrase)
  await wallet.getByRole('button', { name: 'Bring it in' }).click()
  await untilMember(wallet)
  await wallet.locator('details').evaluateAll((all) => all.forEach((d) => { d.open = true }))
  await assertTranslated(body(wallet), 'home', data)
  await wallet.getByRole('button', { name: 'Lock' }).click()
  await wallet.getByRole('heading', { name: /Your wallet is locked/ }).waitFor()
  await assertTranslated(body(wallet), 'locked', data)
  await body(wallet).evaluate((el) => el.append('Forgotten.'))
  await assert.rejects(assertTranslated(body(wallet), 'locked', data), /BODY: Forgotten\./)

  // The enrolment page, opened by somebody who is a wallet in everything but the signature.
  const [issuer] = await Promise.all([other.waitForEvent('page'), wallet.evaluate((url) => {
    const page = window.open(url + '/enrol?lang=de'), token = (/** @type {number} */ n) => 'A'.repeat(n)
    addEventListener('message', (e) => {
      if (e.data?.type === 'perhuman-possess') page.postMessage({ type: 'perhuman-possession', signature: token(86), salt: token(43) }, url)
    })
    Object.assign(window, { enrolNow: () => page.postMessage({ type: 'perhuman-enrol', commitment: '7', public_key: ['0', '1'] }, url) })
  }, demo.issuer)])
  const issuerData = [new URL(demo.wallet).host, 'demo issuer']
  const screen = async (/** @type {RegExp | string} */ heading, /** @type {string} */ what) => {
    await issuer.getByRole('heading', { name: heading }).waitFor()
    await assertTranslated(body(issuer), what, issuerData)
  }
  await screen(/Waiting for your wallet/, 'enrolment, waiting')
  await wallet.evaluate(() => { /** @type {any} */ (window).enrolNow() })
  await screen(/Enrol once/, 'enrolment, consent')
  await issuer.getByLabel(/I have read this/).check()
  await issuer.getByRole('button', { name: /Continue/ }).click()
  await screen(/How do you want/, 'enrolment, kinds')
  await issuer.getByRole('button', { name: /A simulated iris/ }).click()
  await screen(/Whose iris/, 'enrolment, people')
  await issuer.getByRole('button', { name: /Capture this iris/ }).click()
  await screen(/That did not work/, 'enrolment, refused')
  await issuer.getByText('commitment_invalid').waitFor()
  await issuer.close()

  const board = await other.newPage()
  await board.goto(demo.board)
  await board.getByLabel('Your post').fill('Nobody’s language.')
  const check = board.locator('#check')
  await check.evaluate((el) => {
    el.removeAttribute('label')
    el.setAttribute('lang', 'de')
  })
  await check.getByText('⟦Confirm you are one human⟧').waitFor()
  await check.getByText('⟦Use your phone⟧').click()
  await check.getByRole('img').waitFor()
  await assertTranslated(check, 'hand-over', data)
  await check.getByText('⟦Cancel⟧').click()
  await check.getByText('⟦The code was taken back.⟧').waitFor()
  const [popup] = await Promise.all([other.waitForEvent('page'), check.getByRole('button').first().click()])
  await popup.getByLabel('Passphrase').waitFor()
  await assertTranslated(check, 'widget', data)
  await assertTranslated(body(popup), 'asked, locked', data)
  await popup.getByLabel('Passphrase').fill(passphrase)
  await popup.getByRole('button', { name: /^⟦Unlock/ }).click()
  const prove = popup.getByRole('button', { name: /Prove it/ })
  await prove.waitFor({ timeout: 60_000 })
  await assertTranslated(body(popup), 'asked', data)

  // The page that asked goes elsewhere while the question is open: there is nobody to answer any more.
  await board.goto(`http://evil.localhost:${evil.port}/`)
  await popup.getByText('⟦The page that asked is closed').waitFor()
  await assertTranslated(body(popup), 'asked, and alone', data)
  await popup.close()
  assert.deepEqual(await board.evaluate(() => window.heard), [])
})

step('the manual is readable by everybody, with no script at all', { skip: why, timeout: 60_000 }, async () => {
  const manual = await context.newPage()
  await manual.goto(`${demo.board}/docs/how-it-works`)
  await picture(manual, 'manual', { fullPage: false })
  const every = await manual.$$eval('nav.pages a', (links) => links.map((a) => String(a.getAttribute('href')).replace('/docs/', '')))
  assert.ok(every.length > 20)
  const some = ['http-reference', 'routes', 'comparison', 'errors', 'operations']
  for (const name of process.env.PERHUMAN_LONG ? every : some) {
    await manual.goto(`${demo.board}/docs/${name}`)
    await assertAccessible(manual, name)
    await assertFits(manual, name)
    // On a desk every table is read without scrolling sideways, and every program as far as it goes down: on paper, too.
    assert.deepEqual(await manual.$$eval('.scroll, pre', (all) => all.filter((e) => (e.tagName !== 'PRE' && e.scrollWidth > e.clientWidth + 1) || e.scrollHeight > e.clientHeight + 1).map((e) => e.textContent?.trim().slice(0, 60))), [], name)
  }
  assert.equal(await manual.locator('script').count(), 0)
  await manual.close()
})

step('the secret left no page, and no storage holds it in the clear', { skip: why, timeout: 60_000 }, async () => {
  const wallet = await context.newPage()
  await wallet.goto(demo.wallet)
  await wallet.getByRole('heading', { name: 'Your wallet is locked' }).waitFor()
  await picture(wallet, 'wallet-locked')
  assertNotSent(secret, seen)
  for (const { body, url } of seen.requests) assert.equal((body ?? Buffer.alloc(0)).indexOf(passphrase), -1, url)
  assertAbsent(secret, await storage(wallet), 'IndexedDB or web storage')
  assertLoopback(seen, demo.port)
  // What the bot page fires is answered with 4xx on purpose; browsers log that.
  assert.deepEqual(seen.complaints.filter((c) => !(c.includes('/bot') || /status of 4\d\d/.test(c) && c.includes('/bot'))), [])
  await context.close()
  context = undefined
  let files = 0
  for (const path of walk(profile)) {
    files++
    assertAbsent(secret, readFileSync(path), path)
  }
  assert.ok(files > 20)
})

function* walk(dir) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name)
    const info = statSync(path, { throwIfNoEntry: false })
    if (info?.isDirectory()) yield* walk(path)
    else if (info?.isFile()) yield path
  }
}
