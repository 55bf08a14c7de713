// What takes its time while a person waits, on the real demo binary: a new
// version of the wallet that comes in the middle of things, a prover that is
// slow, one that hangs, one that dies; and what all of it takes of the memory.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { assertLoopback, launch, skip, watch } from '../support/chromium.mjs'
import { start } from '../support/demo.mjs'
import { watchMemory } from '../support/memory.mjs'
import { agree, ask, backToWallet, captureIris, makeWallet, openIssuer, parting, unlock, untilMember } from '../support/people.mjs'
import { steps, until } from '../support/steps.mjs'
import { versions } from '../support/versions.mjs'

const why = skip()
const step = steps()
let demo, host, context, seen, wallet, board

before(async () => {
  if (why) return
  demo = await start()
  host = await versions(demo.port, 'wallet.localhost')
  context = await launch({ resolve: host.rule })
  seen = watch(context)
}, { timeout: 180_000 })
after(async () => {
  await context?.close()
  await host?.close()
  await demo?.stop()
})

const proveButton = (popup) => popup.getByRole('button', { name: 'Prove it' })
const status = (popup) => popup.locator('.request [role=status]')
const locked = (page) => page.getByRole('heading', { name: 'Your wallet is locked' }).waitFor()
const versionOf = (page) => page.evaluate(() => document.documentElement.dataset.version)

/** Leaves a mark in a page that does not outlive it. */
const mark = (page) => page.evaluate(() => { window.marked = true })
const assertMarked = async (page) => assert.ok(await page.evaluate(() => window.marked), 'the page was started again')

/** The host moves on, and the browser has heard of it. @returns {Promise<string>} the version, which waits by then */
async function moveOn(page) {
  const version = host.deploy()
  await page.evaluate(async () => { await (await navigator.serviceWorker.getRegistration()).update() })
  await until(`version ${version} waits`, async () => await page.evaluate(async () => {
    const { waiting } = await navigator.serviceWorker.getRegistration()
    return waiting && new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = ({ data }) => resolve(data)
      waiting.postMessage({ type: 'perhuman-version' }, [port2])
    })
  }) === version)
  return version
}

/** What is written down as used. A record is sealed anew at each writing. */
const books = () => wallet.evaluate(async () => {
  const db = await new Promise((resolve) => { indexedDB.open('perhuman-wallet').onsuccess = (e) => resolve(e.target.result) })
  const values = db.transaction('values').objectStore('values')
  const all = await Promise.all(['getAllKeys', 'getAll'].map((of) => new Promise((resolve) => { values[of](IDBKeyRange.bound('book/', 'book/\uffff')).onsuccess = (e) => resolve(e.target.result) })))
  db.close()
  const plain = (v) => (v instanceof ArrayBuffer ? [...new Uint8Array(v)] : ArrayBuffer.isView(v) ? [...new Uint8Array(v.buffer)] : v && typeof v === 'object' ? Object.entries(v).map(([k, x]) => [k, plain(x)]) : v)
  return JSON.stringify(all.map(plain))
})

/** The worker of a page that proves, once its program runs: one that was given before has ended since. */
const given = new Set()
const prover = (popup) => until('the program runs', async () => {
  const worker = popup.workers().find((w) => w.url().endsWith('/worker.js') && !given.has(w))
  if (!await worker?.evaluate(() => Boolean(globalThis.perhumanWallet))) return undefined
  given.add(worker)
  return worker
})

/**
 * A prover that is as slow as the test wants. Chromium slows pages down and not their workers
 * (Emulation.setCPUThrottlingRate), so from now on these calls reach the worker, the first and any
 * that takes its place, only when they are let go on.
 */
async function slowly(popup, ...calls) {
  await popup.evaluate((calls) => {
    window.still = {}
    const real = Worker.prototype.postMessage
    Worker.prototype.postMessage = function (message, ...more) {
      if (calls.includes(message?.method)) window.still[message.method] = () => real.call(this, message, ...more)
      else real.call(this, message, ...more)
    }
  }, calls)
}
const stands = (popup, name) => until(`${name} is called`, () => popup.evaluate((name) => Boolean(window.still[name]), name))
const goOn = (popup, name) => popup.evaluate((name) => {
  const go = window.still[name]
  delete window.still[name]
  go()
}, name)

/** The worker ends as one does whose program has come to something that it cannot go on from. */
const dies = (worker) => Promise.all([
  new Promise((resolve) => worker.once('close', resolve)),
  worker.evaluate(() => { setTimeout(() => { throw new Error('as one that has no memory left') }) }),
])

/** A page four times as slow as it is. */
async function slow(page) {
  const cdp = await context.newCDPSession(page)
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 })
}

