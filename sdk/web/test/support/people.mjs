// What a person does with the pages, as the tests play it.
import assert from 'node:assert/strict'
import { readBackupCode } from '../../wallet/custody.js'
import { patience } from './steps.mjs'
import walletWords from '../../wallet/lang/en.js'
import issuerWords from '../../../../demo/web/issuer/lang/en.js'

export const passphrase = 'four unrelated words here'

/** Makes a wallet with a passphrase in an open wallet page. @param {typeof walletWords} [words] its language */
export async function makeWallet(page, words = walletWords) {
  await page.getByRole('heading', { name: words.welcome_title }).waitFor()
  await page.getByRole('button', { name: words.use_passphrase }).click()
  await page.getByLabel(words.passphrase, { exact: true }).fill(passphrase)
  await page.getByLabel(words.same_again).fill(passphrase)
  await page.getByRole('button', { name: words.make_my_secret, exact: true }).click()
  await page.getByRole('heading', { name: words.become_title }).waitFor()
}

/** Opens the issuer's window from the wallet and agrees. @returns the issuer's page, asking for the kind of capture */
export async function openIssuer(wallet, words = walletWords, there = issuerWords) {
  const [issuer] = await Promise.all([wallet.context().waitForEvent('page'), wallet.getByRole('button', { name: words.become, exact: true }).click()])
  await issuer.getByLabel(there.agree).check()
  return issuer
}

export async function agree(issuer, there = issuerWords) {
  // Who enrols among too few reads a set that is too small to hide in, and reads it again only minutes later.
  await issuer.evaluate(async () => {
    for (const end = Date.now() + 240_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 300))) {
      const { synthetic, goal } = await (await fetch('/demo/crowd')).json()
      if (synthetic > 0 && synthetic === goal) return
    }
    throw new Error('the crowd does not come together')
  })
  await issuer.getByRole('button', { name: there.next }).click()
  await issuer.getByRole('button', { name: there.by_iris }).waitFor()
}

/** Enrols with a simulated iris. @param {string} name of the made-up person */
export async function captureIris(issuer, name, there = issuerWords) {
  await issuer.getByRole('button', { name: there.by_iris }).click()
  await issuer.getByLabel(name).check()
  await issuer.getByRole('button', { name: there.capture_iris }).click()
}

/** Enrols with the camera. */
export async function captureFace(issuer) {
  await issuer.getByRole('button', { name: /Your face, by camera/ }).click()
  await issuer.locator('video').waitFor()
}

/** Recovers by a new capture of a made-up person, from a fresh wallet. @returns once the issuer has it announced */
export async function recoverAs(wallet, name) {
  await wallet.getByRole('button', { name: /lost everything/ }).click()
  const dialog = wallet.getByRole('dialog', { name: 'Recover by a new capture' })
  await dialog.waitFor()
  const [issuer] = await Promise.all([wallet.context().waitForEvent('page'), dialog.getByRole('button', { name: 'Go to the capture' }).click()])
  await issuer.getByLabel(/I have read this/).check()
  await agree(issuer)
  await captureIris(issuer, name)
  await issuer.getByRole('heading', { name: /your recovery is announced/ }).waitFor({ timeout: 60_000 })
  await backToWallet(issuer)
}

export async function untilMember(wallet) {
  await wallet.getByRole('heading', { name: /You are one of \d+ people/ }).waitFor({ timeout: 60_000 })
}

/** Reads the secret off the backup code, as the person would. */
export async function readSecret(wallet) {
  await wallet.getByRole('button', { name: 'Words on paper' }).click()
  const code = await wallet.locator('dialog .code').textContent()
  await wallet.getByRole('button', { name: 'I have it on paper' }).click()
  return { code, secret: await readBackupCode(code) }
}

/** Writes a post and presses the button. @returns the wallet's window, with the question open */
export async function ask(board, text) {
  await board.getByLabel('Your post').fill(text)
  const [popup] = await Promise.all([board.context().waitForEvent('page'), board.locator('#check').getByRole('button').first().click()])
  await popup.getByRole('heading', { name: /asks: are you one human/ }).waitFor()
  return popup
}

