// Agora beyond its posts, on the real demo binary: a poll that the page and the
// command count again, and the lies that are found; vouchers, agents, the bot
// lab, the tour; and at the end the person's browser is the phone that a page
// on a desktop hands its question to.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { binary, offline } from '../support/binaries.mjs'
import { assertAccessible, assertFits, assertLoopback, launch, skip, watch } from '../support/chromium.mjs'
import { start } from '../support/demo.mjs'
import { handover } from '../support/handover.mjs'
import { call } from '../support/local.mjs'
import { agree, backToWallet, captureIris, makeWallet, openIssuer, prove as proveIt, readied, unlock, untilMember } from '../support/people.mjs'
import { picture } from '../support/pictures.mjs'
import { patience, steps, until } from '../support/steps.mjs'

const why = skip()
const step = steps()
let demo, context, seen, page

before(async () => {
  if (why) return
  demo = await start()
  context = await launch()
  seen = watch(context)
  page = await context.newPage()
}, { timeout: 180_000 })
after(async () => {
  await context?.close()
  await demo?.stop()
})

/** Presses a widget's button and answers in the wallet. @param {import('playwright-core').Locator} check @param {(popup: import('playwright-core').Page) => Promise<void>} [look] at the question */
async function prove(check, look) {
  const [popup] = await Promise.all([context.waitForEvent('page'), check.getByRole('button').first().click()])
  await unlock(popup)
  await readied(popup)
  await look?.(popup)
  await proveIt(popup)
}

step('the feed and the poll can be read without JavaScript', { skip: why, timeout: 60_000 }, async () => {
  await demo.crowd()
  const plain = await context.browser().newContext({ javaScriptEnabled: false })
  plain.setDefaultTimeout(30_000 * patience)
  const reader = await plain.newPage()
  await reader.goto(demo.board)
  assert.ok(await reader.locator('.post').count() >= 3)
  await until('the first poll is open', async () => {
    await reader.goto(demo.board + '/poll')
    return await reader.locator('.bars li').count() === 3
  })
  for (const [path, text] of [['/', /verified posts per human a day/], ['/agent', /however many grants there are/], ['/bot', /Post with no proof at all/]]) {
    await reader.goto(demo.board + path)
    assert.match(await reader.locator('main').innerText(), text)
    assert.equal(await reader.locator('main button:visible').count(), 0, `${path} offers what only scripts do`)
  }
  for (const [url, title, text] of [
    [demo.issuer + '/enrol', 'Enrol once, as one person', /What is kept, and for how long/], [demo.board + '/docs/', 'Quick start', /make demo/],
    [demo.board + '/nowhere', 'Nothing is at this address.', /not_found/], [demo.issuer + '/nowhere', 'Nothing is at this address.', /not_found/],
  ]) {
    await reader.goto(url)
    await reader.getByRole('heading', { name: title, level: 1 }).waitFor()
    assert.match(await reader.locator('main').innerText(), text, url)
  }
  await reader.goto(demo.wallet)
  await reader.getByText(/needs JavaScript/).waitFor()
  // The issuer's public record is beside the board, and leads back.
  await reader.goto(demo.board)
  await reader.getByRole('link', { name: 'Read the public record' }).click()
  await reader.getByRole('heading', { name: 'Each person once, and every change in public' }).waitFor()
  assert.match(await reader.locator('.tile').first().textContent(), /^30\d/)
  await reader.getByRole('link', { name: 'Board' }).click()
  await reader.getByRole('navigation').getByRole('link', { name: 'Issuer' }).click()
  await reader.getByRole('heading', { name: 'The newest states' }).waitFor()
  await plain.close()
})

step('a first visitor leaves the tour', { skip: why, timeout: 30_000 }, async () => {
  await page.goto(demo.board)
  await page.getByRole('button', { name: 'Leave the tour' }).click()
  await page.locator('.tour').waitFor({ state: 'detached' })
})

