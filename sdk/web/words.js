// What the widget says. English is here, other languages are files of their own
// that a page loads when it needs them. A test checks that no key is missing.

const en = {
  prompt: 'Confirm you are one human',
  opening: 'Opening your wallet …',
  waiting: 'Continue in the wallet window',
  proving: 'Your wallet is making the proof …',
  verified: 'One human, confirmed',
  expired: 'The confirmation ran out. Confirm again.',
  required: 'Please confirm that you are one human.',
  retry: 'Try again',
  popup_blocked: 'The browser blocked the wallet window. Allow pop-ups for this page and try again.',
  cancelled: 'The wallet was closed before it answered.',
  timeout: 'The wallet did not answer in time.',
  not_member: 'You are not verified yet. Open your wallet and become verified first.',
  quota_exhausted: 'You have used up what this site lets one person do in this period.',
  crowd_too_small: 'The group to hide in is still too small.',
  roots_stale: 'The issuer has not been heard from for too long. Try again later.',
  challenge_expired: 'That took too long. Try again.',
  network: 'This site did not answer. Try again.',
  wrong_app: 'This button belongs to another site.',
  failed: 'That did not work.',
}

/** @typedef {keyof typeof en} Word */

/** @type {Record<string, Record<Word, string>>} */
const loaded = { en }

/** The languages there are. */
export const languages = ['en', 'de', 'zh', 'es']

/** The closest language there is. @param {string} lang */
export const closest = (lang) => languages.find((l) => l === lang.toLowerCase().split('-')[0]) ?? 'en'

/** The words of the closest language that is loaded. @param {string} lang */
export const wordsFor = (lang) => loaded[closest(lang)] ?? en

/** Loads the closest language; true if that brought words that were not there. @param {string} lang */
export async function load(lang) {
  const l = closest(lang)
  if (loaded[l]) return false
  const file = await import(`./words-${l}.js`)
  loaded[l] = file.words
  return true
}
