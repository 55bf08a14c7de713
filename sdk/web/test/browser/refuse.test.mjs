// What the wallet refuses, with issuers, a witness, a relying party and a
// wallet's origin in processes of their own: an issuer that the wallet does not
// know, one that shows two histories, an old one or a set that its log does not
// hold, a log that its witness has not signed, too small a crowd, a question that
// is not what it says. Each time the person reads why, no proof leaves the
// window, and the page that asked hears one code, which docs/errors.md explains.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Identity } from '@semaphore-protocol/identity'
import { launch, skip } from '../support/chromium.mjs'
import { asking, grounds } from '../support/issuers.mjs'
import { call } from '../support/local.mjs'
import { parting, passphrase, unlock } from '../support/people.mjs'
import { picture } from '../support/pictures.mjs'
import { test, until } from '../support/steps.mjs'

const why = skip()
const explained = readFileSync(fileURLToPath(new URL('../../../../docs/errors.md', import.meta.url)), 'utf8')
const me = new Identity(randomBytes(32))
const strangers = (/** @type {number} */ n) => Array.from({ length: n }, () => BigInt('0x' + randomBytes(31).toString('hex')).toString())
const people = [me.commitment.toString(), ...strangers(299)]

let place, site, context, witness, running, proofs = 0
/** @type {Record<string, any>} */
const issuers = {}

before(async () => {
  if (why) return
  place = await grounds()
  for (const name of ['people', 'forked', 'rolled', 'watched']) issuers[name] = place.issuer(name, people)
  // Each of the two has a folder that its operator will serve one day in place of the true one.
  for (const [name, copy] of [['forked', 'other'], ['rolled', 'old']]) {
    issuers[name].copy(copy)
    issuers[name].grow(strangers(2))
  }
  issuers.small = place.issuer('small', people.slice(0, 40))
  witness = place.witness('witness')
  running = await witness.serve(issuers.forked.vkey, issuers.watched.vkey)
  for (const name of ['people', 'rolled', 'small']) await issuers[name].serve()
  for (const name of ['forked', 'watched']) await issuers[name].serve('first', '-witness', running.at)
  site = await asking(place, Object.values(issuers).map((i) => [i.vkey, i.at, ...i === issuers.watched || i === issuers.forked ? [witness.vkey] : []].join(',')), [place.vkey('foreign'), place.vkey('strange')])
  context = await launch({ workers: false })
  // Too few have signed until the witness was asked, which takes a moment.
  for (const name of ['forked', 'watched']) await until('the witness signs', async () => (await call(issuers[name].at + '/head')).text.includes('— witness.localhost/w '))
  const wallet = await context.newPage()
  await wallet.goto(site.wallet)
  await wallet.getByRole('button', { name: 'Bring a backup' }).click()
  await wallet.getByLabel('Backup words or code').fill(me.export())
  await wallet.getByRole('button', { name: 'Continue' }).click()

  await wallet.getByLabel('Passphrase', { exact: true }).fill(passphrase)
  await wallet.getByLabel('The same again').fill(passphrase)
  await wallet.getByRole('button', { name: 'Bring it in' }).click()
  for (let i = 0; i < 5; i++) await wallet.getByRole('heading', { name: /You are one of \d+ people/ }).nth(i).waitFor({ timeout: 60_000 })
  await wallet.close() // no page is left that reads the sets at its own times
}, { timeout: 180_000 })
after(async () => {
  await context?.close()
  await site?.stop()
  await place?.stop()
})

/** A page that may ask, which keeps what it hears. */
const opener = async (url = site.app) => {
  const page = await context.newPage()
  await page.goto(url)
  return page
}

/**
 * Asks as the page's own script would.
 * @param {any} page @param {any} [changed] what differs from an honest question; several: asked at one time
 * @param {string} [path] where the challenge is from
 */
