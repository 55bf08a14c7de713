// The widget's languages are complete, and nothing was left in English.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { languages, load, wordsFor } from '../../words.js'
import { everyWord } from '../support/words.mjs'

test('every language has every word', async () => {
  const words = await everyWord()
  const keys = Object.keys(words.en).sort()
  assert.deepEqual(languages, ['en', 'de', 'zh', 'es'])
  for (const [lang, list] of Object.entries(words)) {
    assert.deepEqual(Object.keys(list).sort(), keys, lang)
    for (const key of keys) {
      assert.ok(list[key].trim(), `${lang} ${key}`)
      if (lang !== 'en') assert.notEqual(list[key], words.en[key], `${lang} ${key}`)
    }
  }
})

test('the closest language is chosen', async () => {
  const words = await everyWord()
  for (const lang of ['de-AT', 'ZH-Hans-CN', 'fr', 'constructor']) await load(lang)
  assert.equal(await load('de-CH'), false)
  assert.equal(wordsFor('de-AT'), words.de)
  assert.equal(wordsFor('ZH-Hans-CN'), words.zh)
  assert.equal(wordsFor('fr'), words.en)
  assert.equal(wordsFor('constructor'), words.en)
})

test('every language of the wallet has every key, with the same gaps to fill', async () => {
  const en = (await import('../../wallet/lang/en.js')).default
  const gaps = (/** @type {string} */ s) => (s.match(/\{\w+\}/g) ?? []).sort()
  // Words that are the same in the other language, and said so here.
  const alike = { de: ['passphrase', 'utc'], es: [], zh: [] }
  for (const lang of ['de', 'es', 'zh']) {
    const list = (await import(`../../wallet/lang/${lang}.js`)).default
    assert.deepEqual(Object.keys(list).sort(), Object.keys(en).sort(), lang)
    for (const key of Object.keys(en)) {
      assert.ok(list[key].trim(), `${lang} ${key}`)
      assert.deepEqual(gaps(list[key]), gaps(en[key]), `${lang} ${key}`)
      assert.equal(list[key] === en[key], alike[lang].includes(key), `${lang} ${key}`)
    }
  }
})

test('every language of the enrolment page has every key, with the same gaps to fill, and every key is used', async () => {
  const { readFileSync, readdirSync } = await import('node:fs')
  const page = new URL('../../../../demo/web/issuer/', import.meta.url)
  const source = readdirSync(page).filter((n) => n.endsWith('.js')).map((n) => readFileSync(new URL(n, page), 'utf8')).join('\n')
  const read = async (/** @type {string} */ lang) => (await import(`../../../../demo/web/issuer/lang/${lang}.js`)).default
  const gaps = (/** @type {string} */ s) => (s.match(/\{\w+\}/g) ?? []).sort()
  const en = await read('en')
  for (const key of Object.keys(en)) if (!key.startsWith('code_') && key !== 'lang') assert.match(source, new RegExp(`'${key}'`), key)
  for (const lang of ['de', 'es', 'zh']) {
    const list = await read(lang)
    assert.deepEqual(Object.keys(list).sort(), Object.keys(en).sort(), lang)
    for (const key of Object.keys(en)) {
      assert.ok(list[key].trim(), `${lang} ${key}`)
      assert.deepEqual(gaps(list[key]), gaps(en[key]), `${lang} ${key}`)
      assert.notEqual(list[key], en[key], `${lang} ${key}`)
    }
    assert.equal(list.lang, lang)
  }
  // The buttons of the wallet that the page speaks of are called so.
  for (const lang of ['en', 'de', 'es', 'zh']) {
    const { become } = (await import(`../../wallet/lang/${lang}.js`)).default, there = await read(lang)
    for (const key of ['waiting_text', 'from_wallet_text']) assert.ok(there[key].includes(become), `${lang} ${key}`)
  }
})

test('every key of the wallet is used, and every code that the wallet can refuse with has a sentence', async () => {
  const { readFileSync, readdirSync } = await import('node:fs')
  const wallet = new URL('../../wallet/', import.meta.url)
  const source = readdirSync(wallet).filter((n) => n.endsWith('.js')).map((n) => readFileSync(new URL(n, wallet), 'utf8')).join('\n')
  const en = (await import('../../wallet/lang/en.js')).default
  for (const key of Object.keys(en)) if (!key.startsWith('code_')) assert.match(source, new RegExp(`'${key}'`), key)
  const go = readFileSync(new URL('../../../wallet/refusal.go', import.meta.url), 'utf8')
  const internal = ['locked', 'internal_error'] // the page shows its lock, and "that did not work"
  const codes = [...go.matchAll(/ Code += "(\w+)"/g)].map((m) => m[1])
  assert.ok(codes.length > 15)
  for (const code of codes) assert.ok(internal.includes(code) || en[`code_${code}`], code)
})