step('a first visitor finds a badge to press, of the made-up crowd', { skip: why, timeout: 90_000 }, async () => {
  const made = page.locator('.post', { hasText: 'made up for the demo' }).getByRole('button', { name: /verified human/ })
  await until('two of the crowd have posted', async () => {
    await page.reload()
    await page.locator('.post').first().waitFor()
    return await made.count() === 2
  })
  // By keyboard alone: into the panel, through it, and back to the badge.
  await made.first().focus()
  await page.keyboard.press('Enter')
  await page.locator('dialog.panel[data-state=good]').waitFor({ timeout: 60_000 })
  const close = page.locator('dialog.panel').getByRole('button', { name: 'Close' })
  for (let tabs = 0; tabs < 8 && !await close.evaluate((el) => el === document.activeElement); tabs++) await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.locator('dialog.panel').waitFor({ state: 'detached' })
  assert.ok(await made.first().evaluate((el) => el === document.activeElement), 'the badge is not where the reader is back')
})

step('an edited text and a copied proof turn the badge red, and what is untouched stays green', { skip: why, timeout: 90_000 }, async () => {
  // What a lying board would serve: the first post says something else, and its proof stands under another name too.
  const { posts } = (await call(demo.board + '/api/posts')).json
  const [edited, other] = posts.filter((p) => p.verified)
  const bundle = (await call(`${demo.board}/api/posts/${edited.id}/bundle`)).json
  const lies = [{ ...edited, text: edited.text + ' Not.' }, { ...edited, id: 4242, author: 'mallory' }, other]
  await page.route('**/api/posts', (route) => route.fulfill({ json: { posts: lies } }))
  await page.route('**/api/posts/4242/bundle', (route) => route.fulfill({ json: bundle }))
  await page.goto('about:blank') // else only the fragment would change
  await page.goto(`${demo.board}/#post-${other.id}`)
  await page.locator('#post-4242').waitFor()
  await page.locator(`#post-${other.id}:target`).waitFor() // a link to one post finds it, drawn anew
  for (const [{ id }, state, says] of [[lies[0], 'bad', 'does not check out'], [lies[1], 'bad', 'does not check out'], [lies[2], 'good', 'verified human']]) {
    await page.locator(`#post-${id} header`).getByRole('button').click()
    await page.locator(`dialog.panel[data-state=${state}]`).waitFor({ timeout: 60_000 })
    assert.equal(await page.getByText('The text was changed').count(), state === 'bad' ? 1 : 0)
    await page.keyboard.press('Escape')
    await page.locator(`#post-${id} .badge.${state}`, { hasText: says }).waitFor()
  }
  await page.unrouteAll()
})

step('every page says that the board does not answer, and goes on by itself when it does', { skip: why, timeout: 90_000 }, async () => {
  const kept = seen.complaints.length
  const all = await Promise.all(['/', '/poll', '/agent', '/bot'].map(async (path) => {
    const p = await context.newPage()
    await p.route('**/api/**', (route) => route.abort())
    await p.goto(demo.board + path)
    await p.locator('#silent').getByText('The board does not answer.').waitFor()
    return p
  }))
  for (const p of all) {
    await p.unrouteAll()
    await p.locator('#silent:empty').waitFor({ state: 'attached' })
    await p.locator('perhuman-check[wallet], .attack button:enabled').first().waitFor()
    await p.close()
  }
  const [quiet, rest] = [seen.complaints.slice(0, kept), seen.complaints.slice(kept)]
  assert.deepEqual(rest.filter((c) => !c.includes('ERR_FAILED')), [])
  seen.complaints = quiet
})