const ask = async (page, changed = {}, path = '/perhuman/challenge') => {
  const requests = []
  for (const one of [changed].flat()) {
    const { json } = await call(site.app + path, { body: { action: 'post' }, headers: { Origin: site.app } })
    assert.ok(json.challenge, JSON.stringify(json))
    requests.push({ type: 'perhuman-request', action: json.action, kind: json.policy, len: json.period, k: json.k, challenge: json.challenge, content_digest: 'A'.repeat(43), issuers: json.issuers, ...typeof one === 'function' ? one(json) : one })
  }
  const [popup] = await Promise.all([context.waitForEvent('page'), page.evaluate(([wallet, messages]) => {
    window.heard = []
    window.onmessage = (e) => {
      window.heard.push(e.data)
      if (e.data?.type === 'perhuman-ready') for (const message of messages) e.source.postMessage(message, wallet)
    }
    window.open(wallet + '/?request', 'w', 'popup')
  }, [site.wallet, requests])])
  return { popup, requests }
}

/**
 * The window says why, offers no proof, and tells the page one code.
 * @param {any} page @param {any} popup @param {RegExp} reason @param {string} code @param {{now?: boolean}} [how] now: it may pass
 */
const refused = async (page, popup, reason, code, { now = false } = {}) => {
  const said = popup.locator('.refusal')
  await said.getByText(reason).waitFor({ timeout: 60_000 })
  await popup.getByRole('heading', { name: now ? 'The wallet does not prove this now' : 'The wallet does not prove this', exact: true }).waitFor()
  assert.equal(await popup.getByRole('button', { name: 'Prove it' }).count(), 0)
  if (!pictured.has(code)) await picture(popup, `refused-${code}`)
  await parting(popup, () => popup.getByRole('button', { name: 'Back to the site' }).click())
  await page.waitForFunction(() => window.heard.length > 1)
  assert.deepEqual(await page.evaluate(() => window.heard), [{ type: 'perhuman-ready' }, { type: 'perhuman-error', code }])
  assert.match(explained, new RegExp(`^\\|[^|]*\`${code}\`[^|]*\\|`, 'm'), `docs/errors.md does not explain ${code}`)
}
/** One screen of each kind is looked at; with PERHUMAN_LONG=1 all are. */
const pictured = { has: (/** @type {string} */ code) => !process.env.PERHUMAN_LONG && !['fork_detected', 'crowd_too_small'].includes(code) }

const only = (/** @type {string[]} */ ...names) => ({ issuers: names.map((n) => issuers[n].vkey) })
/** Asks about a state of the set that the wallet has not read, which makes it read; unlocks and reads. */
const reading = async (page, name, changed = {}) => {
  const { popup } = await ask(page, { ...only(name), min_seq: 1000, ...changed })
  await unlock(popup)
  await popup.getByRole('button', { name: 'Update it now' }).click()
  return popup
}

test('an opener that asks two things at one time gets one answer, to the first', { skip: why, timeout: 120_000 }, async () => {
  const page = await opener()
  const { popup, requests } = await ask(page, [only('people'), { action: 'sign-in', kind: 'returning', len: 0, k: 1, ...only('people') }])
  await unlock(popup)
  await popup.getByText('20 of 20 left today').waitFor()
  proofs++
  await parting(popup, () => popup.getByRole('button', { name: 'Prove it' }).click())
  await page.waitForFunction(() => window.heard.length > 2)
  const heard = await page.evaluate(() => window.heard)
  assert.deepEqual(heard.map((m) => m.type), ['perhuman-ready', 'perhuman-proving', 'perhuman-response'])
  assert.equal(heard[2].response.split('.')[1], requests[0].challenge)
  const { status, text } = await call(site.app + '/post', { method: 'POST', headers: { Origin: site.app, 'Perhuman-Response': heard[2].response } })
  assert.equal(status, 200, text)
  await page.close()
})

