// What the page says, in the person's language: the one that the server chose,
// which is what the wallet asked for, or else the closest to the browser's.

import en from './lang/en.js'

/** @typedef {keyof typeof en} Key */

export const language = document.documentElement.lang

/** @type {Record<Key, string>} */
const words = language === 'en' ? en : (await import(`./lang/${language}.js`)).default

/** A text with its gaps filled. @param {Key} key @param {Record<string, string | number>} [gaps] */
export function t(key, gaps = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => String(gaps[name] ?? ''))
}

/** The same with elements in the gaps. @param {Key} key @param {Record<string, Node>} gaps @returns {(string | Node)[]} */
export function parts(key, gaps) {
  return words[key].split(/\{(\w+)\}/).map((part, n) => n % 2 ? gaps[part] : part)
}

/** What a refusal by this code means. @param {string} code */
export function explain(code) {
  const key = `code_${code}`
  return t(Object.hasOwn(en, key) ? /** @type {Key} */ (key) : 'code_other')
}