step('a long feed comes in pages; a name, however long or turned around, stays a name', { skip: why, timeout: 60_000 }, async () => {
  const phone = await context.newPage()
  await phone.setViewportSize({ width: 360, height: 800 })
  const written = (id, rest) => ({ id, author: 'guest-0000aa', text: 'x', created: 1_700_000_000, verified: false, seed: false, ...rest })
  const hostile = [
    written(900, { author: '\u202e<b>eve</b>', text: 'W'.repeat(2000), earlier: 7, comments: [{ id: 1, author: '\u202eeve', text: '<img src=x onerror=alert(1)>', created: 1_700_000_000 }] }),
    written(899, { author: 'N'.repeat(255), text: 'https://agora.example/' + 'a/'.repeat(400), verified: true, seed: true }),
  ]
  /** @type {string[]} */
  const asked = []
  await phone.route('**/api/posts*', (route) => {
    asked.push(new URL(route.request().url()).search)
    return route.fulfill({ json: { posts: [...hostile, ...Array.from({ length: 28 }, (_, n) => written(898 - n))], older: 871 } })
  })
  await phone.goto(demo.board)
  await phone.locator('#post-900').waitFor()
  assert.equal(await phone.locator('.post').count(), 30)
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is wider than the phone')
  assert.equal(await phone.locator('.post :is(b b, img, .said b)').count(), 0)
  await phone.locator('#post-900').getByText('7 earlier comments are not shown.').waitFor()
  // What follows a name stands after it, though the name turns the line around.
  assert.ok(await phone.locator('.comment').evaluate((li) => (li.querySelector('.when')?.getBoundingClientRect().left ?? 0) >= (li.querySelector('b')?.getBoundingClientRect().right ?? 1)))
  // How to begin comes before the posts, also by keyboard.
  assert.ok(await phone.evaluate(() => document.getElementById('become')?.compareDocumentPosition(/** @type {Node} */ (document.getElementById('posts'))) === Node.DOCUMENT_POSITION_FOLLOWING))
  await phone.getByRole('link', { name: 'Older posts' }).click()
  await phone.getByRole('heading', { name: 'Older posts' }).waitFor()
  await until('the older ones are asked for', async () => asked.at(-1) === '?before=871')
  await phone.getByRole('link', { name: 'The newest' }).click()
  await phone.getByRole('heading', { name: 'Posts', exact: true }).waitFor()
  await phone.close()
})

step('a browser that keeps nothing: every page works, and says what goes with it', { skip: why, timeout: 60_000 }, async () => {
  const bare = await context.newPage()
  await bare.addInitScript(() => Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('kept out', 'SecurityError') } }))
  for (const path of ['/', '/bot', '/poll', '/agent']) {
    await bare.goto(demo.board + path)
    await bare.locator('perhuman-check[wallet], .attack button:enabled').first().waitFor()
    await bare.getByRole('button', { name: 'Take the tour' }).waitFor()
  }
  await bare.route('**/agents', (route) => route.fulfill({ status: 201, json: { code: 'ok', grant: 'A'.repeat(43) } }))
  await bare.locator('#check').evaluate((check) => {
    /** @type {any} */ (check).content()
    check.dispatchEvent(new CustomEvent('perhuman-verified', { detail: { response: 'a.b' } }))
  })
  await bare.getByText(/the secret that revokes the grant goes with this page/).waitFor()
  await bare.route('**/agents/revoke', (route) => route.fulfill({ json: { code: route.request().postDataJSON().secret.length === 43 ? 'ok' : 'not_canonical' } }))
  await bare.locator('.grant').getByRole('button', { name: 'Revoke' }).click()
  await bare.locator('.grant[data-revoked]').waitFor()
  await bare.close()
})

