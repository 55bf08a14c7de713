// `perhuman dev`: an app's page and server against the simulator wallet and the
// verifier service of the real binary.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { binary } from '../support/binaries.mjs'
import { assertAccessible, assertFits, launch, skip, watch } from '../support/chromium.mjs'
import { cutOffWords } from '../../closed.js'
import { handoverWords } from '../../handover-words.js'
import { serve } from '../support/site.mjs'
import { test } from '../support/steps.mjs'

const why = skip()
const dir = mkdtempSync(join(tmpdir(), 'perhuman-dev-'))

let site, context, seen, child, wallet, verifier, key

/** The app's server speaks to the verifier service. */
const service = async (path, body) => {
  const answer = await fetch(verifier + path, {
    method: 'POST', body, headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}`, Origin: `http://app.localhost:${site.port}` },
  })
  return { type: 'application/json', body: await answer.text(), status: answer.status }
}

/** @param {boolean} handover @param {string} opener its policy */
const page = (handover, opener) => ({
  type: 'text/html; charset=utf-8', body: `<!doctype html><html lang="en"><title>app</title><script type="module" src="/perhuman/perhuman.js"></script><main><h1>App</h1><perhuman-check action="post" wallet="${wallet}" ${handover ? 'handover' : ''}></perhuman-check></main></html>`,
  headers: { 'Content-Security-Policy': `default-src 'none'; script-src 'self'; img-src 'self'; connect-src 'self' ${wallet}`, 'Cross-Origin-Opener-Policy': opener },
})

before(async () => {
  if (why) return
  site = await serve({
    'app /': () => ({ type: 'text/html; charset=utf-8', body: `<!doctype html><html lang="en"><title>app</title><script type="module" src="/perhuman/perhuman.js"></script><h1>App</h1><perhuman-check action="post" wallet="${wallet}"></perhuman-check></html>` }),
    // Its policy lets it speak to the relay at the wallet's origin.
    'app /phone': () => page(true, 'unsafe-none'),
    'app /apart': () => page(true, 'same-origin; report-to="x"'),
    'app /alone': () => page(false, 'same-origin'),
    'app /popups': () => page(false, 'same-origin-allow-popups'),
    'app /perhuman/challenge': (_, body) => service('/v1/challenges', body),
  })
  child = spawn(binary('perhuman', dir), ['dev', '-rp', `app.localhost:${site.port}`, '-addr', '127.0.0.1:0', '-action', 'post=2/day'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  await new Promise((resolve, reject) => {
    child.on('exit', () => reject(new Error(`perhuman dev ended: ${said}`)))
    child.stdout.on('data', (d) => {
      said += d
      if (said.includes('Bearer ')) resolve(undefined)
    })
  })
  wallet = /wallet="([^"]+)"/.exec(said)[1]
  verifier = /POST (\S+)\/v1\/verify/.exec(said)[1]
  key = /Bearer (\S+)/.exec(said)[1]
  context = await launch()
  seen = watch(context)
})
after(async () => {
  await context?.close()
  child?.kill()
  await site?.close()
  rmSync(dir, { recursive: true, force: true })
})

/** A click on the page's button, and what the simulator then does with its window. */
const asks = async (act) => {
  const page = await context.newPage()
  await page.goto(`http://app.localhost:${site.port}/`)
  await page.evaluate(() => {
    window.heard = new Promise((resolve) => {
      for (const type of ['perhuman-verified', 'perhuman-error']) addEventListener(type, (e) => resolve(e.detail))
    })
  })
  const [popup] = await Promise.all([page.waitForEvent('popup'), page.locator('perhuman-check button').click()])
  await popup.getByRole('button', { name: 'Ada' }).waitFor()
  await act(popup)
  const heard = await page.evaluate(() => window.heard)
  await page.close()
  return heard
}
const verify = async ({ response }) => {
  const [proof, challenge] = response.split('.')
  return JSON.parse((await service('/v1/verify', JSON.stringify({ action: 'post', proof, challenge }))).body)
}
const choose = (name) => (popup) => popup.getByRole('button', { name }).click()

