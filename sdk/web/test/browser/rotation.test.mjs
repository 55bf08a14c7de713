// Issuers change their keys. The person was enrolled by the command line, whose
// backup file the page takes over; the processes are real. One issuer signs with
// both keys for a while: nothing is lost, and receipts of before still hold. One
// uses the change to show another history. One speaks with the new key alone.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before } from 'node:test'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { openFile, sealFile } from '../../wallet/backup.js'
import { launch, skip, watch } from '../support/chromium.mjs'
import { binary, offline } from '../support/binaries.mjs'
import { asking, grounds } from '../support/issuers.mjs'
import { call } from '../support/local.mjs'
import { passphrase, unlock } from '../support/people.mjs'
import { picture } from '../support/pictures.mjs'
import { steps, until } from '../support/steps.mjs'

const why = skip()
const step = steps()
const strangers = (/** @type {number} */ n) => Array.from({ length: n }, () => BigInt('0x' + randomBytes(31).toString('hex')).toString())
const names = ['people', 'forked', 'lone']
let place, site, context, seen, wallet, file, foreign
/** @type {Record<string, any>} */
const issuers = {}

/** The wallet's page, as it follows one key or the other of each. @param {Record<string, string>} keys @param {number} [port] */
const open = (keys, port) => asking(place, names.map((name) => `${keys[name]},${issuers[name].at}`), [foreign], port)
/** The card of an issuer. @param {string} name */
const card = (name) => wallet.locator('.stack', { has: wallet.locator('> .card.status') }).nth(names.indexOf(name))
/** Its place, opened. @param {string} name */
const placeAt = async (name) => {
  const details = card(name).locator('details', { has: wallet.getByText(/^Your place at /) })
  if (!await details.evaluate((el) => el.open)) await details.locator('summary').click()
  return details
}
const member = (/** @type {string} */ name) => card(name).getByRole('heading', { name: /You are one of \d+ people/ }).waitFor({ timeout: 60_000 })
/** The receipt of the enrolment, as the page checks it. @param {string} name */
const receipt = async (name) => {
  const row = (await placeAt(name)).locator('[data-kind=enrolment]')
  await row.getByRole('button', { name: /^Check/ }).click()
  await row.getByText('About this wallet’s identity').waitFor()
  await row.getByText(/of the log says the same/).waitFor()
}

before(async () => {
  if (why) return
  place = await grounds()
  foreign = place.vkey('foreign')
  for (const name of names) issuers[name] = place.issuer(name, strangers(299))
  for (const name of names) await issuers[name].serve('first', '-anchor', '1s')
  // The person, on the command line.
  const dir = join(place.dir, 'wallet'), phrase = join(place.dir, 'phrase')
  writeFileSync(phrase, passphrase + '\n', { mode: 0o600 })
  const run = (/** @type {string} */ what, /** @type {string[]} */ ...args) => place.say('wallet', what, '-dir', dir, '-passphrase-file', phrase, ...args)
  run('new', ...names.flatMap((name) => ['-issuer', `${issuers[name].vkey}=${issuers[name].direct}`]))
  for (const name of names) {
    const { issuer, nonce, commitment } = JSON.parse(run('enrol', '-issuer', issuers[name].vkey))
    const envelope = join(place.dir, `envelope-${name}`), { root, to, consent } = place.device
    writeFileSync(envelope, place.say('capture', 'virtual', '-root', root, '-to', to, '-consent', consent, '-issuer', issuer, '-nonce', nonce, '-commitment', commitment, '-person', '4'))
    run('enrol', '-issuer', issuers[name].vkey, '-session', nonce, '-envelope', envelope)
  }
  await until('the person is in every set', async () => run('status').split(': member').length === names.length + 1)
  file = join(place.dir, 'backup.json')
  run('backup', '-out', file, '-out-passphrase-file', phrase)
  // The page of another device would have written the enrolments down as well.
  const contents = await openFile(readFileSync(file, 'utf8'), passphrase)
  contents.enrolments = (contents.receipts ?? []).filter((r) => r.kind === 'enrolment').map(({ issuer, id, receipt, at }) => ({ issuer, id, receipt, enrolled: at }))
  writeFileSync(file, await sealFile(contents, passphrase))
  // What another operator would serve one day in place of the true history.
  await issuers.forked.stop()
  issuers.forked.copy('other')
  issuers.forked.grow(strangers(2))
  await issuers.forked.serve('first', '-anchor', '1s')
  context = await launch({ workers: false })
  seen = watch(context)
  site = await open(Object.fromEntries(names.map((name) => [name, issuers[name].vkey])))
}, { timeout: 180_000 })
after(async () => {
  await context?.close()
  await site?.stop()
  await place?.stop()
})