/** From now on the page notes how far the steps after the click are, each time that this changes; and the bar. */
const note = (popup) => popup.evaluate(() => {
  window.noted = []
  window.bar = []
  const look = () => {
    const now = [...document.querySelectorAll('.steps li')].map((li) => li.dataset.state ?? 'later').join(' ')
    if (now && now !== window.noted.at(-1)) window.noted.push(now)
    const { value } = document.querySelector('progress') ?? {}
    if (value !== undefined && value !== window.bar.at(-1)) window.bar.push(value)
  }
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true })
  window.close = () => { document.documentElement.dataset.closed = '' } // held open for its last words to be read
})

step('a new version of the wallet comes while a person enrols: the page stays as it is, and starts again when it is locked', { skip: why, timeout: 120_000 }, async () => {
  wallet = await context.newPage()
  await wallet.goto(demo.wallet)
  await makeWallet(wallet)
  await wallet.evaluate(async () => {
    await navigator.serviceWorker.ready
    while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 50))
  })
  const first = await versionOf(wallet)
  const issuer = await openIssuer(wallet)
  await agree(issuer)
  await mark(wallet)
  const second = await moveOn(wallet)
  await captureIris(issuer, 'Greta')
  await backToWallet(issuer)
  await untilMember(wallet)
  await assertMarked(wallet)
  assert.equal(await versionOf(wallet), first)

  await wallet.getByRole('button', { name: 'Lock', exact: true }).click()
  await wallet.waitForFunction((v) => document.documentElement.dataset.version === v, second)
  await locked(wallet)
  await unlock(wallet)
  await untilMember(wallet)
})

step('and while one reads a question, and while the proof is made: each stage is told in its time, by the version that was asked; a page between two versions starts again', { skip: why, timeout: 120_000 }, async () => {
  board = await context.newPage()
  await board.goto(demo.board)
  await mark(wallet)
  const second = await versionOf(wallet), before = await books()
  const popup = await ask(board, 'Asked in one version.')
  await slowly(popup, 'prove')
  await unlock(popup)
  await proveButton(popup).waitFor()
  await mark(popup)
  await moveOn(popup)
  await note(popup)
  await proveButton(popup).click()
  await popup.getByText('Making the proof on this computer').waitFor()
  const last = await moveOn(popup)
  await assertMarked(popup)
  assert.equal(await versionOf(popup), second)
  assert.equal(await books(), before, 'a slot is written down before its proof is made')
  assert.deepEqual(await popup.evaluate(() => window.bar), [0])
  await stands(popup, 'prove')
  await goOn(popup, 'prove')
  await popup.locator('html[data-closed]').waitFor()
  assert.deepEqual(await popup.evaluate(() => window.noted), ['now later later', 'done now later', 'done done now', 'done done done'])
  const bar = await popup.evaluate(() => window.bar)
  assert.ok(bar.length > 2 && bar.every((v, i) => i === 0 || v > bar[i - 1]), `the bar goes ${bar.join(', ')}`)
  await popup.close()
  await board.locator('.post', { hasText: 'Asked in one version.' }).getByRole('button', { name: /verified human/ }).waitFor()
  assert.notEqual(await books(), before)

  // A page whose modules are there and have not begun, when the wallet is locked and the new version may come.
  await assertMarked(wallet)
  const between = await context.newPage()
  const cdp = await context.newCDPSession(between)
  await cdp.send('Debugger.enable')
  await cdp.send('Debugger.setBreakpointByUrl', { urlRegex: '/wallet/same\\.js$', lineNumber: 0 })
  const paused = new Promise((resolve) => cdp.once('Debugger.paused', resolve))
  await between.goto(demo.wallet, { waitUntil: 'commit' })
  await paused
  await wallet.getByRole('button', { name: 'Lock', exact: true }).click()
  await wallet.waitForFunction((v) => document.documentElement.dataset.version === v, last)
  await locked(wallet)
  await cdp.send('Debugger.disable')
  await between.waitForFunction((v) => document.documentElement.dataset.version === v, last)
  await locked(between)
  assert.equal(await between.evaluate(() => sessionStorage.getItem('perhuman-again')), `${second} ${last}`)
  await between.close()
  await unlock(wallet)
  await untilMember(wallet)
})