step('nobody at the other end: a silent issuer, a silent wallet, an issuer that does not answer yet', { skip: why, timeout: 90_000 }, async () => {
  const fresh = await context.browser().newContext()
  fresh.setDefaultTimeout(30_000 * patience)
  const wallet = await fresh.newPage()
  await wallet.goto(demo.wallet)
  await makeWallet(wallet)
  const become = wallet.getByRole('button', { name: 'Become verified' })
  // The issuer's window says nothing: the wallet waits at the first step, and goes on when the window is closed.
  await fresh.route('**/enrol?*', (route) => route.fulfill({ contentType: 'text/html', body: '<title>silent</title>' }))
  const [mute] = await Promise.all([fresh.waitForEvent('page'), become.click()])
  await wallet.locator('ol.steps li').first().and(wallet.locator('[data-state=now]')).waitFor()
  assert.equal(await become.isEnabled(), false)
  await mute.close()
  await wallet.getByText(/window was closed before/).waitFor()
  await fresh.unrouteAll()
  // The page comes, what is to be agreed to does not: it says so, asks again, and goes on.
  await fresh.route('**/static/consent/*', (route) => route.abort())
  const [issuer] = await Promise.all([fresh.waitForEvent('page'), become.click()])
  await issuer.getByRole('heading', { name: 'The issuer does not answer' }).waitFor()
  assert.equal(await issuer.getByRole('checkbox').count(), 0)
  await fresh.unrouteAll()
  await issuer.getByLabel(/I have read this/).check()
  await issuer.close()
  // Opened by something that is no wallet: not an empty page.
  await wallet.goto(demo.board)
  const [stray] = await Promise.all([fresh.waitForEvent('page'), wallet.evaluate((url) => { window.open(url) }, demo.issuer + '/enrol')])
  await stray.getByRole('heading', { name: 'Waiting for your wallet' }).waitFor()
  await fresh.close()
})

