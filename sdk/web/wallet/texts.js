// Plain sentences in the person's language: for codes, for how often something
// may be done, and for everything else that the pages say.

import { ago } from '../dom.js'
import en from './lang/en.js'

/** @typedef {keyof typeof en} Key */
/** @typedef {Record<Key, string>} Words */

/** The languages there are, by their own names. */
export const languages = { en: 'English', de: 'Deutsch', es: 'Español', zh: '中文' }

const kept = 'perhuman-language'

/** The language that was chosen, or the closest to the browser's. */
function preferred() {
  let chosen
  try {
    chosen = globalThis.localStorage?.getItem(kept)
  } catch {} // storage is off: nothing was chosen
  for (const tag of [chosen, ...globalThis.navigator?.languages ?? []]) {
    const short = tag?.toLowerCase().split('-')[0]
    if (short && Object.hasOwn(languages, short)) return short
  }
  return 'en'
}

/** The language of the page. Another one takes a new load of the page. */
export const language = preferred()

/** @type {Words} */
const words = language === 'en' ? en : (await import(`./lang/${language}.js`)).default

/** @param {string} lang */
export function choose(lang) {
  try {
    localStorage.setItem(kept, lang)
  } catch {} // then it holds for no longer than this page
}

/** A text with its gaps filled. @param {Key} key @param {Record<string, string | number>} [gaps] */
export function t(key, gaps = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => {
    const value = gaps[name] ?? ''
    return typeof value === 'number' ? value.toLocaleString(language) : value
  })
}

/** In one piece: a date that goes on in the next line is read twice. @param {string} text */
const whole = (text) => text.replaceAll(' ', '\u00a0')

/** @param {number} unix seconds */
export const when = (unix) => whole(new Date(unix * 1000).toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short' }))

/** @param {number} unix seconds; the day in UTC, as the log has it */
export const date = (unix) => whole(new Date(unix * 1000).toLocaleDateString(language, { dateStyle: 'medium', timeZone: 'UTC' }))

/** "7 days", "20 seconds". @param {number} seconds */
export function lasting(seconds) {
  const [unit, n] = seconds >= 172800 || seconds === 86400 ? ['day', seconds / 86400] : seconds >= 7200 ? ['hour', seconds / 3600] : seconds >= 120 ? ['minute', seconds / 60] : ['second', seconds]
  return new Intl.NumberFormat(language, { style: 'unit', unit: String(unit), unitDisplay: 'long', maximumFractionDigits: 1 }).format(Number(n))
}

/** @param {unknown} err an error with a code, or a code */
export function sentence(err) {
  const code = codeOf(err), key = `code_${code}`, { cause, at } = /** @type {any} */ (err) ?? {}
  return Object.hasOwn(en, key) ? t(/** @type {Key} */ (key), { n: typeof cause === 'number' ? cause : '', when: typeof at === 'number' ? ago(at, Date.now()) : '' }) : t('code_other', { code })
}

/** @param {unknown} err */
export function codeOf(err) {
  if (typeof err === 'string') return err
  const code = /** @type {any} */ (err)?.code
  return typeof code === 'string' && code ? code : 'failed'
}

/** "today", "in this hour". @param {number} len seconds of a period */
export function periodWord(len) {
  /** @type {Record<number, Key>} */
  const keys = { 3600: 'this_hour', 86400: 'today', 604800: 'this_week' }
  return t(keys[len] ?? 'this_period')
}

/** @param {{kind: string, len: number, k: number}} p */
export function policySentence({ kind, len, k }) {
  if (kind === 'once') return t('once_ever')
  if (kind === 'returning') return t('recognises')
  /** @type {Record<number, Key>} */
  const keys = { 3600: 'an_hour', 86400: 'a_day', 604800: 'a_week' }
  const each = t(keys[len] ?? 'per_period')
  return k === 1 ? t('each_once', { each }) : t('each_times', { k, each })
}