test('a question that is not what it says, or asks for an issuer that the wallet does not know, is refused before the wallet opens', { skip: why, timeout: 120_000 }, async (t) => {
  const page = await opener()
  const foreign = (await call(site.app + '/foreign/challenge', { body: { action: 'post' }, headers: { Origin: site.app } })).json.issuers
  const spoilt = (/** @type {string} */ challenge, /** @type {number} */ at) => {
    const bytes = Buffer.from(challenge, 'base64url')
    bytes[at] ^= 1
    return bytes.toString('base64url')
  }
  const every = Boolean(process.env.PERHUMAN_LONG)
  for (const [what, reason, code, path] of /** @type {[any, RegExp, string, string?][]} */ ([
    [{}, /another issuer to vouch/, 'issuer_unknown', '/foreign/challenge'],
    [{ issuers: [issuers.people.vkey, ...foreign], all: true }, /another issuer to vouch/, 'issuer_unknown'],
    [{ spoil: 41 }, /made for another site/, 'challenge_wrong_rp'],
    [{ spoil: 105 }, /made for another address of this site/, 'challenge_wrong_origin'],
    [{ action: 'vote' }, /made for another action/, 'challenge_wrong_action'],
    [{ content: { kind: 'post', author: 'a', created: 1, text: 'harmless' } }, /not what the site wants bound/, 'message_mismatch'],
    [{ challenge: 'x' }, /question is not well formed/, 'challenge_invalid'],
    [{ k: 5000 }, /request is not well formed/, 'request_invalid'],
    ...every ? [
      [{ content_digest: 'B'.repeat(42) + 'A' }, /not what the site wants bound/, 'message_mismatch'],
      [{ len: 0 }, /request is not well formed/, 'request_invalid'],
      [{ all: true, issuers: undefined }, /request is not well formed/, 'request_invalid'],
    ] : [],
  ])) {
    const { popup } = await ask(page, what.spoil ? (/** @type {any} */ r) => ({ challenge: spoilt(r.challenge, what.spoil) }) : what, path)
    await refused(page, popup, reason, code)
  }
  t.after(() => site.clock(0))
  for (const [ahead, reason, code] of /** @type {[number, RegExp, string][]} */ ([
    [-400, /question is too old/, 'challenge_expired'],
    ...every ? [[-2000, /the clock is ahead/, 'clock_ahead'], [400, /the clock is behind/, 'clock_behind']] : [],
  ])) {
    await site.clock(ahead)
    const { popup } = await ask(page)
    await refused(page, popup, reason, code)
  }
  await site.clock(0)
  await page.goto(site.evil)
  const { popup } = await ask(page)
  assert.equal(await popup.locator('#asker').textContent(), new URL(site.evil).host)
  await refused(page, popup, /made for another site/, 'challenge_wrong_rp')
  await page.close()
})

test('a crowd that is too small is refused, and a page may not want more of a set than there is', { skip: why, timeout: 120_000 }, async () => {
  const page = await opener()
  const { popup } = await ask(page, only('small'))
  await unlock(popup)
  await refused(page, popup, /group to hide in is too small/, 'crowd_too_small', { now: true })
  const more = await reading(page, 'people')
  await refused(page, more, /newer state of the set than the issuer has published/, 'set_ahead', { now: true })
  await page.close()
})

test('a head that the demanded witness has not signed is refused', { skip: why, timeout: 120_000 }, async () => {
  const { watched } = issuers
  await watched.stop()
  await running.stop()
  watched.grow(strangers(3))
  await watched.serve('first', '-witness', running.at)
  const page = await opener()
  const popup = await reading(page, 'watched')
  await refused(page, popup, /Too few independent witnesses have signed/, 'witnesses_missing')
  await page.close()
})

test('a second history, really signed by another process with the same key, is refused, and the issuer from then on', { skip: why, timeout: 120_000 }, async () => {
  const { forked } = issuers
  await forked.stop()
  forked.grow(strangers(5), 'other')
  await forked.serve('other')
  const page = await opener()
  const popup = await reading(page, 'forked')
  await refused(page, popup, /shown two different histories/, 'fork_detected')
  await forked.stop()
  await forked.serve('first') // as if nothing had been
  const { popup: later } = await ask(page, only('forked'))
  await unlock(later)
  await refused(page, later, /shown two different histories/, 'fork_detected')
  await page.close()
})

test('an older copy of an issuer’s data is refused; an issuer that is off can be tried again', { skip: why, timeout: 120_000 }, async () => {
  const { rolled } = issuers
  await rolled.stop()
  await rolled.serve('old')
  const page = await opener()
  const popup = await reading(page, 'rolled')
  await refused(page, popup, /older state of its public log than it did before/, 'rollback_detected')
  await rolled.stop()
  const off = await reading(page, 'rolled')
  await refused(page, off, /issuer does not answer/, 'source_unavailable', { now: true })
  await page.close()
})