export async function unlock(popup) {
  await popup.getByLabel('Passphrase').fill(passphrase)
  await popup.getByRole('button', { name: 'Unlock', exact: true }).click()
}

/** Reads the set first, if the wallet says that it has to; then the wallet can prove. */
export async function readied(popup) {
  const yes = popup.getByRole('button', { name: 'Prove it' }), read = popup.getByRole('button', { name: 'Update it now' })
  await yes.or(read).waitFor({ timeout: 60_000 })
  if (await read.isVisible()) await read.click()
  await yes.waitFor({ timeout: 60_000 })
  return yes
}

/** The same, and proves; until the window has closed itself. */
export async function prove(popup) {
  const yes = await readied(popup)
  await parting(popup, () => yes.click())
}

/**
 * Does what a window closes itself upon, and waits until it is gone: which is
 * sometimes before the browser has told that the click went through.
 * @param {import('playwright-core').Page} page @param {() => Promise<unknown>} act
 */
export async function parting(page, act) {
  let failed
  await Promise.all([
    page.waitForEvent('close', { timeout: 60_000 * patience }).catch((err) => { throw failed ?? err }),
    act().catch((err) => { failed = err }),
  ])
}

/** From the text to the post on the board. */
export async function post(board, text) {
  const popup = await ask(board, text)
  await unlock(popup)
  await prove(popup)
  await board.locator('.post', { hasText: text }).getByRole('button', { name: /verified human/ }).waitFor()
}

/** The same with nothing but keys. */
export async function postByKeyboard(board, text) {
  await board.getByLabel('Your post').focus()
  await board.keyboard.type(text)
  await board.keyboard.press('Tab')
  const [popup] = await Promise.all([board.context().waitForEvent('page'), board.keyboard.press('Enter')])
  await popup.waitForFunction(() => document.activeElement?.id === 'passphrase')
  await popup.keyboard.type(passphrase)
  await popup.keyboard.press('Enter')
  await popup.waitForFunction(() => document.activeElement?.textContent === 'Prove it')
  await parting(popup, () => popup.keyboard.press('Enter'))
  await board.locator('.post', { hasText: text }).getByRole('button', { name: /verified human/ }).waitFor()
}

/** Every value in a page's IndexedDB, caches and web storage, as one buffer. */
export async function storage(page) {
  const base64 = await page.evaluate(async () => {
    const parts = []
    const add = (v) => {
      if (v instanceof ArrayBuffer) parts.push(new Uint8Array(v))
      else if (ArrayBuffer.isView(v)) parts.push(new Uint8Array(v.buffer, v.byteOffset, v.byteLength))
      else if (Array.isArray(v)) v.forEach(add)
      else if (v && typeof v === 'object') for (const [k, x] of Object.entries(v)) {
        add(k)
        add(x)
      }
      else parts.push(new TextEncoder().encode(String(v)))
    }
    for (const { name } of await indexedDB.databases()) {
      const db = await new Promise((resolve, reject) => Object.assign(indexedDB.open(name), { onsuccess: (e) => resolve(e.target.result), onerror: reject }))
      for (const store of db.objectStoreNames) {
        const s = db.transaction(store).objectStore(store)
        for (const request of [s.getAll(), s.getAllKeys()]) add(await new Promise((resolve) => { request.onsuccess = () => resolve(request.result) }))
      }
      db.close()
    }
    add({ ...localStorage })
    add({ ...sessionStorage })
    add(document.cookie)
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer())
    let text = ''
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768))
    return btoa(text)
  })
  const all = Buffer.from(base64, 'base64')
  assert.ok(all.length > 100)
  return all
}

/** Leaves the enrolment page, which closes its window. @param {import('playwright-core').Page} issuer */
export async function backToWallet(issuer, there = issuerWords) {
  await parting(issuer, () => issuer.getByRole('button', { name: there.to_wallet }).click())
}
