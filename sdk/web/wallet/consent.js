// What a proof will be bound to, in words: a post, a vote, a grant to an agent,
// or bytes that this wallet does not understand, and says so. What stands here
// was written by the site or by somebody it quotes, so it is shown so that it
// cannot pretend to be the wallet: as text, apart from the wallet's own
// sentences, and with characters that hide or turn around others made visible.

import { fromBase64url } from '../bytes.js'
import { h } from '../dom.js'
import { t, when } from './texts.js'

/** @typedef {import('./question.js').Request} Request */
/** @typedef {import('../engine.js').Bound & {bytes: Uint8Array}} Read what the engine read, and from which bytes */

/** @param {string} c */
const mark = (c) => `⟨U+${/** @type {number} */ (c.codePointAt(0)).toString(16).toUpperCase().padStart(4, '0')}⟩`

// Controls, formats (the marks of direction among them), what has no glyph, is
// for private use or not assigned, and line separators. Tab and line feed are
// text. Joiners stay where scripts and pictures need them.
const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
const joined = /[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{Script=Myanmar}\ufe0f]$/u
const heaped = /(\p{M}{6})\p{M}+/gu

/**
 * Text of others, with nothing hidden in it: each character that is not seen,
 * or that turns around what follows, is shown as its number, and heaps of marks
 * upon one letter are cut.
 * @param {string} text
 */
export function plainly(text) {
  return text.replace(heaped, (all, first) => `${first}⟨+${[...all].length - 6}⟩`).replace(unseen, (c, at, text) => {
    if (c === '\n' || c === '\t') return c
    if ((c === '\u200c' || c === '\u200d' || c === '\ufe0e' || c === '\ufe0f') && joined.test(text.slice(0, at))) return c
    return mark(c)
  })
}

/** Whether a word mixes letters of alphabets that look alike. @param {string} text */
export const mixed = (text) => (text.match(/[\p{L}\p{M}]+/gu) ?? []).some((word) =>
  [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u, /[\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}]/u].filter((s) => s.test(word)).length > 1)

/** A name of others, in one line and with a direction of its own. @param {string} text */
export const named = (text) => h('bdi', { class: 'theirs' }, plainly(text).replace(/[\n\t]/g, mark))

/** @param {string} text @param {string} [says] what the wallet says of it */
const quoted = (text, says) => h('div', { class: 'stack tight' }, says ? h('span', { class: 'muted small' }, says) : null,
  h('blockquote', { class: 'content', tabindex: 0, dir: 'auto' }, plainly(text)), mixed(text) ? h('span', { class: 'small warned' }, t('mixed')) : null)

/** Text, if the bytes are some. @param {Uint8Array} bytes */
function textOf(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return ''
  }
}

/** The first 16 characters of a key, in fours: enough to compare two. @param {string} key */
const print = (key) => h('code', null, /** @type {RegExpMatchArray} */ (key.slice(0, 16).match(/.{4}/g)).join(' '))

/** @param {string} digest */
const empty = (digest) => fromBase64url(digest).every((b) => b === 0)

/** What is bound, for the person to read; null if nothing is. @param {Request} r @param {Read} [read] @returns {Node | null} */
export function contentView(r, read) {
  if (r.content) {
    return h('div', { class: 'stack tight' }, h('span', { class: 'muted small' }, t('your_text_as'), ' ', named(r.content.author)),
      h('blockquote', { class: 'content', tabindex: 0, dir: 'auto' }, plainly(r.content.text)), mixed(r.content.author + ' ' + r.content.text) ? h('span', { class: 'small warned' }, t('mixed')) : null)
  }
  if (read?.vote) {
    return h('div', { class: 'bound stack tight', id: 'vote' }, h('h2', null, t('vote_title')),
      h('dl', { class: 'pairs' }, h('dt', null, t('vote_choice')), h('dd', null, named(read.vote.choice)), h('dt', null, t('vote_poll')), h('dd', null, named(read.vote.poll))),
      h('p', { class: 'muted small' }, t('vote_names', { rp: r.rp })))
  }
  if (read?.grant) {
    const g = read.grant, over = g.expires * 1000 <= Date.now()
    return h('div', { class: 'bound stack tight', id: 'grant' }, h('h2', null, t('grant_title')),
      h('dl', { class: 'pairs' },
        h('dt', null, t('grant_agent')), h('dd', null, named(g.name), h('span', { class: 'muted small key' }, t('grant_key'), ' ', print(g.agent))),
        h('dt', null, t('grant_where')), h('dd', null, r.rp),
        h('dt', null, t('grant_can')), h('dd', null, h('ul', { class: 'plain' }, g.can.map((action) => h('li', null, named(action))))),
        h('dt', null, t('grant_budget')), h('dd', null, t('grant_times', { n: g.budget })),
        h('dt', null, t('grant_until')), h('dd', { class: over ? 'warned' : undefined }, when(g.expires), over ? ` (${t('grant_over')})` : '')),
      mixed(g.name) ? h('span', { class: 'small warned' }, t('mixed')) : null,
      h('p', { class: 'muted small' }, t('grant_means', { rp: r.rp })),
      h('p', { class: 'muted small' }, t('grant_end'), ' ', print(g.revocation)))
  }
  if (empty(r.content_digest)) return null
  const text = read && textOf(read.bytes)
  return h('div', { class: 'note warn stack tight', id: 'unknown' },
    h('p', null, read ? t('bound_unknown', { n: read.bytes.length, kind: read.kind, print: r.content_digest.slice(0, 10) }) : t('bound_to', { print: r.content_digest.slice(0, 10) })),
    text ? quoted(text, t('bound_reads')) : null)
}

/** What the site learns of the content, and what not. @param {Request} r @param {Read} [read] */
export function learnsContent(r, read) {
  if (r.content) return t('learns_content')
  if (read?.vote) return t('learns_vote')
  if (read?.grant) return t('learns_grant')
  return empty(r.content_digest) ? '' : t('learns_bound')
}

/**
 * A question that came by a code: only the person can know whether the site is
 * open before them, so they have to say it.
 * @param {string} rp @param {() => void} onchange
 */
export function personally(rp, onchange) {
  const box = h('input', { type: 'checkbox', id: 'in-person', onchange })
  return { el: h('label', { class: 'choice', for: 'in-person' }, box, h('span', null, t('in_person', { rp }))), ticked: () => box.checked, focus: () => box.focus() }
}
