// What two devices say to each other: only the right key, way and box open it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutOff, cutOffWords, severs } from '../../closed.js'
import { handoverWords } from '../../handover-words.js'
import { languages } from '../../words.js'
import { boxOf, linkOf, newKey, open, readLink, seal } from '../../relay.js'

test('sealed and opened; sizes are whole KiB; nothing is readable', async () => {
  const key = newKey()
  for (const text of ['', 'a', 'ü'.repeat(400), '字'.repeat(2000)]) {
    const message = { type: 'perhuman-request', action: 'post', content: { text } }
    const sealed = await seal(key, 'question', message)
    assert.equal(sealed.length % 1024, 0)
    assert.ok(sealed.length <= 8192)
    assert.equal(Buffer.from(sealed).indexOf('perhuman'), -1)
    assert.deepEqual(await open(key, 'question', sealed.buffer), message)
  }
  for (let n = 900; n < 1100; n++) assert.equal((await seal(key, 'question', 'x'.repeat(n))).length % 1024, 0, `${n}`)
  const [a, b] = [await seal(key, 'question', {}), await seal(key, 'question', {})]
  assert.notDeepEqual(a.slice(0, 12), b.slice(0, 12), 'a nonce came twice')
  const refusal = await seal(key, 'answer', { type: 'perhuman-error', code: 'cancelled' })
  const proof = await seal(key, 'answer', { type: 'perhuman-response', response: 'x'.repeat(344 + 1 + 375) })
  assert.equal(refusal.length, proof.length, 'the relay could tell a refusal from a proof')
})

test('another key, the other way, another box, a changed byte: none opens', async () => {
  const key = newKey()
  const question = await seal(key, 'question', { type: 'q' }), answer = await seal(key, 'answer', { type: 'a' })
  await assert.rejects(open(newKey(), 'question', question.buffer))
  await assert.rejects(open(key, 'answer', question.buffer), 'a question passes for an answer')
  await assert.rejects(open(key, 'question', answer.buffer), 'an answer passes for a question')
  assert.match(await boxOf(key), /^[\w-]{22}$/)
  assert.notEqual(await boxOf(key), await boxOf(newKey()))
  for (const at of [0, 11, 12, 500, question.length - 1]) {
    const changed = question.slice()
    changed[at] ^= 1
    await assert.rejects(open(key, 'question', changed.buffer), `${at}`)
  }
  await assert.rejects(open(key, 'question', new ArrayBuffer(0)))
  await assert.rejects(open(key, 'question', question.slice(0, 27).buffer))
})

test('a link is read whole or not at all', () => {
  const key = newKey()
  const link = linkOf('https://wallet.example', key)
  assert.ok(link.startsWith('https://wallet.example/?phone#'))
  const { hash } = new URL(link)
  assert.deepEqual(readLink(hash), key)
  for (const bad of ['', '#', hash.slice(0, -1), hash + 'A', hash.slice(1), hash.replace('#', '#A.'), '#' + '/' + 'A'.repeat(42)]) assert.throws(() => readLink(bad), bad)
})

test('the panel of a hand-over has every word in every language', () => {
  const { en, ...others } = handoverWords
  for (const [lang, list] of Object.entries(others)) {
    assert.deepEqual(Object.keys(list), Object.keys(en), lang)
    const flat = ({ codes, ...rest }) => ({ ...rest, ...codes })
    assert.deepEqual(Object.keys(flat(list)), Object.keys(flat(en)), lang)
    for (const [key, text] of Object.entries(flat(list))) assert.ok(text.trim() && text !== flat(en)[key], `${lang} ${key}`)
  }
})

test('which opener policies cut a page off, and every language says so', () => {
  for (const header of ['same-origin', ' same-origin ', 'same-origin; report-to="coop"', 'same-origin;report-to=x']) assert.ok(severs(header), header)
  for (const header of [null, '', 'unsafe-none', 'same-origin-allow-popups', 'noopener-allow-popups', 'same-origin-allow-popups; report-to="same-origin"', 'same-site']) assert.ok(!severs(header), `${header}`)
  assert.equal(cutOff, 'window_cut_off')
  assert.deepEqual(Object.keys(cutOffWords).toSorted(), languages.toSorted())
  for (const [lang, text] of Object.entries(cutOffWords)) assert.ok(text.trim() && (lang === 'en' || text !== cutOffWords.en), lang)
})
