// The widget's languages are complete, and nothing was left in English.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { words, wordsFor } from '../../words.js'

test('every language has every word', () => {
  const keys = Object.keys(words.en).sort()
  assert.deepEqual(Object.keys(words).sort(), ['de', 'en', 'es', 'zh'])
  for (const [lang, list] of Object.entries(words)) {
    assert.deepEqual(Object.keys(list).sort(), keys, lang)
    for (const key of keys) {
      assert.ok(list[key].trim(), `${lang} ${key}`)
      if (lang !== 'en') assert.notEqual(list[key], words.en[key], `${lang} ${key}`)
    }
  }
})

test('the closest language is chosen', () => {
  assert.equal(wordsFor('de-AT'), words.de)
  assert.equal(wordsFor('ZH-Hans-CN'), words.zh)
  assert.equal(wordsFor('fr'), words.en)
  assert.equal(wordsFor('constructor'), words.en)
})