step('a person votes, the crowd votes, and the page counts every ballot again', { skip: why, timeout: 180_000 }, async (t) => {
  const wallet = await context.newPage()
  await wallet.goto(demo.wallet)
  await makeWallet(wallet)
  const issuer = await openIssuer(wallet)
  await agree(issuer)
  await captureIris(issuer, 'Chidi')
  await issuer.getByRole('heading', { name: /You are new here/ }).waitFor({ timeout: 30_000 })
  await backToWallet(issuer)
  await untilMember(wallet)
  await wallet.close()

  await page.goto(demo.board + '/poll')
  await page.getByRole('button', { name: 'Close the poll' }).click()
  await page.getByRole('button', { name: 'Open the next poll' }).click()
  await page.getByText('Poll 2, open').waitFor()
  await page.getByRole('radio', { name: 'On Sundays' }).check()
  await prove(page.locator('#check'), async (popup) => {
    assert.deepEqual(await popup.locator('#vote dd').allTextContents(), ['sundays', 'poll-2'])
    assert.match(await popup.locator('.facts').textContent(), /It also learns what this person chose/)
    await picture(popup, 'wallet-vote')
  })
  await page.getByText(/Counted: entry 1 of the log/).waitFor()
  await page.getByRole('button', { name: 'Five of the crowd vote' }).click()
  await page.getByText(/^6 votes/).waitFor({ timeout: 60_000 })
  await page.getByRole('button', { name: 'Close the poll' }).click()
  await page.getByText('Poll 2, closed').waitFor()
  await page.getByRole('button', { name: 'Count again' }).click()
  await page.locator('#report[data-state=good]').waitFor({ timeout: 60_000 })
  assert.match(await page.locator('#report').textContent(), /6 ballots, each by another one of 301 people.*this is the result.*Your vote is in it/)
  await picture(page, 'poll-counted')

  // The same by the command that the page shows, from the file, with no network.
  const [, issuer_, log, address] = /^perhuman recount -issuer '(\S+)' \\\s+-log '(\S+)' \\\s+(\S+)$/.exec(await page.locator('#command').textContent())
  const dir = mkdtempSync(join(tmpdir(), 'perhuman-tally-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, 'tally.json')
  writeFileSync(file, (await call(address)).text)
  const counted = offline([binary('perhuman', dir), 'recount', '-issuer', issuer_, '-log', log, file])
  assert.equal(counted.status, 0, counted.out)
  assert.match(counted.out, /^ADDS UP.*\n.*\n  may vote   301 people/)
})

step('each lie about the poll is found and named', { skip: why, timeout: 120_000 }, async () => {
  for (const [lie, code] of [['change', 'choice_altered'], ['drop', 'vote_dropped'], ['double', 'voted_twice'], ['stuff', 'proof_invalid']]) {
    await page.getByLabel('A lie to tell first').selectOption(lie)
    await page.getByRole('button', { name: 'Count again' }).click()
    await page.locator(`#report[data-state=bad] li[data-code=${code}]`).first().waitFor({ timeout: 30_000 })
  }
  await picture(page, 'poll-lie')
})

step('a voucher once, a name that comes back, a comment under a post', { skip: why, timeout: 180_000 }, async () => {
  await page.goto(demo.board)
  await prove(page.locator('#claim'), async (popup) => assert.match(await popup.locator('#unknown').textContent(), /2 bytes of the kind “raw”, which this wallet does not understand.*\{\}$/))
  await page.locator('#claim-status').getByText(/AGORA-/).waitFor()
  await prove(page.locator('#hello'))
  await page.locator('#hello-status').getByText(/^Welcome,/).waitFor()
  await prove(page.locator('#hello'))
  await page.locator('#hello-status').getByText(/Welcome back/).waitFor()
  const post = page.locator('.post').first()
  await post.getByText('Comment', { exact: true }).click()
  await post.getByLabel('Your comment').fill('Said by one human.')
  await prove(post.locator('perhuman-check'))
  await page.locator('.comment', { hasText: 'Said by one human.' }).waitFor()
  await picture(page, 'board-extras')
})

step('an agent comments under a grant, and is stopped at once when it is revoked', { skip: why, timeout: 120_000 }, async () => {
  await page.goto(demo.board + '/agent')
  await page.getByLabel('Comments in all').fill('2')
  await prove(page.locator('#check'), async (popup) => {
    const [agent, where, can, often] = await popup.locator('#grant dd').allTextContents()
    assert.match(agent, /^My helper.*key/)
    assert.deepEqual([where, can, often], [new URL(demo.board).host, 'comment', '2 times'])
    await picture(popup, 'wallet-grant')
  })
  const grant = page.locator('.grant')
  await grant.getByText(/0 of 2 used/).waitFor()
  await grant.getByRole('button', { name: 'Tell it to comment' }).click()
  await grant.getByText('1 of 2 used').waitFor()
  await picture(page, 'agent')
  await grant.getByRole('button', { name: 'Revoke' }).click()
  await page.locator('.grant[data-revoked]').waitFor()
  await grant.getByRole('button', { name: 'Tell it to comment' }).click()
  await grant.getByText('grant_revoked').waitFor()
  await page.goto(demo.board)
  await page.locator('.comment', { hasText: 'an agent, for one human' }).waitFor()
})

step('what is bound is what is shown: hostile names, other bytes, another site, kinds that the wallet does not know', { skip: why, timeout: 120_000 }, async () => {
  await page.goto(demo.board + '/agent')
  /** The board asks for one thing and shows the wallet another. */
  const asked = async (kind, said, bound = said) => {
    const [popup] = await Promise.all([context.waitForEvent('page'), page.evaluate(async ([wallet, kind, said, bound]) => {
      const { concat, contentDigest, encode, prefixed, toBase64url, uint } = await import('/perhuman/bytes.js')
      const bytes = ({ rp = location.host, name, budget, text }) => (text !== undefined ? encode(text)
        : name === undefined ? concat(prefixed(encode(rp)), prefixed(encode('poll-1')), prefixed(encode('sundays')))
          : concat(prefixed(encode(rp)), new Uint8Array(32).fill(7), prefixed(encode(name)), new Uint8Array([1]), prefixed(encode('comment')), uint(budget, 4), uint(Math.floor(Date.now() / 1000) + 600, 8), new Uint8Array(32).fill(9)))
      const content_digest = toBase64url(await contentDigest(kind, bytes(bound)))
      const c = await (await fetch('/perhuman/challenge', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ action: 'delegate', content_digest }) })).json()
      const message = { type: 'perhuman-request', action: c.action, kind: c.policy, len: c.period, k: c.k, challenge: c.challenge, content_digest, bound: { kind, bytes: toBase64url(bytes(said)) } }
      window.onmessage = (e) => { if (e.data?.type === 'perhuman-ready') e.source.postMessage(message, wallet) }
      window.open(wallet + '/?request', 'hostile', 'popup')
    }, [demo.wallet, kind, said, bound])])
    return popup
  }
  const hostile = await asked('grant', { name: '\u202eknab ruoy\u200b pаypal', budget: 3 })
  await hostile.locator('#grant').waitFor()
  assert.match(await hostile.locator('#grant dd').first().textContent(), /^⟨U\+202E⟩knab ruoy⟨U\+200B⟩ pаypal/)
  assert.ok(await hostile.locator('#grant .warned').getByText(/alphabets that look alike/).isVisible())
  await picture(hostile, 'wallet-grant-hostile')
  await hostile.close()
  for (const [kind, said, bound, text] of [
    ['grant', { name: 'Helper', budget: 3 }, { name: 'Helper', budget: 300 }, /not what the site wants bound/],
    ['vote', { rp: 'bank.localhost' }, undefined, /not what the site wants bound/],
    ['vote', { text: 'yes' }, undefined, /not well formed/],
  ]) {
    const popup = await asked(kind, said, bound)
    await popup.getByText(text).waitFor()
    assert.equal(await popup.locator('.bound').count(), 0)
    assert.equal(await popup.getByRole('button', { name: 'Prove it' }).count(), 0)
    await popup.close()
  }
  const unknown = await asked('order', { text: 'All my gold' })
  assert.match(await unknown.locator('#unknown').textContent(), /11 bytes of the kind “order”, which this wallet does not understand .*All my gold$/)
  await unknown.close()
})