step('the file of the command brings the person, and what issuers have signed', { skip: why, timeout: 90_000 }, async () => {
  wallet = await context.newPage()
  await wallet.goto(site.wallet)
  await wallet.getByRole('button', { name: 'Bring a backup' }).click()
  await wallet.getByLabel('Backup file').setInputFiles(file)
  await wallet.getByLabel('Passphrase of the file').fill(passphrase)
  await wallet.getByRole('button', { name: 'Open the file' }).click()
  await wallet.getByLabel('Passphrase', { exact: true }).fill(passphrase)
  await wallet.getByLabel('The same again').fill(passphrase)
  await wallet.getByRole('button', { name: 'Bring it in' }).click()
  for (const name of names) await member(name)
  await receipt('people')
})

step('under new keys: the one that both vouch for goes on, the other history and the lone key stop', { skip: why, timeout: 120_000 }, async () => {
  await wallet.goto('about:blank')
  await Promise.all([site.stop(), ...names.map((name) => issuers[name].stop())])
  /** @type {Record<string, string>} */
  const next = {}
  for (const name of names) next[name] = issuers[name].rotate()
  issuers.forked.grow(strangers(5), 'other')
  // This one signed with both while the wallet was closed.
  await issuers.lone.serve()
  await issuers.lone.stop()
  issuers.lone.retire()
  for (const name of names) await issuers[name].serve(name === 'forked' ? 'other' : 'first', '-anchor', '1s')
  await until('the head is signed by the new key alone', async () => (await call(issuers.lone.at + '/head')).text.split('\n— ').length === 3) // one under the head, one under its checkpoint
  site = await open(next, site.port)
  await wallet.goto(site.wallet)
  await unlock(wallet)
  await member('people')
  await receipt('people')

  await card('forked').getByRole('heading', { name: 'The issuer has shown two different histories' }).waitFor({ timeout: 60_000 })
  const [saved] = await Promise.all([wallet.waitForEvent('download'), card('forked').getByRole('button', { name: 'Save the evidence' }).click()])
  const [command, , , key, , named] = (await card('forked').locator('pre').first().textContent()).split(' ')
  const checked = offline([binary(command, place.dir), 'audit', '-issuer', key, '-fork', await saved.path()])
  assert.match(checked.out, /^LIE  fork\n.*signed two logs/, named)
  assert.equal(checked.status, 1)
  assert.equal(key, issuers.forked.vkey) // the history of before was signed with no other

  const alone = card('lone')
  await alone.getByRole('heading', { name: 'The issuer has a new key that its old one did not sign' }).waitFor({ timeout: 60_000 })
  assert.equal(await alone.locator('pre.key').textContent(), next.lone)
  await picture(wallet, 'wallet-unvouched')
  await receipt('lone')
})

step('a new file still has what was signed under the old keys', { skip: why, timeout: 60_000 }, async () => {
  await wallet.getByRole('button', { name: 'Encrypted file' }).click()
  await wallet.getByLabel('Passphrase', { exact: true }).fill(passphrase)
  await wallet.getByLabel('The same again').fill(passphrase)
  const [saved] = await Promise.all([wallet.waitForEvent('download'), wallet.getByRole('button', { name: 'Save the file' }).click()])
  const { enrolments, receipts } = await openFile(readFileSync(await saved.path(), 'utf8'), passphrase)
  const old = names.map((name) => issuers[name].vkey).sort()
  assert.deepEqual(enrolments.map((e) => e.issuer).sort(), old)
  assert.deepEqual(receipts?.filter((r) => r.kind === 'enrolment').map((r) => r.issuer).sort(), old)
  await wallet.getByRole('button', { name: 'Close' }).click()
})

step('the person who knows the new key goes on with it; a fork stays one', { skip: why, timeout: 90_000 }, async () => {
  const go = card('lone').getByRole('button', { name: 'Go on with the new key' })
  assert.ok(await go.isDisabled())
  await card('lone').getByLabel(/has confirmed this key to me/).check()
  await go.click()
  await member('lone')
  await receipt('lone')
  await wallet.reload()
  await unlock(wallet)
  await member('lone')
  await card('forked').getByRole('heading', { name: 'The issuer has shown two different histories' }).waitFor({ timeout: 60_000 })
  assert.deepEqual(seen.complaints.filter((c) => !/Service Worker registration blocked/.test(c)), [])
})