test('a set that is not the one in the log is refused, and read when it is', { skip: why, timeout: 120_000 }, async () => {
  const { people } = issuers
  await people.stop()
  people.grow(strangers(3))
  await people.serve()
  const min_seq = Number(/^seq (\d+)$/m.exec((await call(people.at + '/head')).text)?.[1])
  const over = people.spoil('/tile/')
  const page = await opener()
  const popup = await reading(page, 'people', { min_seq })
  await refused(page, popup, /set that its public log does not hold/, 'root_unproven')
  assert.ok(over() > 0, 'nothing was changed on the way')
  const again = await reading(page, 'people', { min_seq })
  await again.getByText(`${20 - proofs} of 20 left today`).waitFor({ timeout: 60_000 })
  await parting(again, () => again.getByRole('button', { name: 'Decline' }).click())
  await page.close()
})

test('who asked and is gone gets nothing and costs nothing; who went elsewhere hears nothing', { skip: why, timeout: 120_000 }, async () => {
  // A page with a policy for the windows it opens is cut off from them when it goes elsewhere.
  for (const leave of [(/** @type {any} */ p) => p.close(), (/** @type {any} */ p) => p.goto(site.evil)]) {
    const gone = await opener()
    const { popup: alone } = await ask(gone, only('people'))
    await alone.getByLabel('Passphrase').waitFor()
    await leave(gone)
    await alone.locator('.refusal').getByText('The page that asked is closed. Nothing was proven').waitFor()
    assert.equal(await alone.getByRole('button', { name: /Prove it|Unlock|Decline/ }).count(), 0)
    await alone.close()
    await gone.close()
  }

  const page = await opener(site.app + '/plain')
  const { popup, requests: [asked] } = await ask(page, only('people'))
  await unlock(popup)
  await popup.getByText(`${20 - proofs} of 20 left today`).waitFor()
  proofs++
  // As by a link, so that this page stays the window's opener.
  await Promise.all([page.waitForURL(site.evil + '/'), page.evaluate((url) => { location.href = url }, site.evil)])
  await page.evaluate(() => {
    window.heard = []
    window.onmessage = (e) => window.heard.push(e.data)
  })
  await parting(popup, () => popup.getByRole('button', { name: 'Prove it' }).click())
  assert.deepEqual(await page.evaluate(() => window.heard), [])
  await page.close()

  // Nobody heard the proof that was written down. Whoever asks the same again gets it, and no second slot is used.
  const back = await opener()
  const { popup: again } = await ask(back, asked)
  const says = async () => {
    await unlock(again)
    await again.getByText(`${21 - proofs} of 20 left today`).waitFor()
    assert.match(await again.locator('.facts').textContent(), /one of 3\d\d verified people/)
  }
  await says()
  await again.locator('button[data-made]').waitFor()
  await again.evaluate(() => new BroadcastChannel('perhuman-wallet').postMessage('locked'))
  await says() // when it was locked and opened again
  await parting(again, () => again.getByRole('button', { name: 'Prove it' }).click())
  await back.waitForFunction(() => window.heard.length > 2)
  const response = await back.evaluate(() => window.heard[2].response)
  const { status, text } = await call(site.app + '/post', { method: 'POST', headers: { Origin: site.app, 'Perhuman-Response': response } })
  assert.equal(status, 200, text)
  const { popup: other } = await ask(back, only('people'))
  await unlock(other)
  await other.getByText(`${20 - proofs} of 20 left today`).waitFor()
  await parting(other, () => other.getByRole('button', { name: 'Decline' }).click())
  await back.close()
})

test('a question that is read for five minutes is over, and an issuer that has said nothing for an hour is refused', { skip: why, timeout: 120_000 }, async () => {
  const page = await opener()
  const { popup: slow } = await ask(page, only('people'))
  await unlock(slow)
  await slow.getByText(`${20 - proofs} of 20 left today`).waitFor()
  await context.clock.install({ time: Date.now() + 301_000 }) // of all pages of the browser, from now on
  await refused(page, slow, /question is too old/, 'challenge_expired')

  await site.clock(3660)
  await context.clock.setSystemTime(Date.now() + 3_660_000)
  const { popup } = await ask(page, only('people'))
  await unlock(popup)
  await popup.getByText(/copy of the public set is from 1 hour ago, too old for this question/).waitFor()
  await popup.getByRole('button', { name: 'Update it now' }).click()
  await refused(page, popup, /newest statement, read just now, is from 1 hour ago/, 'issuer_silent', { now: true })
  await page.close()
})
