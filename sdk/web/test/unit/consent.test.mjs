// Text of others on the consent screen: nothing in it is hidden, and nothing
// that people really write is spoilt.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mixed, plainly } from '../../wallet/consent.js'

test('what hides, or turns around what follows, is shown as its number', () => {
  for (const [text, shown] of [
    ['pay \u202eknab', 'pay ⟨U+202E⟩knab'], // right-to-left override
    ['\u2066a\u2069', '⟨U+2066⟩a⟨U+2069⟩'], ['a\u200bb', 'a⟨U+200B⟩b'], ['a\u00adb', 'a⟨U+00AD⟩b'], ['\ufeffa', '⟨U+FEFF⟩a'],
    ['a\u0000\u0007\u001b[31m\u007f\u0085', 'a⟨U+0000⟩⟨U+0007⟩⟨U+001B⟩[31m⟨U+007F⟩⟨U+0085⟩'], ['a\rb', 'a⟨U+000D⟩b'], ['a\u2028b', 'a⟨U+2028⟩b'],
    ['a\u3164b\u115f', 'a⟨U+3164⟩b⟨U+115F⟩'], // fillers, which are letters by name
    ['a\u034fb', 'a⟨U+034F⟩b'], ['\ue000\u{f0000}', '⟨U+E000⟩⟨U+F0000⟩'], ['\ud800', '⟨U+D800⟩'], ['\u{e0041}', '⟨U+E0041⟩'],
    ['a\u200db', 'a⟨U+200D⟩b'], ['a\ufe0f', 'a⟨U+FE0F⟩'],
    ['a' + '\u0301'.repeat(2000), 'a' + '\u0301'.repeat(6) + '⟨+1994⟩'],
  ]) assert.equal(plainly(text), shown)
})

test('what people write stays as it is', () => {
  for (const text of ['Grüße, naïve façade', 'двойной', '您的文字', 'שלום עולם', 'नमस्ते', 'می\u200cخواهم', 'क्\u200dष', '👩\u200d💻 ❤\ufe0f 👍🏽', 'two\nlines\tand a tab', '“quotes” — dashes … ½', 'Tiếng Việt']) {
    assert.equal(plainly(text), text)
  }
})

test('words of several alphabets that look alike are told from texts in several', () => {
  for (const text of ['pаypal', 'Αpple', 'say gооgle twice']) assert.ok(mixed(text), text)
  for (const text of ['paypal', 'привет world', 'Ελλάδα is Greece', '東京タワー', 'naïve', '']) assert.ok(!mixed(text), text)
})