step('a swarm is sent, nothing gets through, and the charts say what stopped it', { skip: why, timeout: 120_000 }, async () => {
  await page.goto(demo.board + '/bot')
  await page.getByRole('button', { name: 'Send the swarm' }).click()
  await page.getByText(/\d+ attacks, none got through/).waitFor({ timeout: 90_000 })
  const codes = await page.locator('#stopped li').evaluateAll((rows) => rows.map((li) => li.dataset.code))
  for (const code of ['challenge_missing', 'challenge_already_used', 'message_mismatch', 'root_unknown', 'scope_mismatch', 'proof_invalid', 'already_enrolled']) assert.ok(codes.includes(code), code)
  // Seven kinds that really ran, each with what one of it cost both sides, in milliseconds.
  const costs = await page.locator('#costs li[data-stage=done]').evaluateAll((rows) => rows.map((li) => [li.dataset.raid, Number(/× (\d+)$/.exec(li.firstChild.textContent.trim())?.[1]), li.querySelector('.figures').textContent]))
  assert.deepEqual(costs.map(([id]) => id), ['no-proof', 'replay', 'copied', 'made-up-root', 'sixth', 'forged', 'double'])
  for (const [id, fired, figures] of costs) {
    assert.ok(fired >= 12, `${id}: ${fired}`)
    assert.match(figures, /^(–|[\d.]+ ms) \/ [\d.]+ ms$/, id)
    assert.ok(id === 'no-proof' || Number(/^[\d.]+/.exec(figures)?.[0]) > 0, `${id} cost nothing to make: ${figures}`)
  }
  assert.match(await page.locator('#total').textContent(), /^All of it: [\d.]+ s to make, [\d.]+ s to send and stop\.$/)
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0)
  const stopped = sum((await page.locator('#stopped li b').allTextContents()).map(Number))
  assert.equal(stopped, sum(costs.map(([, fired]) => fired)))
  assert.equal(await page.locator('#swarm-status').textContent(), `${stopped} attacks, none got through`)
  await picture(page, 'bot-lab', { fullPage: false })
})

