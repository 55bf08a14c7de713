// Enrolment by camera on the real demo: two films of one person and one of
// another; the wallet's secret under a passkey of a virtual authenticator.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { assertAbsent, assertLoopback, assertNotSent, launch, skip, watch } from '../support/chromium.mjs'
import { clips, skipClips } from '../support/clips.mjs'
import { start } from '../support/demo.mjs'
import { agree, ask, backToWallet, captureFace, makeWallet, openIssuer, passphrase, prove, readSecret, storage, unlock, untilMember } from '../support/people.mjs'
import { picture } from '../support/pictures.mjs'
import { steps } from '../support/steps.mjs'

const why = skip() || skipClips()
const step = steps()
let demo, films
before(async () => {
  if (why) return
  films = clips()
  demo = await start()
}, { timeout: 180_000 })
after(() => demo?.stop())

/** Adds an authenticator to a page. */
async function authenticator(page, more = {}) {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, hasPrf: true,
      isUserVerified: true, automaticPresenceSimulation: true, ...more,
    },
  })
  return { cdp, authenticatorId }
}

const withPasskey = (wallet) => wallet.getByRole('button', { name: 'Make my secret with a passkey' }).click()

step('a passkey keeps the secret; its owner enrols by camera and posts', { skip: why, timeout: 240_000 }, async (t) => {
  const context = await launch({ camera: films.one })
  t.after(() => context.close())
  const seen = watch(context)
  const wallet = await context.newPage()
  await wallet.goto(demo.wallet)
  await authenticator(wallet)
  await withPasskey(wallet)
  await wallet.getByRole('heading', { name: 'Become a verified human' }).waitFor()
  const { secret, code } = await readSecret(wallet)

  await wallet.reload()
  await wallet.getByRole('button', { name: 'Unlock with your passkey' }).click()
  await wallet.getByRole('heading', { name: 'Become a verified human' }).waitFor()
  assert.equal((await readSecret(wallet)).code, code, 'another secret after a reload')

  const issuer = await openIssuer(wallet)
  await agree(issuer)
  await captureFace(issuer)
  await picture(issuer, 'issuer-camera')
  await issuer.getByRole('heading', { name: /You are new here/ }).waitFor({ timeout: 60_000 })
  await backToWallet(issuer)
  await untilMember(wallet)

  // No picture in any request: the largest body is an envelope.
  const sent = seen.requests.filter((r) => r.method === 'POST' && r.url.startsWith(demo.issuer))
  assert.ok(sent.some((r) => r.url.endsWith('/demo/capture')))
  for (const r of sent) assert.ok((r.body?.length ?? 0) < 16_384, `${r.url}: ${r.body?.length} bytes`)
  // And no vector: one part, sealed in the page for the issuer.
  const asked = JSON.parse(sent.find((r) => r.url.endsWith('/demo/capture')).body)
  assert.deepEqual(Object.keys(asked).sort(), ['commitment', 'consent_hash', 'modality', 'session', 'shares'])
  assert.deepEqual(asked.shares.map((s) => Buffer.from(s.sealed, 'base64url').length), [208])

  // A window of its own has no authenticator here, so the wallet opens by a second way there.
  await wallet.getByText('How this wallet opens').click()
  await wallet.getByText('Add a passphrase', { exact: true }).click()
  await wallet.getByLabel('Passphrase', { exact: true }).fill(passphrase)
  await wallet.getByLabel('The same again').fill(passphrase)
  await wallet.getByRole('button', { name: 'Add it' }).click()
  await wallet.getByText('A passphrase', { exact: true }).waitFor()
  const board = await context.newPage()
  await board.goto(demo.board)
  const popup = await ask(board, 'A face nobody saw wrote this.')
  await unlock(popup)
  await prove(popup)
  await board.locator('.post', { hasText: 'A face nobody saw' }).getByRole('button', { name: /verified human/ }).waitFor({ timeout: 60_000 })

  assertNotSent(secret, seen)
  assertAbsent(secret, await storage(wallet), 'IndexedDB or web storage')
  assertLoopback(seen, demo.port)
  assert.deepEqual(seen.complaints, [])
})

step('the same face in another film, under another secret, is refused; with PERHUMAN_LONG=1: another face is not', { skip: why, timeout: 240_000 }, async (t) => {
  for (const [film, heading] of [[films.oneAgain, 'This person cannot enrol twice'], ...process.env.PERHUMAN_LONG ? [[films.other, /You are new here/]] : []]) {
    const context = await launch({ camera: film })
    t.after(() => context.close())
    const wallet = await context.newPage()
    await wallet.goto(demo.wallet)
    await makeWallet(wallet)
    const issuer = await openIssuer(wallet)
    await agree(issuer)
    await captureFace(issuer)
    await issuer.getByRole('heading', { name: heading }).waitFor({ timeout: 60_000 })
    await context.close()
  }
})

step('authenticators that do not fit: no PRF falls back, no user verification and a deleted passkey refuse', { skip: why, timeout: 120_000 }, async (t) => {
  const context = await launch()
  t.after(() => context.close())
  const open = async (options) => {
    const wallet = await context.newPage()
    await wallet.goto(demo.wallet)
    return { wallet, ...await authenticator(wallet, options) }
  }
  const first = await open({ hasPrf: false })
  await withPasskey(first.wallet)
  await first.wallet.getByText(/Use a passphrase instead\.$/).waitFor()
  assert.ok(await first.wallet.getByLabel('Passphrase', { exact: true }).isVisible())
  await first.wallet.close()

  const second = await open({ hasUserVerification: false, isUserVerified: false })
  await withPasskey(second.wallet)
  await second.wallet.getByText(/passkey was not used|did not check that it is you/).waitFor()
  await second.wallet.close()

  const third = await open({})
  await withPasskey(third.wallet)
  await third.wallet.getByRole('heading', { name: 'Become a verified human' }).waitFor()
  await third.wallet.getByRole('button', { name: 'Lock' }).click()
  await third.cdp.send('WebAuthn.setUserVerified', { authenticatorId: third.authenticatorId, isUserVerified: false })
  await third.wallet.getByRole('button', { name: 'Unlock with your passkey' }).click()
  await third.wallet.getByText(/passkey was not used|did not check that it is you/).waitFor()
  assert.ok(await third.wallet.getByRole('heading', { name: 'Your wallet is locked' }).isVisible())
  await third.wallet.close()

  const fourth = await open({})
  await fourth.wallet.evaluate(() => new Promise((resolve, reject) => Object.assign(indexedDB.deleteDatabase('perhuman-wallet'), { onsuccess: resolve, onerror: reject })))
  await fourth.wallet.reload()
  await withPasskey(fourth.wallet)
  await fourth.wallet.getByRole('heading', { name: 'Become a verified human' }).waitFor()
  await fourth.wallet.getByRole('button', { name: 'Lock' }).click()
  await fourth.cdp.send('WebAuthn.clearCredentials', { authenticatorId: fourth.authenticatorId })
  await fourth.wallet.getByRole('button', { name: 'Unlock with your passkey' }).click()
  await fourth.wallet.getByText(/no longer on this device/).waitFor()
})
