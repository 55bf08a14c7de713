// The forms in which the secret may leave the wallet on purpose: words on
// paper, a file under a passphrase, and a short-lived passage to another device.
// The Go package sdk/wallet/backup writes and reads the same words and files; a
// file of vectors holds the two together. The short code is in custody.js.

import { concat, encode, fromBase64url, toBase64url, uint } from '../bytes.js'
import { CustodyError, passphraseKey, rounds } from './custody.js'

/**
 * @typedef {{name: string, until: number, used: number[]}} SlotPage
 * @typedef {{issuer: string, id: string, receipt: string, enrolled: number}} Enrolled
 * @typedef {import('./life.js').Receipt & {issuer: string}} Kept
 * @typedef {{at: number, rp: string, action: string, kind: string, len: number, k: number, issuer: string}} Act
 * @typedef {{created: number, secret: string, pages: SlotPage[], enrolments: Enrolled[], receipts?: Kept[], history: Act[]}} Contents
 */

const count = 25, prefix = 4

/** 19 bits. @param {Uint8Array} secret */
async function wordChecksum(secret) {
  const [a, b, c] = new Uint8Array(await crypto.subtle.digest('SHA-256', concat(encode('perhuman/words/1'), secret)))
  return BigInt(((a << 16) | (b << 8) | c) >>> 5)
}

/** The 25 words of a secret of 32 bytes. @param {Uint8Array} secret @param {string[]} list */
export async function toWords(secret, list) {
  if (secret.length !== 32) throw new CustodyError('backup_unsupported')
  let bits = 0n
  for (const byte of secret) bits = (bits << 8n) | BigInt(byte)
  bits = (bits << 19n) | await wordChecksum(secret)
  return Array.from({ length: count }, (_, i) => list[Number((bits >> BigInt(11 * (count - 1 - i))) & 2047n)])
}

/** Whether a text looks like words rather than like a code, or like base64: one piece with digits or signs in it. @param {string} text */
export const areWords = (text) => !/^\s*(ph1|[a-z\d+/_-]*[\d+/=][a-z\d+/=_-]*\s*$)/i.test(text) && text.trim().split(/[^a-z]+/i).filter(Boolean).length >= 5

/** @param {string} typed a word or its beginning, four letters or more @param {string[]} list */
function find(typed, list) {
  const exact = list.indexOf(typed)
  return exact >= 0 || typed.length < prefix ? exact : list.findIndex((word) => word.startsWith(typed))
}

/** Reads the words however they were typed. @param {string} text @param {string[]} list */
export async function fromWords(text, list) {
  const typed = text.toLowerCase().split(/[^a-z]+/).filter(Boolean)
  if (typed.length !== count) throw new CustodyError('words_count', typed.length)
  let bits = 0n
  for (const [i, word] of typed.entries()) {
    const at = find(word, list)
    if (at < 0) throw new CustodyError('word_unknown', i + 1)
    bits = (bits << 11n) | BigInt(at)
  }
  const sum = bits & 0x7ffffn
  bits >>= 19n
  const secret = new Uint8Array(32)
  for (let i = 31; i >= 0; i--, bits >>= 8n) secret[i] = Number(bits & 255n)
  if (await wordChecksum(secret) !== sum) throw new CustodyError('words_mistyped')
  return secret
}

/** @type {Promise<string[]> | undefined} */
let words
/** The list, loaded when it is first needed. */
export function wordList() {
  words ??= fetch('/perhuman/wallet/words.txt').then(async (r) => {
    const list = (await r.text()).trim().split('\n')
    if (!r.ok || list.length !== 2048) throw new CustodyError('source_unavailable')
    return list
  }).catch((err) => {
    words = undefined
    throw err
  })
  return words
}

const kind = 'perhuman wallet backup', padding = 4096, bound = encode('perhuman/backup-file/1')

/** @param {Contents} contents @param {string} passphrase @returns {Promise<string>} the file's text */
export async function sealFile(contents, passphrase) {
  const salt = crypto.getRandomValues(new Uint8Array(16)), iv = crypto.getRandomValues(new Uint8Array(12))
  const plain = encode(JSON.stringify(contents))
  const padded = new Uint8Array(Math.ceil(plain.length / padding) * padding).fill(32)
  padded.set(plain)
  plain.fill(0)
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: bound }, await passphraseKey(passphrase, salt, rounds), padded)
  padded.fill(0)
  return JSON.stringify({
    perhuman: kind, version: 1, kdf: 'PBKDF2-SHA256', rounds,
    salt: toBase64url(salt), iv: toBase64url(iv), sealed: toBase64url(new Uint8Array(sealed)),
  }, null, 1) + '\n'
}