step('the tour: five steps by keyboard over three pages, left with Escape, and it stays away', { skip: why, timeout: 60_000 }, async () => {
  await page.evaluate(() => localStorage.removeItem('agora-tour'))
  await page.goto(demo.board)
  await page.locator('.tour[data-step="1"]').waitFor()
  await picture(page, 'tour', { fullPage: false })
  await page.locator('.tour').getByRole('button', { name: 'Next' }).focus()
  for (let n = 2; n <= 5; n++) {
    await page.keyboard.press('Enter')
    await page.locator(`.tour[data-step="${n}"]`).waitFor()
    await page.waitForFunction(() => document.activeElement?.closest('.tour'))
  }
  assert.equal(new URL(page.url()).pathname, '/bot')
  await page.keyboard.press('Escape')
  await page.locator('.tour').waitFor({ state: 'detached' })
  await page.goto(demo.board)
  await page.getByRole('button', { name: 'Take the tour' }).waitFor()
  assert.equal(await page.locator('.tour').count(), 0)
})

step('no page complains, leaves loopback, weighs too much, jumps while it loads or shuts anyone out', { skip: why, timeout: 180_000 }, async () => {
  const fresh = await context.browser().newContext({ viewport: { width: 1280, height: 860 } }) // a first visit: nothing is kept from before
  fresh.setDefaultTimeout(30_000 * patience)
  const visit = await fresh.newPage()
  await visit.addInitScript(() => {
    window.jumped = 0
    new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.jumped += e.value }).observe({ type: 'layout-shift', buffered: true })
  })
  const wire = await fresh.newCDPSession(visit)
  let bytes = 0
  const paths = new Map()
  wire.on('Network.responseReceived', (e) => paths.set(e.requestId, new URL(e.response.url).pathname))
  // The prover, what it proves with, and the camera's models are not part of the bound; they come when they are needed.
  wire.on('Network.loadingFinished', (e) => { if (!/\.(wasm|zkey|onnx|ort)$|^\/face\//.test(paths.get(e.requestId) ?? '')) bytes += e.encodedDataLength })
  await wire.send('Network.enable')
  await wire.send('Network.setCacheDisabled', { cacheDisabled: true })
  const places = [...['/', '/poll', '/agent', '/bot', '/docs/', '/docs/benchmarks', '/docs/operations', '/nowhere'].map((path) => demo.board + path), demo.issuer + '/', demo.issuer + '/enrol', demo.wallet + '/']
  const titles = new Set()
  for (const url of places) {
    let jumped = 1
    // A busy machine parses a long table in pieces, which grows; what jumps by itself does so each time.
    for (let tries = 0; tries < 3 && jumped >= 0.05; tries++) {
      bytes = 0
      await visit.goto('about:blank')
      await visit.goto(url, { waitUntil: 'networkidle' })
      jumped = await visit.evaluate(() => window.jumped)
    }
    await assertAccessible(visit, url)
    assert.ok(bytes > 5_000 && bytes < 150_000, `${url}: ${bytes} bytes`)
    assert.ok(jumped < 0.05, `${url} jumps: ${jumped}`)
    // 1280 px at 400 %.
    await visit.setViewportSize({ width: 320, height: 740 })
    await assertFits(visit, url)
    await visit.setViewportSize({ width: 1280, height: 860 })
    titles.add(await visit.title())
    if (url !== demo.issuer + '/') assert.equal(await visit.locator('link[rel=icon]').count(), 1, `${url} has no icon`) // that one loads nothing at all
  }
  assert.equal(titles.size, places.length, `titles: ${[...titles].join(' | ')}`)
  await visit.goto(demo.board)
  await visit.locator('.tour').waitFor()
  await visit.emulateMedia({ media: 'print' })
  assert.equal(await visit.locator('nav:visible, .tour:visible, perhuman-check:visible, textarea:visible').count(), 0, 'paper has buttons')
  assert.ok(await visit.locator('.post .said:visible').count() >= 3)
  await fresh.close()
  assertLoopback(seen, demo.port)
  assert.deepEqual(seen.complaints, [])
})

handover(step, { skip: why }, () => ({ demo, phone: context }))