step('a slow prover: what is under way is what is said, it can be stopped, and no slot is used', { skip: why, timeout: 120_000 }, async () => {
  const before = await books()
  const popup = await ask(board, 'Slowly.')
  await slowly(popup, 'prove')
  await slow(popup)
  await unlock(popup)
  await stands(popup, 'prove')
  await popup.getByText('4 of 5 left today').waitFor()
  assert.equal(await status(popup).textContent(), '')
  assert.equal(await popup.locator('button[data-made]').count(), 0, 'a proof that does not exist is called made')
  await proveButton(popup).click()
  const stages = popup.locator('.steps li')
  assert.deepEqual(await stages.evaluateAll((all) => all.map((li) => li.dataset.state)), ['now', undefined, undefined])
  assert.equal(await stages.first().textContent(), 'Making the proof on this computer')
  assert.equal(await popup.getByRole('button', { name: 'Decline' }).count(), 0)
  await parting(popup, () => popup.getByRole('button', { name: 'Cancel' }).click())
  await board.waitForFunction(() => document.querySelector('#check')?.shadowRoot?.querySelector('[role=status]')?.textContent)
  assert.equal(await board.evaluate(() => document.querySelector('perhuman-check').getResponse()), '')
  assert.equal(await books(), before, 'a slot was used that nobody was shown')
})

const again = async (popup) => {
  await popup.evaluate(() => { window.still = {} })
  await popup.getByRole('button', { name: 'Try again' }).click()
}

step('a prover that hangs is given up, one that dies is noticed: it is said, and the next try succeeds', { skip: why, timeout: 120_000 }, async () => {
  await context.clock.install()
  const before = await books()
  const popup = await ask(board, 'At the third try.')
  await slowly(popup, 'prove')
  await slow(popup)
  await unlock(popup)
  await stands(popup, 'prove')
  await proveButton(popup).click()
  await popup.getByText('Making the proof on this computer').waitFor()
  let worker = await prover(popup)
  worker.evaluate(() => { Atomics.wait(new Int32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer), 0, 0) }).catch(() => {}) // until it is ended
  await popup.clock.fastForward('01:01')
  await popup.getByText('That took too long.').waitFor()
  assert.equal(await popup.getByRole('button', { name: 'Cancel' }).count(), 0)
  await again(popup)

  await stands(popup, 'prove')
  worker = await prover(popup)
  await proveButton(popup).click()
  await popup.getByText('Making the proof on this computer').waitFor()
  await dies(worker)
  await popup.getByText('The prover has stopped.').waitFor()
  await again(popup)

  // While the person reads it is of no consequence: another takes its place.
  await stands(popup, 'prove')
  await proveButton(popup).waitFor()
  await dies(await prover(popup))
  assert.equal(await books(), before, 'a slot was used that nobody was shown')
  await popup.evaluate(() => { window.still = {} })
  await proveButton(popup).click()
  await stands(popup, 'prove')
  await parting(popup, () => goOn(popup, 'prove'))
  await board.locator('.post', { hasText: 'At the third try.' }).getByRole('button', { name: /verified human/ }).waitFor()
  assert.notEqual(await books(), before)
})

/** What a renderer had at its most depends on what it compiled meanwhile: the exact limit is for a machine that does nothing else. */
const limit = process.env.PERHUMAN_LONG ? 300e6 : 400e6

step('a page and its workers take no more than they may for a proof; once it is made, the prover may die', { skip: why, timeout: 120_000 }, async () => {
  await wallet.close() // pages of one origin may share a process: from here on one proves
  const memory = await watchMemory(context.browser())
  const popup = await ask(board, 'Made by one that is gone.')
  const worker = await prover(popup)
  await unlock(popup)
  await popup.locator('button[data-made]').waitFor()
  const most = await memory()
  assert.ok(most > 50e6, `${most} bytes: the page that proves was not looked at`)
  assert.ok(most < limit, `a page took ${most} bytes`)
  await dies(worker)
  await parting(popup, () => proveButton(popup).click())
  await board.locator('.post', { hasText: 'Made by one that is gone.' }).getByRole('button', { name: /verified human/ }).waitFor()
})

step('a helper that dies is done without', { skip: why || (process.env.PERHUMAN_LONG ? false : 'PERHUMAN_LONG=1 ends a helper'), timeout: 120_000 }, async () => {
  const popup = await ask(board, 'By one instead of two.')
  await slowly(popup, 'prove')
  await unlock(popup)
  await stands(popup, 'prove')
  const helper = popup.workers().find((w) => w.url().endsWith('/helper.js'))
  await Promise.all([new Promise((resolve) => helper.once('close', resolve)), helper.evaluate(() => close())])
  await proveButton(popup).click()
  await parting(popup, () => goOn(popup, 'prove'))
  await board.locator('.post', { hasText: 'By one instead of two.' }).getByRole('button', { name: /verified human/ }).waitFor()
})

step('nothing left this machine, and nothing else was complained about', { skip: why, timeout: 60_000 }, async () => {
  assertLoopback(seen, demo.port)
  assert.deepEqual(seen.complaints.filter((c) => !c.includes('as one that has no memory left')), [])
})