test('a virtual person answers; a spoilt proof, a refusal and a decline look as they will', { skip: why, timeout: 60_000 }, async () => {
  const first = await asks(async (popup) => {
    await assertAccessible(popup, 'simulator wallet')
    await assertFits(popup, 'simulator wallet')
    await choose('Ada')(popup)
  })
  assert.equal((await verify(first)).code, 'ok')
  assert.equal((await verify(first)).code, 'challenge_already_used')

  const spoilt = await asks(async (popup) => {
    await popup.getByRole('button', { name: 'Spoil the proof' }).click()
    await choose('Ada')(popup)
  })
  assert.equal((await verify(spoilt)).code, 'proof_invalid')

  assert.equal((await asks(choose('Ada'))).code, 'quota_exhausted', 'two slots are shown, and there are two')
  assert.equal((await asks(choose('Decline'))).code, 'cancelled')
  assert.notEqual((await verify(await asks(choose('Bao')))).nullifier, (await verify(first)).nullifier)
  assert.deepEqual(seen.complaints, [])
})

test('a page hands over to another browser by a code, whatever time it is there; a code is read once', { skip: why, timeout: 120_000 }, async () => {
  const page = await context.newPage()
  await page.clock.setSystemTime(Date.now() + 3_600_000)
  /** Presses the second button. */
  const code = async () => {
    await page.goto(`http://app.localhost:${site.port}/phone`)
    await page.evaluate(() => {
      window.heard = new Promise((resolve) => {
        for (const type of ['perhuman-verified', 'perhuman-error']) addEventListener(type, (e) => resolve(e.detail))
      })
    })
    await page.getByRole('button', { name: 'Use your phone' }).click()
    await page.getByRole('img', { name: /QR code/ }).waitFor()
    return page.locator('perhuman-check .handover code').textContent()
  }
  const other = await context.browser().newContext()
  const seenThere = watch(other)
  const phone = await other.newPage()
  const address = await code()
  await phone.goto(address)
  await phone.getByText('This came by a code.').waitFor()
  assert.equal(phone.url(), wallet + '/')
  assert.equal(await phone.locator('#site').textContent(), `http://app.localhost:${site.port}`)
  await assertAccessible(phone, 'simulator wallet, asked by a code')
  await assertFits(phone, 'simulator wallet, asked by a code')
  await phone.getByRole('button', { name: 'Chidi' }).click()
  await phone.getByText('Answered. Go on at the page that showed the code.').waitFor()
  assert.equal((await verify(await page.evaluate(() => window.heard))).code, 'ok')
  assert.ok(await page.evaluate(() => document.querySelector('perhuman-check').getResponse()), 'it runs out by a clock that is wrong')

  await phone.goto(address)
  await phone.getByText(/There is no question here: not_found/).waitFor()
  await phone.goto(await code())
  await phone.getByRole('button', { name: 'Decline' }).click()
  assert.equal((await page.evaluate(() => window.heard)).code, 'cancelled')
  await other.close()
  await page.close()
  assert.deepEqual(seen.complaints, [])
  assert.deepEqual(seenThere.complaints.filter((c) => !/status of 404/.test(c)), []) // the code that was read already
})

test('a page that its opener policy keeps apart says so, or goes on by a code; one that allows pop-ups is like any other', { skip: why, timeout: 120_000 }, async () => {
  const app = await context.newPage()
  /** Presses the button; gives the wallet's window and what the page heard. */
  const press = async (path) => {
    await app.goto(`http://app.localhost:${site.port}${path}`)
    await app.evaluate(() => {
      window.heard = []
      for (const type of ['perhuman-verified', 'perhuman-error']) addEventListener(type, (e) => window.heard.push(e.detail))
    })
    const [popup] = await Promise.all([context.waitForEvent('page'), app.getByRole('button', { name: 'Confirm you are one human' }).click()])
    return popup
  }
  const heard = async (n) => {
    await app.waitForFunction((n) => window.heard.length >= n, n)
    return app.evaluate(() => window.heard)
  }
  await press('/alone').then((popup) => heard(1).finally(() => popup.close()))
  assert.deepEqual(await heard(1), [{ code: 'window_cut_off' }])
  await app.getByRole('status').getByText(cutOffWords.en, { exact: true }).waitFor()

  const lost = await press('/apart')
  await app.getByText(handoverWords.en.apart).waitFor()
  await app.getByRole('img', { name: handoverWords.en.code }).waitFor()
  await assertAccessible(app, 'a page kept apart')
  await lost.close()
  const [here] = await Promise.all([context.waitForEvent('page'), app.getByRole('link', { name: handoverWords.en.here }).click()])
  await here.getByRole('button', { name: 'Dalia' }).click()
  const [first, answer] = await heard(2)
  assert.equal(first.code, 'window_cut_off')
  assert.equal((await verify(answer)).code, 'ok')
  await here.close()

  const popup = await press('/popups')
  await popup.getByRole('button', { name: 'Emil' }).click()
  assert.equal((await verify((await heard(1))[0])).code, 'ok')
  await app.close()
  assert.deepEqual(seen.complaints, [])
})
