// Why the wallet's window is closed: by the person, or because this page is kept
// apart from other origins' windows. A page that is sent with
// Cross-Origin-Opener-Policy: same-origin loses a window when it leaves the page's
// origin; to the page it looks closed, and the window knows nobody to answer.
// Loaded when that may have happened. No script is told its page's own policy, so
// the page is asked for once more, its head alone.

import { AskError } from './ask.js'
import { languages, wordsFor } from './words.js'

/** The code of it, in the widget's words. */
export const cutOff = 'window_cut_off'

/** A test checks that no language is missing. @type {Record<string, string>} */
export const cutOffWords = {
  en: 'This site keeps other windows from answering it, so the wallet could not. The site has to allow pop-ups (Cross-Origin-Opener-Policy).',
  de: 'Diese Website lässt sich von anderen Fenstern nicht antworten, also auch nicht von der Wallet. Die Website muss Pop-ups erlauben (Cross-Origin-Opener-Policy).',
  es: 'Este sitio no deja que otras ventanas le respondan, tampoco la cartera. El sitio debe permitir ventanas emergentes (Cross-Origin-Opener-Policy).',
  zh: '本网站不允许其他窗口向它回应，因此钱包无法作答。网站需要允许弹出窗口（Cross-Origin-Opener-Policy）。',
}

/** @param {string | null} header its value */
export const severs = (header) => /^\s*same-origin\s*(;|$)/.test(header ?? '')

/**
 * Always rejects, with the error that the widget tells.
 * @param {string} [asked] there if the window has heard the question: then nothing keeps it apart
 * @returns {Promise<never>}
 */
export async function closed(asked) {
  if (asked || !(crossOriginIsolated || severs(await policy()))) throw new AskError('cancelled')
  for (const lang of languages) { // those that are loaded
    const words = wordsFor(lang)
    if (lang === 'en' || words !== wordsFor('en')) Object.assign(words, { [cutOff]: cutOffWords[lang] })
  }
  throw new AskError(cutOff)
}

/** That of this page, if it can be had. */
const policy = () => fetch(location.href, { method: 'HEAD' }).then((head) => head.headers.get('Cross-Origin-Opener-Policy'), () => null)