/** @param {string} text @param {string} passphrase @returns {Promise<Contents>} */
export async function openFile(text, passphrase) {
  let f, salt, iv, sealed
  try {
    if (text.length > most) throw new TypeError()
    f = JSON.parse(text)
    salt = fromBase64url(f.salt)
    iv = fromBase64url(f.iv)
    sealed = fromBase64url(f.sealed)
    if (f.perhuman !== kind || f.version !== 1 || f.kdf !== 'PBKDF2-SHA256' || !Number.isInteger(f.rounds) || f.rounds < 1 || f.rounds > 1e7 || salt.length !== 16 || iv.length !== 12) throw new TypeError()
  } catch {
    throw new CustodyError('file_malformed')
  }
  let plain
  try {
    plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: bound }, await passphraseKey(passphrase, salt, f.rounds), sealed)
  } catch (err) {
    throw new CustodyError('wrong_file_passphrase', err)
  }
  return contentsOf(new TextDecoder().decode(plain))
}

/** How large a file may be, as on the command line. */
const most = 8 << 20
/** Of receipts. */
const kinds = ['enrolment', 'recovery', 'veto', 'deletion', 'tombstone']

/**
 * What a file holds: all of it in the shape that the wallet works with, or nothing is taken. A file opens by a
 * passphrase, which whoever made it knows too.
 * @param {string} text @returns {Contents}
 */
export function contentsOf(text) {
  const word = (/** @type {unknown} */ x) => typeof x === 'string'
  const time = (/** @type {unknown} */ x) => Number.isSafeInteger(x) && Math.abs(Number(x)) <= 8.64e12 // what a date can be
  const slot = (/** @type {any} */ x) => Number.isInteger(x) && x >= 0 && x < 1000
  const list = (/** @type {any} */ x, /** @type {(one: any) => boolean} */ fits) => {
    if (!Array.isArray(x ?? []) || x?.some((/** @type {any} */ one) => one === null || typeof one !== 'object' || !fits(one))) throw new TypeError()
    return x ?? []
  }
  try {
    const { created, secret, pages, enrolments, receipts, history } = JSON.parse(text)
    if (!word(secret) || fromBase64url(secret).length < 16) throw new TypeError()
    return {
      created, secret,
      pages: list(pages, (p) => word(p.name) && time(p.until) && Array.isArray(p.used) && p.used.every(slot)),
      enrolments: list(enrolments, (e) => word(e.issuer) && word(e.id) && word(e.receipt) && time(e.enrolled)),
      history: list(history, (a) => [a.rp, a.action, a.kind, a.issuer].every(word) && time(a.at)),
      ...(receipts ? { receipts: list(receipts, (r) => kinds.includes(r.kind) && word(r.issuer) && word(r.id) && word(r.receipt) && time(r.at) && (r.proof === undefined || word(r.proof))) } : {}),
    }
  } catch (err) {
    throw new CustodyError('file_malformed', err)
  }
}

// Passage to another device: the secret under a key from five words that are
// shown apart from the QR code, good for ten minutes. A photograph of the code
// alone, or the address in a browser's history, opens nothing.
const passage = encode('perhuman/passage/1')
export const passageLife = 600

/** @param {Uint8Array} secret @param {string[]} list @param {number} now unix */
export async function sealPassage(secret, list, now) {
  const draw = crypto.getRandomValues(new Uint16Array(5))
  const key = Array.from(draw, (n) => list[n & 2047])
  const salt = crypto.getRandomValues(new Uint8Array(16)), iv = crypto.getRandomValues(new Uint8Array(12))
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: passage },
    await passphraseKey(key.join(' '), salt, rounds), concat(uint(now + passageLife, 8), secret))
  return { key, text: toBase64url(concat(salt, iv, new Uint8Array(sealed))) }
}

/** @param {string} text @param {string} typed the five words @param {string[]} list @param {number} now unix */
export async function openPassage(text, typed, list, now) {
  const key = typed.toLowerCase().split(/[^a-z]+/).filter(Boolean).map((word) => list[find(word, list)] ?? word)
  let raw
  try {
    raw = fromBase64url(text)
  } catch {
    throw new CustodyError('passage_malformed')
  }
  if (raw.length < 16 + 12 + 8 + 16 + 16) throw new CustodyError('passage_malformed')
  let plain
  try {
    plain = new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: raw.subarray(16, 28), additionalData: passage },
      await passphraseKey(key.join(' '), raw.slice(0, 16), rounds), raw.subarray(28)))
  } catch (err) {
    throw new CustodyError('wrong_passage_words', err)
  }
  const until = Number(new DataView(plain.buffer).getBigUint64(0))
  if (now > until) throw new CustodyError('passage_expired')
  if (now < until - passageLife - 300) throw new CustodyError('clock_wrong')
  return plain.slice(8)
}

